import { headerHash as hashOf, type RawHeader } from '@assay/substrate'
import type { Hash } from '@assay/protocol'
import { nodeCrypto } from './crypto.ts'
import { ChainError } from './errors.ts'

export type { RawHeader } from '@assay/substrate'

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

/** The hash of a block, from its header. @throws RangeError for what is no hex */
export const headerHash = (header: RawHeader): Hash => hashOf(nodeCrypto, header)
