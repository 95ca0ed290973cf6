import { createRequire } from 'node:module'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { DOCUMENT_LIMIT, documentIdentity } from '@assay/protocol'
import { accountFromSecret, peerIdOf, peerKey } from './account.ts'
import { cryptoReady } from './crypto.ts'
import { buildDocument, readDocument } from './document.ts'

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

  test('is read as the SDK reads it, in both encodings', () => {
    const read = readDocument(document)!
    const { services, ...sdks } = Document.deserializeBinary(document).toObject() as { services: { serviceEndpoint?: string }[] }
    expect(read).toEqual({ ...sdks, signature: null, services: services.map((one) => ({ ...one, serviceEndpoint: one.serviceEndpoint ?? '' })) })
    expect(read.services.map(({ id }) => id)).toEqual(['#p2p', '#payment', '#assay'])
    expect(readDocument(latin1(hex(document)))).toEqual(read)
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

describe('anybody’s document', () => {
  const EMPTY = { id: '', controller: '', verificationMethods: [], signature: null, services: [], authentications: [] }

  test('is read with what it has: of texts that are there twice the last, of unknown fields nothing', () => {
    const signed = field(4, join(field(1, 'Sr25519'), field(2, 'issuer'), field(3, 'hash')))
    expect(readDocument(join(field(1, 'a'), field(1, 'b'), signed, field(6, 'one'), field(6, 'two'), Uint8Array.of(0x50, 0x96, 0x01)))).toEqual({ ...EMPTY, id: 'b', signature: { type: 'Sr25519', issuer: 'issuer', hash: 'hash' }, authentications: ['one', 'two'] })
    const written = '<script>alert(1)</script>\u202e\0'
    expect(readDocument(field(2, Uint8Array.from(Buffer.from(written))))).toEqual({ ...EMPTY, controller: written })
  })

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['text', latin1('hello')],
    ['a text that is no UTF-8', field(1, Uint8Array.of(0xc3, 0x28))],
    ['a number where a text belongs', Uint8Array.of(0x08, 0x01)],
    ['a service that is no message', field(5, 'zzz')],
    ['a service with a text that is no UTF-8', field(5, field(4, Uint8Array.of(0xff)))],
    ['more services than anybody reads', join(...Array.from({ length: 65 }, () => field(5, '')))],
    ['more keys than anybody reads', join(...Array.from({ length: 65 }, () => field(6, 'x')))],
    ['more than the limit', field(1, 'x'.repeat(DOCUMENT_LIMIT))],
  ])('that is %s is not read', (_, bytes) => expect(readDocument(bytes)).toBeNull())

  test('is read or not, whatever the bytes, and what the SDK cannot read is none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readDocument(bytes)))
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(document.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 }), fc.nat(document.length), (changes, cut) => {
      const damaged = Uint8Array.from(document)
      for (const [at, byte] of changes) damaged[at] = byte
      const read = readDocument(damaged.subarray(0, cut))
      if (read !== null) expect(Document.deserializeBinary(damaged.subarray(0, cut)).toObject()['id']).toBe(read.id)
    }))
  })
})
