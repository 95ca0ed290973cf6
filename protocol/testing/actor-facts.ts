// What a machine of a test network shows of itself.
import { type Hash, toHex, utf8 } from '../src/bytes.ts'
import { encodeFacts, type Facts } from '../src/device/facts.ts'
import { testCrypto as crypto } from './actors.ts'

const named = (text: string): Hash => toHex(crypto.sha256(utf8(text)))

/** Facts that follow from a name: one CPU that no other name has. */
export function actorFacts(name: string, change: (facts: Facts) => Facts = (same) => same): Uint8Array {
  const device: Facts['device'] = {
    class: 0, kind: 'CPU', units: 1, memoryMiB: 1024, agreeing: 2, fingerprint: named(`fingerprint of ${name}`), identifiers: [named(`device of ${name}`)],
    profile: { int8Mmacs: 0, f32Mflops: 0, memoryMBps: 0, chasePs: 0 },
  }
  return encodeFacts(change({ salt: named(`salt of ${name}`), device, environment: [{ what: 'node', hash: named('node') }], model: [] }))
}
