import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MalformedError } from './codec.ts'
import { BLOB_BYTES_LIMIT, commitmentBytesLimit, continuesPrefix, decodeParameters, devnetParameters, encodeParameters, isWider, ITEM_BYTES, openingsBytesLimit, type Parameters, readPrefix, updateProblems, validateParameters, widestParameters } from './parameters.ts'

const sound = devnetParameters(100, 200)

test('devnet parameters are sound and fit an item', () => {
  expect(validateParameters(sound)).toEqual([])
  expect(encodeParameters(sound).length).toBeLessThanOrEqual(ITEM_BYTES)
})

test('the example of DESIGN is sound: c = 2, L = 30', () => {
  expect(validateParameters({ ...sound, confirmations: 2, roundBlocks: 30, seedOffset: 5, commitOffset: 14, packageOffset: 24 })).toEqual([])
})

describe('each problem is named', () => {
  const cases: [Partial<Parameters>, string][] = [
    [{ randomness: 2 }, 'randomness is 2'],
    [{ roundBlocks: 0 }, 'roundBlocks is 0'],
    [{ epochRounds: 0 }, 'epochRounds is 0'],
    [{ committee: 0 }, 'committee is 0'],
    [{ mirrors: 0 }, 'mirrors is 0'],
    [{ windowMs: 0 }, 'windowMs is 0'],
    [{ log2n: 5 }, 'log2n is 5'],
    [{ log2n: 14 }, 'log2n is 14'],
    [{ samples: 0 }, 'samples is 0'],
    [{ maxSteps: 0 }, 'maxSteps is 0'],
    [{ maxSteps: 2 ** 18 + 1 }, 'maxSteps is'],
    [{ bandwidthBytes: BLOB_BYTES_LIMIT + 1 }, 'bandwidthBytes is'],
    [{ machineSharePpm: 1_000_001 }, 'machineSharePpm is'],
    [{ bandPpm: 1_000_001 }, 'bandPpm is'],
    [{ attemptBlocks: 0 }, 'attemptBlocks is 0'],
    [{ poolPerEpoch: -1n }, 'poolPerEpoch is -1'],
    [{ minimumPayout: 2n ** 96n }, 'minimumPayout is'],
    [{ minimumPayout: 499n }, 'the least that an account can hold'],
    [{ poolPerEpoch: 1n << 96n }, 'below 2^96'],
    [{ minimumPayout: 1n << 96n }, 'below 2^96'],
    [{ start: 101 }, 'must not lie before origin'],
    [{ seedOffset: 1 }, 'must be more than confirmations'],
    [{ commitOffset: 7 }, 'the commit window is empty'],
    [{ commitOffset: 21, packageOffset: 30, roundBlocks: 20 }, 'must be at most roundBlocks'],
    [{ packageOffset: 14 }, 'when the coins are known'],
    [{ packageOffset: 28 }, "the next round's commit window begins"],
    [{ log2nMax: 13, samples: 65535 }, 'the openings could have'],
    [{ log2nMax: 8 }, 'log2nMax is 8'],
    [{ log2nMax: 14 }, 'log2nMax is 14'],
    [{ memoryLog2: 5 }, 'memoryLog2 is 5'],
    [{ memoryLog2: 21 }, 'memoryLog2 is 21'],
    [{ memoryShare: 1, memorySegments: 3209 }, 'no more than 3208 segments can be proven'],
    [{ memoryPasses: 9 }, 'memoryPasses is 9'],
    [{ memoryPpm: 1_000_001 }, 'memoryPpm is'],
    [{ memorySegments: 0 }, 'memorySegments is 0'],
    [{ memorySegments: 4097 }, 'memorySegments is 4097'],
    [{ modelTolerance: 2 ** 31 }, 'modelTolerance is'],
    [{ hourBlocks: 0 }, 'hourBlocks is 0'],
    [{ probationRounds: 9, trustedRounds: 8 }, 'trustedRounds is 8'],
  ]
  test.each(cases)('%o', (change, problem) => {
    expect(validateParameters({ ...sound, ...change }).join('\n')).toContain(problem)
  })
})

test('an update may change anything but when and from what rounds are made', () => {
  expect(updateProblems(sound, { ...sound, waitBlocks: 9, committee: 5, windowMs: 4000, poolPerEpoch: 7n })).toEqual([])
  for (const field of ['randomness', 'origin', 'start', 'roundBlocks', 'confirmations', 'epochRounds', 'seedOffset', 'commitOffset', 'packageOffset', 'termEpochs'] as const)
    expect(updateProblems(sound, { ...sound, [field]: field === 'randomness' ? 0 : sound[field] + 1 }).join(), field).toContain(`${field} is ${sound[field]} for the network's life`)
  expect(updateProblems(sound, { ...sound, committee: 0 })).toHaveLength(1)
})

