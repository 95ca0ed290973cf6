import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOf } from '../testing/crypto.ts'
import { equalBytes } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { blobsOf, decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import { devnetParameters, manifestBytesLimit } from './parameters.ts'
import type { Observation } from './report.ts'

const observation: Observation = { machine: hashOf('m'), outcome: 'RAN', reason: 'OK', commitment: hashOf('one'), lastStep: 1, lastKey: hashOf('k'), downKbps: 0, upKbps: 0, rttUs: 0, firstUs: 70 }
const machines = ['m', 'o'].map(hashOf).sort()
const manifest: Manifest = {
  network: hashOf('n'),
  round: 1,
  checker: hashOf('c'),
  salt: hashOf('s'),
  observations: machines.map((machine) => ({ ...observation, machine })),
  evidence: machines.map((machine) => ({ machine, commitments: [{ id: hashOf('one'), size: 1 }, { id: hashOf('two'), size: 2 }], openings: [{ id: hashOf('open'), size: 3 }] })),
}
const bytes = encodeManifest(manifest)

test('comes back, and at its fullest stays within its limit', () => {
  expect(decodeManifest(bytes)).toEqual(manifest)
  expect(bytes.length).toBeLessThanOrEqual(manifestBytesLimit(devnetParameters(0, 10), 2))
  expect(manifestBytesLimit(devnetParameters(0, 10), 2) - bytes.length).toBeLessThan(10)
})

test('names each blob once', () => {
  expect(blobsOf(manifest)).toEqual([{ id: hashOf('one'), size: 1 }, { id: hashOf('two'), size: 2 }, { id: hashOf('open'), size: 3 }])
})

describe('is refused', () => {
  const [first, second] = manifest.evidence
  const bad: Record<string, Partial<Manifest>> = {
    'observations out of order': { observations: manifest.observations.toReversed() },
    'a machine observed twice': { observations: [manifest.observations[0]!, manifest.observations[0]!] },
    'evidence out of order': { evidence: [second!, first!] },
    'evidence of a machine twice': { evidence: [first!, first!] },
    'no commitment': { evidence: [{ ...first!, commitments: [] }] },
    'three commitments': { evidence: [{ ...first!, commitments: ['a', 'b', 'c'].map((name) => ({ id: hashOf(name), size: 1 })) }] },
    'one commitment twice': { evidence: [{ ...first!, commitments: [first!.commitments[0]!, { ...first!.commitments[0]!, size: 9 }] }] },
    'two openings': { evidence: [{ ...first!, openings: ['a', 'b'].map((name) => ({ id: hashOf(name), size: 1 })) }] },
    'an observation against its rule': { observations: [{ ...observation, outcome: 'UNREACHABLE', reason: 'UNREACHABLE' }] },
  }
  test.each(Object.entries(bad))('%s, when it is written', (_, change) => {
    expect(() => encodeManifest({ ...manifest, ...change })).toThrow(RangeError)
  })
  test('an order that is wrong, when it is read', () => {
    // The second machine becomes the first: same bytes elsewhere.
    const at = 1 + 32 + 4 + 32 + 32 + 1
    const swapped = Uint8Array.from(bytes)
    swapped.set(bytes.subarray(at + 118, at + 118 + 32), at)
    expect(() => decodeManifest(swapped)).toThrow('observations do not ascend')
    const zeroed = Uint8Array.from(bytes)
    zeroed[at + 32] = 2
    expect(() => decodeManifest(zeroed)).toThrow('a commitment without RAN')
  })
  test('cut off anywhere, or with a tail', () => {
    for (let length = 0; length < bytes.length; length++) expect(() => decodeManifest(bytes.subarray(0, length))).toThrow(MalformedError)
    expect(() => decodeManifest(Uint8Array.of(...bytes, 0))).toThrow(MalformedError)
  })
  test('or it is the one encoding of what it says', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(bytes)
        changed[at]! ^= flip
        try {
          return equalBytes(encodeManifest(decodeManifest(changed)), changed)
        } catch (error) {
          return error instanceof MalformedError
        }
      }),
      { numRuns: 300 },
    )
  })
})
