import type { Hash, Hex } from '@assay/protocol'
import { util, utilCrypto } from './polkadot.ts'

/** A block header as JSON-RPC gives it. */
export interface RawHeader {
  number: string
  parentHash: Hash
  stateRoot: Hash
  extrinsicsRoot: Hash
  /** each item encoded */
  digest: { logs: readonly Hex[] }
}

/** The hash of a block, from its header: BLAKE2b-256 of the header's SCALE encoding. It is the same in every runtime of the chain, so a node that answers with another block is found out. */
export function headerHash({ number, parentHash, stateRoot, extrinsicsRoot, digest }: RawHeader): Hash {
  const height = util.compactToU8a(Number(number))
  const count = util.compactToU8a(digest.logs.length)
  const parts = [parentHash, height, stateRoot, extrinsicsRoot, count, ...digest.logs].map((part) => (typeof part === 'string' ? Buffer.from(part.slice(2), 'hex') : part))
  return `0x${Buffer.from(utilCrypto.blake2AsU8a(Buffer.concat(parts), 256)).toString('hex')}`
}
