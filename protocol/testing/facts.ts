// Facts of made-up machines.
import * as fc from 'fast-check'
import { type Device, type EnvironmentKind, type Facts, type Hash, type Hex, MEMORY_STEP_MIB, toHex } from '../src/index.ts'

const hash = (byte: number): Hash => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`

/** An H100 whose claim holds. */
export const H100: Device = {
  class: 141, kind: 'GPU', units: 1, memoryMiB: 81_408, agreeing: 3, fingerprint: hash(0xf0), identifiers: [hash(1), hash(2)],
  profile: { int8Mmacs: 30_000_000, f32Mflops: 40_000_000, memoryMBps: 2_900_000, chasePs: 0 },
}

/** Two threads of a processor whose claim holds. */
export const X64: Device = {
  class: 1, kind: 'CPU', units: 2, memoryMiB: 24_064, agreeing: 2, fingerprint: hash(0xf1), identifiers: [hash(3)],
  profile: { int8Mmacs: 70_000, f32Mflops: 15_000, memoryMBps: 30_000, chasePs: 180_000 },
}

/** Facts around a device. */
export const factsOf = (device: Device): Facts => ({
  salt: hash(0x5a),
  device,
  environment: [{ what: 'node', hash: hash(4) }, { what: 'engine', hash: hash(5) }],
  model: [{ model: hash(6), outputs: [-2_000_000, 0, 2 ** 31 - 1] }],
})

const KINDS: EnvironmentKind[] = ['packageLock', 'node', 'kernel', 'image', 'driver', 'runtime', 'engine', 'model']
const u32 = fc.nat(2 ** 32 - 1)
const hashes: fc.Arbitrary<Hash> = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes): Hex => toHex(bytes))

/** Any facts that can be encoded. */
export const anyFacts: fc.Arbitrary<Facts> = fc.record({
  salt: hashes,
  device: fc.record({
    class: fc.nat(2 ** 16 - 1),
    kind: fc.constantFrom('CPU', 'GPU'),
    units: fc.integer({ min: 1, max: 2 ** 16 - 1 }),
    memoryMiB: fc.nat(2 ** 24 - 1).map((steps) => steps * MEMORY_STEP_MIB),
    agreeing: fc.nat(255),
    fingerprint: hashes,
    identifiers: fc.uniqueArray(hashes, { maxLength: 8 }).map((all) => all.toSorted()),
    profile: fc.record({ int8Mmacs: u32, f32Mflops: u32, memoryMBps: u32, chasePs: u32 }),
  }),
  environment: fc.subarray(KINDS).chain((kinds) => fc.tuple(...kinds.map((what) => hashes.map((hash) => ({ what, hash }))))),
  model: fc.array(fc.record({ model: hashes, outputs: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 64 }) }), { maxLength: 1 }),
})
