import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crypto, hashOf, peerKey } from '../testing/crypto.ts'
import { equalBytes, fromHex } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { commitmentBytesLimit, devnetParameters, openingsBytesLimit } from './parameters.ts'
import { commitmentDigest, decodeCommitmentBlob, decodeOpeningsBlob, encodeCommitmentBlob, encodeOpenings, encodeOpeningsBlob, encodeWorkCommitment, type Fold, nonceMessage, nonceOf, openingsDigest, type WorkCommitment } from './work.ts'

const machine = peerKey('machine')
const [k1, k2, k3] = ['x', 'y', 'z'].map(hashOf).sort() as [`0x${string}`, `0x${string}`, `0x${string}`]
const fold = (checker: `0x${string}`, step: number): Fold => ({ checker, signature: peerKey(checker).sign(fromHex(checker)), step })
const commitment: WorkCommitment = {
  network: hashOf('n'), round: 5, machine: hashOf('m'), log2n: 6, facts: hashOf('f'), fill: [],
  folds: [fold(k2, 0), fold(k1, 1), fold(k3, 1)],
  roots: ['1', '2', '3'].map((name) => fromHex(hashOf(name))),
}
const blob = encodeCommitmentBlob(commitment, machine.sign(commitmentDigest(crypto, commitment)))

describe('a commitment', () => {
  test('comes back with its signature', () => {
    const decoded = decodeCommitmentBlob(crypto, blob)
    expect(decoded.commitment).toEqual(commitment)
    expect(crypto.ed25519Verify(decoded.signature, commitmentDigest(crypto, decoded.commitment), fromHex(machine.public))).toBe(true)
    expect(decodeCommitmentBlob(crypto, Uint8Array.of(7, ...blob).subarray(1))).toEqual(decoded)
  })

  test('of one round, network or machine is none of another', () => {
    const digests = [commitment, { ...commitment, round: 6 }, { ...commitment, network: hashOf('o') }, { ...commitment, machine: hashOf('o') }].map((each) => commitmentDigest(crypto, each).join())
    expect(new Set(digests).size).toBe(4)
  })

  const bad: Record<string, Partial<WorkCommitment>> = {
    'no nonce': { folds: [] },
    'none at step 0': { folds: [fold(k1, 1)] },
    'folds out of order': { folds: [fold(k2, 0), fold(k3, 1), fold(k1, 1)] },
    'steps out of order': { folds: [fold(k1, 0), fold(k2, 2), fold(k3, 1)] },
    'a checker twice': { folds: [fold(k1, 0), fold(k1, 1)] },
    'a checker twice at one step': { folds: [fold(k1, 0), fold(k1, 0)] },
    'a fold after the last step': { folds: [fold(k1, 0), fold(k2, 3)] },
    'no steps': { roots: [] },
    'a root of another length': { roots: [new Uint8Array(31)] },
    'a signature of another length': { folds: [{ ...fold(k1, 0), signature: new Uint8Array(63) }] },
  }
  test.each(Object.entries(bad))('with %s is not written', (_, change) => {
    expect(() => encodeWorkCommitment({ ...commitment, ...change })).toThrow(RangeError)
  })

  test('with these faults in its bytes is malformed', () => {
    const firstStep = 1 + 32 + 4 + 32 + 1 + 32 + 1 + 1 + 96
    for (const [at, byte, message] of [
      [firstStep, 1, 'no nonce is folded at step 0'],
      [firstStep + 100, 3, 'a fold after the last step'],
      [firstStep + 100, 2, 'folds do not ascend'],
      [0, 2, 'version 2'],
    ] as const) {
      const changed = Uint8Array.from(blob)
      changed[at] = byte
      expect(() => decodeCommitmentBlob(crypto, changed)).toThrow(message)
    }
  })

  test('beyond a network’s limits is refused', () => {
    expect(() => decodeCommitmentBlob(crypto, blob, { committee: 2, maxSteps: 10 })).toThrow(MalformedError)
    expect(() => decodeCommitmentBlob(crypto, blob, { committee: 3, maxSteps: 2 })).toThrow(MalformedError)
    expect(decodeCommitmentBlob(crypto, blob, { committee: 3, maxSteps: 3 }).commitment).toEqual(commitment)
    const filled = encodeCommitmentBlob({ ...commitment, fill: Array.from({ length: 4 }, () => new Uint8Array(32)) }, new Uint8Array(64))
    expect(() => decodeCommitmentBlob(crypto, filled, { committee: 3, maxSteps: 3 })).toThrow('4 segments')
    expect(blob.length).toBeLessThanOrEqual(commitmentBytesLimit({ committee: 3, maxSteps: 3 }))
  })

  test('may have as many steps as any network allows, and not one more', () => {
    const long = (steps: number): WorkCommitment => ({ ...commitment, roots: Array.from({ length: steps }, () => new Uint8Array(32)) })
    const longest = encodeWorkCommitment(long(2 ** 18))
    const decoded = decodeCommitmentBlob(crypto, encodeCommitmentBlob(long(2 ** 18), new Uint8Array(64)))
    expect(decoded.commitment.roots).toHaveLength(2 ** 18)
    expect(longest.length).toBeLessThan(2 ** 24)
    expect(() => encodeWorkCommitment(long(2 ** 18 + 1))).toThrow(RangeError)
  })

  test('is one encoding or malformed', () => {
    for (let length = 0; length < blob.length; length++) expect(() => decodeCommitmentBlob(crypto, blob.subarray(0, length))).toThrow(MalformedError)
    fc.assert(
      fc.property(fc.nat(blob.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(blob)
        changed[at]! ^= flip
        try {
          const decoded = decodeCommitmentBlob(crypto, changed)
          return equalBytes(encodeCommitmentBlob(decoded.commitment, decoded.signature), changed)
        } catch (error) {
          return error instanceof MalformedError
        }
      }),
      { numRuns: 300 },
    )
  })

  test('that claims a billion roots costs nothing', () => {
    const at = encodeWorkCommitment({ ...commitment, roots: commitment.roots }).length - 3 * 32 - 1
    const lie = Uint8Array.of(...blob.subarray(0, at), 0xfe, 0xff, 0xff, 0xff, ...blob.subarray(at + 1))
    expect(() => decodeCommitmentBlob(crypto, lie)).toThrow('length 1073741823')
  })
})

