import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { BlobStore } from '@assay/kit/blobs'
import { blobId, blobsOf, decodeManifest, encodeManifest, type Hash, type Manifest, type RoundFacts, roundFacts } from '@assay/protocol'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { playNetwork } from '../../../protocol/testing/round.ts'
import { evidenceUrls, loadFrom, type MirrorTools, pullPackage } from './mirror.ts'
import { Store } from './store.ts'

const net = playNetwork({ checkers: 3, machines: 2 })
const [me, other, third] = net.checkers.map(({ account }) => account) as [Hash, Hash, Hash]
const played = roundFacts(testCrypto, net.ledger, 0)!
const root = played.packageRoots.get(other)!
const honest = decodeManifest(net.blobs.get(root)!)

type Answer = (id: Hash, response: ServerResponse) => void
let servers: Server[]
let dir: string
let store: Store
let blobs: BlobStore
let tools: MirrorTools
let stop: AbortController
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-mirror-'))
  store = new Store(dir, { network: net.network, account: me })
  blobs = new BlobStore(join(dir, 'blobs'))
  tools = { crypto: testCrypto, me, store, blobs, timeoutMs: 300 }
  stop = new AbortController()
  servers = []
})
afterEach(async () => {
  store.close()
  for (const server of servers) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  rmSync(dir, { recursive: true, force: true })
})

/** Serves evidence as `answer` says; gives the base URL. */
async function serve(answer: Answer): Promise<string> {
  const server = createServer((request, response) => answer(`0x${request.url!.replace('/evidence/', '')}`, response))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const from = (bytes: ReadonlyMap<Hash, Uint8Array>): Answer => (id, response) => void (bytes.has(id) ? response.end(bytes.get(id)) : response.writeHead(404).end())

/** The round's facts with evidence to be had at these URLs of the other two checkers. */
const facts = (own: string[], elsewhere: string[] = [], roots = played.packageRoots): RoundFacts => ({
  ...played,
  // A getter in the original: facts of the chain that the tests leave as they are.
  counted: played.counted,
  packageRoots: roots,
  checkers: played.checkers.map((checker) => ({ ...checker, identity: { ...checker.identity, evidence: checker.account === other ? own : checker.account === third ? elsewhere : ['http://127.0.0.1:1'] } })),
})
const pull = (of: RoundFacts) => pullPackage(tools, of, other, stop.signal)
const heldBlobs = () => Promise.all([root, ...blobsOf(honest).map(({ id }) => id)].map((id) => blobs.has(id)))

test('a package is pulled, kept and published, and pulled once', async () => {
  let asked = 0
  const url = await serve((id, response) => (asked++, from(net.blobs)(id, response)))
  expect(await pull(facts([url]))).toBe('HELD')
  expect(await heldBlobs()).not.toContain(false)
  expect([root, ...blobsOf(honest).map(({ id }) => id)].every((id) => store.isPublished(id))).toBe(true)
  const before = asked
  expect(await pull(facts([url]))).toBe('HELD')
  expect(asked).toBe(before)
})

test('any other checker will do, this one’s own address is never asked', async () => {
  expect(evidenceUrls(facts(['http://own'], ['http://else', 'http://own']).checkers, me, other)).toEqual(['http://own', 'http://else'])
  expect(await pull(facts(['http://127.0.0.1:1'], [await serve(from(net.blobs))]))).toBe('HELD')
})

test('what arrived is kept for the next try', async () => {
  const [last] = blobsOf(honest).slice(-1)
  const partly = new Map([...net.blobs].filter(([id]) => id !== last!.id))
  expect(await pull(facts([await serve(from(partly))]))).toBe('MISSING')
  expect(store.package(0, other)).toBeUndefined()
  expect(store.isPublished(root)).toBe(false)
  expect(await pull(facts([await serve(from(new Map([[last!.id, net.blobs.get(last!.id)!]])))]))).toBe('HELD')
})

describe('hostile servers', () => {
  const hostile: Record<string, Answer> = {
    'wrong bytes': (id, response) => void response.end(Buffer.concat([net.blobs.get(id) ?? Buffer.alloc(0), Buffer.of(0)])),
    'an endless body': (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65536)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    },
    'a body that drips': (_, response) => {
      const drip = setInterval(() => response.write('x'), 20)
      response.once('close', () => clearInterval(drip))
    },
    'no answer': () => {},
    'a redirect': (id, response) => void response.writeHead(302, { location: `http://127.0.0.1:1/evidence/${id.slice(2)}` }).end(),
    'a length that lies': (_, response) => void response.writeHead(200, { 'content-length': '99999999999' }).end('x'),
  }
  test.each(Object.entries(hostile))('%s: given up in time, and the next place is asked', async (_, answer) => {
    const bad = await serve(answer)
    expect(await pull(facts([bad]))).toBe('MISSING')
    expect(await heldBlobs()).not.toContain(true)
    expect(await pull(facts([bad], [await serve(from(net.blobs))]))).toBe('HELD')
  })

  test('nothing is waited for when the signal fires', async () => {
    const url = await serve(() => {})
    tools = { ...tools, timeoutMs: 60_000 }
    const pulling = pull(facts([url]))
    stop.abort(new Error('over'))
    await expect(pulling).rejects.toThrow('over')
  })
})

describe('packages that are no good', () => {
  const posted = async (manifest: Manifest | Uint8Array, more: Uint8Array[] = []) => {
    const bytes = manifest instanceof Uint8Array ? manifest : encodeManifest(manifest)
    const all = new Map([...net.blobs, ...[bytes, ...more].map((blob) => [blobId(testCrypto, blob), blob] as const)])
    return pull(facts([await serve(from(all))], [], new Map([[other, blobId(testCrypto, bytes)]])))
  }
  const withRef = (change: (ref: { id: Hash, size: number }) => { id: Hash, size: number }): Manifest => ({ ...honest, evidence: honest.evidence.map((entry, i) => (i === 0 ? { ...entry, commitments: [change(entry.commitments[0]!)] } : entry)) })

  test.each<[string, Manifest | Uint8Array]>([
    ['garbage', new Uint8Array(200).fill(7)],
    ['of another round', { ...honest, round: 1 }],
    ['of another checker', { ...honest, checker: third }],
    ['with observations that the report did not commit to', { ...honest, observations: honest.observations.map((seen) => ({ ...seen, rttUs: seen.rttUs + 1 })) }],
    ['with a blob larger than the protocol allows', withRef((ref) => ({ ...ref, size: 2 ** 31 }))],
    ['with a size that is not the blob’s', withRef((ref) => ({ ...ref, size: ref.size + 1 }))],
  ])('%s', async (_, manifest) => {
    expect(await posted(manifest)).toBe('REFUSED')
    expect(store.package(0, other)).toBeUndefined()
    expect(store.isPublished(root)).toBe(false)
  })

  test('a blob longer than its manifest says is not had', async () => {
    expect(await posted(withRef((ref) => ({ ...ref, size: ref.size - 1 })))).toBe('MISSING')
  })
})

test('the replay’s evidence comes from here, or from elsewhere and is kept', async () => {
  const load = loadFrom(blobs, () => [], 300, stop.signal)
  expect(await load(root, 10_000)).toBeUndefined()
  const url = await serve(from(net.blobs))
  expect(await loadFrom(blobs, () => [url], 300, stop.signal)(root, 10_000)).toEqual(net.blobs.get(root))
  expect(await load(root, 10_000)).toEqual(net.blobs.get(root))
})
