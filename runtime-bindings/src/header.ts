import type { Hash, Hex } from '@assay/protocol'
import { ChainError } from './errors.ts'
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

const HASH = /^0x[0-9a-f]{64}$/
const HEIGHT = /^0x[0-9a-f]{1,8}$/
const BYTES = /^0x([0-9a-f]{2})*$/
/** Far more than a chain has. */
const MOST_LOGS = 256

/** What a node gave as a header, if it is one. Throws ChainError INCONSISTENT, which names the endpoint. */
export function parseHeader(endpoint: string, raw: unknown): RawHeader {
  const { number, parentHash, stateRoot, extrinsicsRoot, digest } = (raw ?? {}) as Partial<Record<keyof RawHeader, unknown>>
  const logs = (digest as { logs?: unknown } | null | undefined)?.logs
  const sound = matches(HEIGHT, number) && [parentHash, stateRoot, extrinsicsRoot].every((hash) => matches(HASH, hash)) && Array.isArray(logs) && logs.length <= MOST_LOGS && logs.every((log) => matches(BYTES, log))
  if (!sound) throw new ChainError('INCONSISTENT', `${endpoint} gives a header that is none.`, 'Use another node.', { exit: 75 })
  return raw as RawHeader
}

const matches = (shape: RegExp, value: unknown): boolean => typeof value === 'string' && shape.test(value)

/** The height in what a node gave as a header; null where there is none. */
export function heightOf(raw: unknown): number | null {
  const number = (raw as { number?: unknown } | null | undefined)?.number
  return matches(HEIGHT, number) ? Number(number) : null
}

/** The hash of a block, from its header: BLAKE2b-256 of the header's SCALE encoding. It is the same in every runtime of the chain, so a node that answers with another block is found out. */
export function headerHash({ number, parentHash, stateRoot, extrinsicsRoot, digest }: RawHeader): Hash {
  const height = util.compactToU8a(Number(number))
  const count = util.compactToU8a(digest.logs.length)
  const parts = [parentHash, height, stateRoot, extrinsicsRoot, count, ...digest.logs].map((part) => (typeof part === 'string' ? Buffer.from(part.slice(2), 'hex') : part))
  return `0x${Buffer.from(utilCrypto.blake2AsU8a(Buffer.concat(parts), 256)).toString('hex')}`
}
