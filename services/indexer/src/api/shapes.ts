// The parts that answers are made of. Amounts are planck as text, what is not known is null, every zero has its reason.
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { explain, REASON_CODES, type ReasonCode } from '@assay/protocol'
import type { EpochRow } from '../tables.ts'

export const Hash = Type.String({ pattern: '^0x[0-9a-f]{64}$', description: '32 bytes' })
export const Bytes = Type.String({ pattern: '^0x([0-9a-f]{2})*$' })
export const Height = Type.Integer({ minimum: 0, description: 'block number' })
export const Count = Type.Integer({ minimum: 0 })
export const Amount = Type.String({ pattern: '^[0-9]+$', description: 'planck' })
export const Work = Type.String({ pattern: '^[0-9]+$', description: 'multiply-accumulates' })
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
export const literals = <const T extends readonly string[]>(values: T, description?: string) => Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...(description !== undefined && { description }) })

/** Reasons of zeros that arise only in what is shown, beside the protocol's vocabulary. */
const SHOWN = {
  NOTHING_PAYABLE: 'None of the observations was paid; each says why.',
  NOTHING_EARNED: 'Nothing was earned in this epoch.',
  BELOW_MINIMUM: 'The sum is below the least payout and is carried to the next epoch.',
} as const

export type ShownReason = ReasonCode | keyof typeof SHOWN
export const Reason = Type.Object({ code: literals([...REASON_CODES, ...(Object.keys(SHOWN) as (keyof typeof SHOWN)[])]), text: Type.String() })
export type Reason = Static<typeof Reason>

/** A reason with its sentence. */
export const because = (code: ShownReason): Reason => ({ code, text: code in SHOWN ? SHOWN[code as keyof typeof SHOWN] : explain(code as ReasonCode) })

/** A rate or time of which the protocol writes 0 for "not measured". */
export const measured = (value: number | null): number | null => (value === 0 ? null : value)

/** Whether the network wrote the statement that we computed. */
export const OnChain = Type.Object({ state: literals(['not_yet', 'match', 'mismatch']), block: nullable(Height) })
export const onChain = ({ chain_state, chain_block }: Pick<EpochRow, 'chain_state' | 'chain_block'>): Static<typeof OnChain> => ({ state: chain_state, block: chain_block })

export const Page = Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100 }), after: Type.Optional(Type.String({ ...Hash, description: 'the account after which the page begins' })) })
export const Newest = Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 200, default: 20, description: 'how many, newest first' }) })
export const AccountPath = Type.Object({ account: Type.String({ minLength: 1, maxLength: 80, description: '0x and 64 hex digits, or an SS58 address' }) })
export const NumberPath = Type.Object({ number: Type.Integer({ minimum: 0, maximum: 4_294_967_295 }) })
export const ErrorBody = Type.Object({ error: Type.Object({ code: Type.String(), message: Type.String() }) })
