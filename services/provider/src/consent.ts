// The owner's consent in the data folder: what was asked last (`owner.request`), and what the owner agreed to (`owner.consent`). Neither is secret.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import type { Static, TObject } from 'typebox'
import { Value } from 'typebox/value'
import { writeDurably } from '@assay/kit/blobs'
import { OperatorError } from '@assay/kit/lifecycle'
import { fromHex, toHex } from '@assay/protocol'
import type { AccountId, Hex, Identity } from '@assay/protocol'
import { ConsentSignatureError, decodeAnswer, encodeRequest, nextPeerOf, readPublicKey, takeNextPeer, toAddress, verifyConsent, walletPayload } from '@assay/runtime-bindings'
import type { Consent } from '@assay/runtime-bindings'

const hex32 = Type.Unsafe<AccountId>(Type.String({ pattern: '^0x[0-9a-f]{64}$' }))
const REQUEST = Type.Object({ version: Type.Literal(1), network: hex32, account: hex32, owner: hex32, peer: hex32 }, { additionalProperties: false })
const CONSENT = Type.Object({ ...REQUEST.properties, signature: Type.Unsafe<Hex>(Type.String({ pattern: '^0x[0-9a-f]{128}$' })) }, { additionalProperties: false })

const requestPath = (dataDir: string): string => join(dataDir, 'owner.request')
export const consentPath = (dataDir: string): string => join(dataDir, 'owner.consent')

/** What the owner is asked: as a line for `assay owner sign`, and as hex for a wallet that signs raw bytes. */
export interface OwnerRequest { line: string, payload: Hex }

/** Makes the request for these keys and keeps it: from now on no answer to an older one is taken. Throws OperatorError DISK. */
export async function makeRequest({ dataDir, network, owner, account, peer }: { dataDir: string, network: AccountId, owner: AccountId, account: AccountId, peer: Hex }): Promise<OwnerRequest> {
  const asked: Static<typeof REQUEST> = { version: 1, network, account, owner, peer }
  await writeDurably(requestPath(dataDir), text(asked))
  const identity = identityOf(asked)
  return { line: encodeRequest(identity), payload: walletPayload(identity) }
}

/** The owner's consent as it lies in the data folder, not verified; null if there is none. Throws OperatorError CONSENT for a file that is damaged or cannot be read. */
export async function readConsent(dataDir: string): Promise<Consent | null> {
  const stored = await readJson(consentPath(dataDir), CONSENT, 'Restore it from a backup, or remove it and give the owner’s answer again: assay machine complete.')
  return stored === null ? null : { identity: identityOf(stored), signature: fromHex(stored.signature) }
}

/** Throws OperatorError CONSENT where the owner agreed to other keys than these or to another network, ConsentSignatureError where it agreed to nothing. */
export function verifyOwnConsent(consent: Consent, { network, account, peer }: { network: AccountId, account: AccountId, peer: Hex }): void {
  const { identity } = consent
  const other = (what: string): OperatorError => new OperatorError('CONSENT', what, { advice: 'Make a request here (assay machine request) and have the owner sign that one.' })
  if (identity.kind !== 'machine') throw other('the owner agreed to a checker, and this is a machine')
  if (identity.account !== account) throw other(`the owner agreed to another machine, ${toAddress(identity.account)}; this one is ${toAddress(account)}`)
  if (identity.network !== network) throw other(`the owner agreed to the network ${toAddress(identity.network)}, not to ${toAddress(network)}`)
  if (identity.peer !== peer) throw other(`the owner agreed to the peer key ${identity.peer}, not to this machine’s, ${peer}`)
  verifyConsent(consent)
}

/** What the owner gave back: the line of `assay owner sign`, or a wallet's signature over the last request's payload. */
export type OwnerAnswer = { line: string } | { signature: Uint8Array }

/**
 * Takes the owner's answer to the last request, if it is one, and keeps it where the next start finds it; the peer key of a rotation that waited for it comes into its place.
 * Throws OperatorError NO_REQUEST or CONSENT, ConsentTextError, ConsentSignatureError, and the keystore's errors.
 */
export async function completeRequest(dataDir: string, answer: OwnerAnswer): Promise<{ state: 'stored' | 'unchanged', identity: Identity, rotated: boolean }> {
  const asked = await readJson(requestPath(dataDir), REQUEST, 'Remove it and make the request again: assay machine request.')
  if (asked === null) throw new OperatorError('NO_REQUEST', `no request was made in ${dataDir}`, { advice: 'Check --data-dir; if it is the right one, begin with assay machine request.' })
  const consent = 'line' in answer ? decodeAnswer(answer.line) : { identity: identityOf(asked), signature: answer.signature }
  const dir = join(dataDir, 'machine')
  const account = await readPublicKey(join(dir, 'account.json'))
  const waiting = await nextPeerOf(dir)
  const peer = waiting ?? (await readPublicKey(join(dir, 'peer.json')))
  if (asked.account !== account || asked.peer !== peer) throw new OperatorError('CONSENT', 'this machine’s keys are others than when the request was made', { advice: 'Make the request again (assay machine request) and have the owner sign that one.' })
  if (consent.identity.owner !== asked.owner) {
    throw new OperatorError('CONSENT', `this is the answer of ${toAddress(consent.identity.owner)}; the last request was to ${toAddress(asked.owner)}`, { advice: 'Give the answer to the last request; to have the other owner, make a request to it first: assay machine request.' })
  }
  verifyOwnConsent(consent, { network: asked.network, account, peer })
  const before = await readConsent(dataDir).catch(() => null) // a damaged one is mended by this
  const unchanged = before !== null && walletPayload(before.identity) === walletPayload(consent.identity) && isSigned(before)
  // The consent first: a start that finds it takes the peer key that it names.
  if (!unchanged) await writeDurably(consentPath(dataDir), text({ ...asked, signature: toHex(consent.signature) }))
  const rotated = await takeNextPeer(dir, peer)
  return { state: unchanged ? 'unchanged' : 'stored', identity: consent.identity, rotated }
}

const identityOf = ({ network, account, owner, peer }: Static<typeof REQUEST>): Identity => ({ kind: 'machine', network, account, owner, peer, addresses: [], evidence: [] })
const text = (value: Static<typeof REQUEST> | Static<typeof CONSENT>): Uint8Array => Buffer.from(`${JSON.stringify(value, null, 1)}\n`)

function isSigned(consent: Consent): boolean {
  try {
    verifyConsent(consent)
    return true
  } catch (error) {
    if (error instanceof ConsentSignatureError) return false
    throw error
  }
}

async function readJson<S extends TObject>(path: string, schema: S, advice: string): Promise<Static<S> | null> {
  const found = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new OperatorError('CONSENT', `the file ${path} cannot be read (${cause.code ?? cause.message})`, { advice: 'Correct its permissions.', cause })
  })
  if (found === null) return null
  try {
    const value: unknown = JSON.parse(found)
    if (Value.Check(schema, value)) return value
  } catch {
    // said below
  }
  throw new OperatorError('CONSENT', `the file ${path} is damaged`, { advice })
}