test('the version alone may be raised, and never lowered', () => {
  const raised = { ...sound, version: 2 }
  expect(updateProblems(sound, raised)).toEqual([])
  expect(updateProblems(raised, { ...raised, committee: 5 })).toEqual([])
  expect(updateProblems(raised, sound)).toEqual(['version is 2 and cannot become 1 again'])
  expect(decodeParameters(encodeParameters(raised))).toEqual(raised)
  for (const version of [0, 3]) expect(validateParameters({ ...sound, version }).join()).toContain(`version is ${version}; it must be an integer from 1 to 2`)
})

test('of a version to come the beginning can be read, and nothing else', () => {
  const known = encodeParameters(sound)
  expect(readPrefix(known)).toMatchObject({ version: 1, origin: 100, start: 200 })
  for (const length of [21, 60, ITEM_BYTES]) {
    const later = Uint8Array.from({ length }, (_, i) => (i === 0 ? 200 : i < 21 ? known[i]! : 0xee))
    expect(continuesPrefix(sound, readPrefix(later)!)).toBe(true)
    expect(() => decodeParameters(later)).toThrow('version 200, this client knows versions 1 to 2')
    for (let at = 1; at < 21; at++) expect(continuesPrefix(sound, readPrefix(later.with(at, later[at]! ^ 1))!), String(at)).toBe(false)
  }
  expect(readPrefix(new Uint8Array(20))).toBeNull()
  expect(readPrefix(new Uint8Array(ITEM_BYTES + 1))).toBeNull()
})

test('any bytes are parameters or malformed', () => {
  const modes = new Set([99, 100, 105, 112])
  const decodes = (bytes: Uint8Array): boolean => {
    try {
      return Buffer.from(encodeParameters(decodeParameters(bytes))).equals(bytes)
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedError)
      return false
    }
  }
  fc.assert(
    fc.property(fc.nat(200), fc.nat(), fc.integer({ min: 1, max: 255 }), (length, at, flip) => {
      const bytes = encodeParameters(sound)
      bytes[at % bytes.length]! ^= flip
      // The version and the modes of the checks have few values, everything else has any.
      if (at % bytes.length > 0 && !modes.has(at % bytes.length)) expect(encodeParameters(decodeParameters(bytes))).toEqual(bytes)
      else expect(decodes(bytes)).toBe(bytes[at % bytes.length]! <= 2 && (modes.has(at % bytes.length) || bytes[0]! >= 1))
      if (length !== bytes.length) expect(() => decodeParameters(Uint8Array.from({ length }, (_, i) => bytes[i] ?? 0))).toThrow(MalformedError)
    }),
  )
})

test('limits of blobs: what the formats add up to', () => {
  expect(commitmentBytesLimit({ committee: 1, maxSteps: 1 })).toBe(1 + 32 + 4 + 32 + 1 + 32 + 4 + 32 + 4 + 100 + 4 + 32 + 64)
  // The longer of two rows with their paths, and of four leaves and a chunk of scanned values.
  expect(openingsBytesLimit({ log2nMax: 11, memoryLog2: 6, samples: 1 })).toBe(116 + 2 + 4096 + 2 * (8192 + 352) + 64)
  expect(openingsBytesLimit({ log2nMax: 6, memoryLog2: 6, samples: 1 })).toBe(116 + 2 + 4096 + 4 * (1024 + 192) + 256 + 64)
})

test('the widest parameters bound the messages of all, and are wider where one bound grows', () => {
  const all = [sound, { ...sound, samples: sound.samples + 1, committee: 1 }, { ...sound, maxSteps: sound.maxSteps + 5, windowMs: 9 }].map((parameters) => ({ parameters }))
  const widest = widestParameters(all)
  expect(widest).toEqual({ ...sound, samples: sound.samples + 1, maxSteps: sound.maxSteps + 5 })
  for (const bytes of [commitmentBytesLimit, openingsBytesLimit]) expect(bytes(widest)).toBeGreaterThanOrEqual(Math.max(...all.map(({ parameters }) => bytes(parameters))))
  expect([isWider(widest, sound), isWider(sound, widest), isWider({ ...sound, bandwidthBytes: sound.bandwidthBytes + 1 }, sound), isWider({ ...sound, poolPerEpoch: 10n ** 20n }, sound)]).toEqual([true, false, true, false])
})
