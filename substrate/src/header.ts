import { concat, type Crypto, fromHex, type Hash, type Hex, toHex, u16le, u32le } from '@assay/protocol'

/** A block header as JSON-RPC gives it. */
export interface RawHeader {
  number: string
  parentHash: Hash
  stateRoot: Hash
  extrinsicsRoot: Hash
  /** each item encoded */
  digest: { logs: readonly Hex[] }
}

/** The hash of a block, from its header: BLAKE2b-256 of the header's SCALE encoding. It is the same in every runtime of the chain, so a node that answers with another block is found out. @throws RangeError for what is no hex */
export function headerHash({ blake2b256 }: Pick<Crypto, 'blake2b256'>, { number, parentHash, stateRoot, extrinsicsRoot, digest: { logs } }: RawHeader): Hash {
  return toHex(blake2b256(concat(fromHex(parentHash), compact(Number(number)), fromHex(stateRoot), fromHex(extrinsicsRoot), compact(logs.length), ...logs.map(fromHex))))
}

/** SCALE's compact of an integer below 2^32. @throws RangeError for any other */
function compact(value: number): Uint8Array {
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`no height: ${value}`)
  if (value < 2 ** 6) return Uint8Array.of(value * 4)
  if (value < 2 ** 14) return u16le(value * 4 + 1)
  if (value < 2 ** 30) return u32le(value * 4 + 2)
  // From here on a byte that tells the length, and the value behind it.
  return concat(Uint8Array.of(3), u32le(value))
}