describe('openings', () => {
  const openings = { network: hashOf('n'), round: 5, machine: hashOf('m'), commitment: hashOf('c'), facts: Uint8Array.of(8, 9), openings: Uint8Array.of(1, 2, 3) }
  const pushed = encodeOpeningsBlob(crypto, openings, machine.sign)
  test('come back signed', () => {
    const { signature, ...decoded } = decodeOpeningsBlob(Uint8Array.of(7, ...pushed).subarray(1))
    expect(decoded).toEqual(openings)
    expect(crypto.ed25519Verify(signature, openingsDigest(crypto, pushed), fromHex(machine.public))).toBe(true)
    expect(pushed.length).toBeLessThanOrEqual(openingsBytesLimit(devnetParameters(0, 10)))
  })
  test('too short or with another tag are malformed', () => {
    const empty = encodeOpeningsBlob(crypto, { ...openings, openings: new Uint8Array() }, machine.sign)
    expect(decodeOpeningsBlob(empty).openings).toEqual(new Uint8Array())
    expect(() => decodeOpeningsBlob(empty.subarray(1))).toThrow(MalformedError)
    for (const length of [3, 4097, 65535]) {
      const lie = Uint8Array.from(empty)
      new DataView(lie.buffer).setUint16(16 + 32 + 4 + 32 + 32, length, true)
      expect(() => decodeOpeningsBlob(lie)).toThrow(`facts of ${length} bytes`)
    }
    expect(() => encodeOpenings({ ...openings, facts: new Uint8Array(4097) })).toThrow(RangeError)
    expect(() => decodeOpeningsBlob(empty.subarray(0, -1))).toThrow(MalformedError)
    expect(() => decodeOpeningsBlob(Uint8Array.of(0, ...empty.subarray(1)))).toThrow('another tag')
  })
  test('cover all that they say', () => {
    for (let at = 0; at < encodeOpenings(openings).length; at++) {
      const changed = Uint8Array.from(pushed)
      changed[at]! ^= 1
      expect(openingsDigest(crypto, changed)).not.toEqual(openingsDigest(crypto, pushed))
    }
  })
})

test('a nonce names network, round, beacon, machine and checker, and its signature makes it', () => {
  const of = (...[n, r, b, m, k]: [string, number, string, string, string]): string => nonceMessage(hashOf(n), r, hashOf(b), hashOf(m), hashOf(k)).join()
  expect(new Set([of('n', 1, 'b', 'm', 'k'), of('o', 1, 'b', 'm', 'k'), of('n', 2, 'b', 'm', 'k'), of('n', 1, 'o', 'm', 'k'), of('n', 1, 'b', 'o', 'k'), of('n', 1, 'b', 'm', 'o')]).size).toBe(6)
  expect(nonceOf(crypto, new Uint8Array(64))).toHaveLength(32)
})
