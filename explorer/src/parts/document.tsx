// A DID document as its owner wrote it. Every text in it is a stranger's: it becomes a text node, set apart from what is around it.
import type { ComponentChildren, JSX } from 'preact'
import { type Schemas, useApi } from '../api.ts'
import { Copy, Fact, Hash } from './names.tsx'
import { Card, Empty, Shown } from './states.tsx'

type Document = NonNullable<Schemas['Document']['document']>

/** Longest text that is shown whole. */
const LONG = 120

/** `path`: where the indexer has it. */
export function DidDocument({ path }: { path: string }): JSX.Element {
  const asked = useApi<Schemas['Document']>(path)
  return (
    <Card name="DID document" size="wide" more={<a href={path}>as JSON</a>}>
      {asked.fault?.code === 'NO_DOCUMENT' ? <Empty>{asked.fault.message}.</Empty> : (
        <Shown asked={asked}>
          {({ document, hash, bytes }) => (
            <>
              {document === null ? <p class="note warn">Its bytes could not be read as a DID document of peaq; they are shown as they are. Whether the machine is registered is decided by its identity alone.</p> : <Readable document={document} />}
              <details class="raw" open={document === null}>
                <summary>As it stands on chain: {(bytes.length - 2) / 2} bytes</summary>
                <p>Hash that was anchored <Hash value={hash} what="the hash of the document" /> · bytes <Copy text={bytes} what="the bytes of the document" /></p>
                <pre class="breaks" tabIndex={0} aria-label="Bytes of the document in hex">{bytes}</pre>
              </details>
            </>
          )}
        </Shown>
      )}
    </Card>
  )
}

function Readable({ document: { id, controller, verificationMethods, signature, services, authentications } }: { document: Document }): JSX.Element {
  return (
    <>
      <dl class="facts">
        <Fact name="Id"><Written text={id} what="the id" /></Fact>
        <Fact name="Controller"><Written text={controller} what="the controller" /></Fact>
        {signature !== null && <Fact name="Signature">{signature.type !== '' && <><Written text={signature.type} what="the type of the signature" /> by </>}<Written text={signature.issuer} what="the issuer" /> <Written text={signature.hash} what="the hash that is signed" /></Fact>}
        {authentications.length > 0 && <Fact name="Authenticates with">{authentications.map((one, i) => <span key={i} class="line"><Written text={one} what="the key’s id" /></span>)}</Fact>}
      </dl>
      <Entries name="Verification methods" entries={verificationMethods} none="It names no key.">{({ id, type, publicKeyMultibase, controller }) => <><Written text={id} what="the key’s id" /><Part name="type" text={type} /><Part name="key" text={publicKeyMultibase} /><Part name="controller" text={controller} /></>}</Entries>
      <Entries name="Services" entries={services} none="It names no service.">{({ id, type, serviceEndpoint, data }) => <><Written text={id} what="the service’s id" /><Part name="type" text={type} /><Part name="at" text={serviceEndpoint} /><Part name="data" text={data} /></>}</Entries>
    </>
  )
}

function Entries<T>({ name, entries, none, children }: { name: string, entries: readonly T[], none: string, children: (entry: T) => ComponentChildren }): JSX.Element {
  return (
    <div>
      <h3>{name}</h3>
      {entries.length === 0 ? <p class="dim">{none}</p> : <ul class="lines plain">{entries.map((entry, i) => <li key={i}>{children(entry)}</li>)}</ul>}
    </div>
  )
}

const Part = ({ name, text }: { name: string, text: string }): JSX.Element | null => (text === '' ? null : <span class="line"><span class="dim small">{name}</span> <Written text={text} what={name} /></span>)

/** A stranger's text; of a long one the beginning, and all of it to copy. */
function Written({ text, what }: { text: string, what: string }): JSX.Element {
  if (text === '') return <span class="dim">none</span>
  return <><bdi class="mono breaks">{text.length > LONG ? `${text.slice(0, LONG)}…` : text}</bdi> <Copy text={text} what={what} /></>
}
