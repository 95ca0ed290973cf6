import { createRequire } from 'node:module'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { DOCUMENT_LIMIT, documentIdentity } from '@assay/protocol'
import { accountFromSecret, peerIdOf, peerKey } from './account.ts'
import { cryptoReady } from './crypto.ts'
import { buildDocument } from './document.ts'

interface Proto {
  Document: { deserializeBinary(bytes: Uint8Array): { toObject(): Record<string, unknown> } }
}
// the SDK's own reader, as a second opinion
const sdk = createRequire(createRequire(import.meta.url).resolve('@peaq-network/sdk'))
const { Document } = sdk('peaq-did-proto-js') as Proto

const identity = Uint8Array.from({ length: 400 }, (_, i) => i & 0xff)
const peer = peerKey(new Uint8Array(32).fill(7))
let document: Uint8Array
let machine: string
let owner: string
beforeAll(async () => {
  await cryptoReady()
  const [m, o] = [accountFromSecret('//Machine'), accountFromSecret('//Owner')]
  machine = m.address
  owner = o.address
  document = await buildDocument({ account: m.id, owner: o.id, peer: peer.publicKey, addresses: ['/ip4/127.0.0.1/tcp/4001', '/ip4/10.0.0.1/tcp/4001'], identity })
})
const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

// protobuf by hand
const field = (number: number, value: Uint8Array | string): Uint8Array => {
  const bytes = typeof value === 'string' ? latin1(value) : value
  const length: number[] = []
  for (let left = bytes.length; ; left >>= 7) {
    length.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    if (left <= 0x7f) break
  }
  return Uint8Array.from([number * 8 + 2, ...length, ...bytes])
}
const service = (id: string, data: string): Uint8Array => field(5, Uint8Array.from([...field(1, id), ...field(2, 'assay'), ...field(4, data)]))
const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

describe('our document', () => {
  test('is what the SDK reads', () => {
    expect(Document.deserializeBinary(document).toObject()).toEqual({
      id: `did:peaq:${machine}`,
      controller: `did:peaq:${machine}`,
      verificationMethods: [{ id: `did:peaq:${machine}#keys-1`, type: 'Ed25519VerificationKey2020', controller: `did:peaq:${machine}`, publicKeyMultibase: expect.stringMatching(/^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/) }],
      signature: undefined,
      services: [
        { id: '#p2p', type: 'p2p', serviceEndpoint: '/ip4/127.0.0.1/tcp/4001', data: peerIdOf(peer.publicKey) },
        { id: '#payment', type: 'payment', serviceEndpoint: undefined, data: owner },
        { id: '#assay', type: 'assay', serviceEndpoint: undefined, data: hex(identity) },
      ],
      authentications: [`did:peaq:${machine}#keys-1`],
    })
  })

  test('gives its identity back, in both encodings', () => {
    expect(documentIdentity(document)).toEqual(identity)
    expect(documentIdentity(latin1(hex(document)))).toEqual(identity)
  })

  test('without an address has a #p2p service all the same', async () => {
    const bare = await buildDocument({ account: accountFromSecret('//M').id, owner: accountFromSecret('//M').id, peer: peer.publicKey, addresses: [], identity })
    expect(Document.deserializeBinary(bare).toObject()).toMatchObject({ services: [{ id: '#p2p', data: peerIdOf(peer.publicKey) }, {}, {}] })
    expect(documentIdentity(bare)).toEqual(identity)
  })
})

describe('what is no document of ours is null', () => {
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['text', latin1('hello')],
    ['no services', field(1, 'did:peaq:5x')],
    ['another service', service('#other', 'aabb')],
    ['identity in upper case', service('#assay', 'AABB')],
    ['identity with 0x', service('#assay', '0xaabb')],
    ['half a byte', service('#assay', 'aab')],
    ['no data', service('#assay', '')],
    ['upper-case hex of a document', latin1(hex(service('#assay', 'aabb')).toUpperCase())],
    ['a group', Uint8Array.of(0x0b)],
    ['field number 0', Uint8Array.of(0x02, 0x00)],
    ['an endless number', new Uint8Array(20).fill(0xff)],
    ['a length beyond the end', Uint8Array.of(0x2a, 0x7f, 0x00)],
  ])('%s', (_, bytes) => expect(documentIdentity(bytes)).toBeNull())

  test('one byte too long', () => {
    const padded = (length: number): Uint8Array => {
      const core = service('#assay', 'aabb')
      return join(core, field(1, 'x'.repeat(length - core.length - 1 - 2))) // less tag and length
    }
    expect(padded(DOCUMENT_LIMIT)).toHaveLength(DOCUMENT_LIMIT)
    expect(documentIdentity(padded(DOCUMENT_LIMIT))).toEqual(Uint8Array.of(0xaa, 0xbb))
    expect(documentIdentity(padded(DOCUMENT_LIMIT + 1))).toBeNull()
  })

  test('any bytes, and any damage to a document, are taken calmly', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const found = documentIdentity(bytes)
      expect(found === null || found.length > 0).toBe(true)
    }))
    fc.assert(fc.property(fc.nat(document.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
      const damaged = Uint8Array.from(document)
      damaged[at] = byte
      expect(() => documentIdentity(damaged)).not.toThrow()
      expect(() => documentIdentity(document.subarray(0, at))).not.toThrow()
    }))
  })
})

test('the first #assay service counts, in whatever company', () => {
  expect(documentIdentity(join(service('#p2p', 'zz'), field(2, 'c'), service('#assay', 'aa'), service('#assay', 'bb')))).toEqual(Uint8Array.of(0xaa))
  expect(documentIdentity(join(Uint8Array.of(0x50, 0x96, 0x01), service('#assay', 'aa')))).toEqual(Uint8Array.of(0xaa)) // a field unknown to us
})
