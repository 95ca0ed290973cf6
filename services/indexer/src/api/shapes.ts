// The parts that answers are made of. Amounts are planck as text, what is not known is null, every zero has its reason.
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { explain, REASON_CODES, type ReasonCode } from '@assay/protocol'
import type { EpochRow } from '../tables.ts'
import { ERROR_CODES } from './errors.ts'

export const Hash = Type.String({ pattern: '^0x[0-9a-f]{64}$', description: '32 bytes', examples: ['0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d'] })
export const Bytes = Type.String({ pattern: '^0x([0-9a-f]{2})*$', description: 'bytes as hex' })
export const Height = Type.Integer({ minimum: 0, description: 'block number' })
export const Count = Type.Integer({ minimum: 0 })
/** A whole number from 0 on, and what it counts. */
export const count = (description: string) => Type.Integer({ minimum: 0, description })
export const RoundNumber = count('round, counted from 0')
export const EpochNumber = count('epoch, counted from 0')
export const flag = (description: string) => Type.Boolean({ description })
/** What may be unknown, and what it means if it is. */
export const orNull = <S extends TSchema>(schema: S, description: string) => Type.Unsafe<Static<S> | null>({ ...nullable(schema), description })
export const Amount = Type.String({ pattern: '^[0-9]+$', description: 'planck', examples: ['1500000000000000000'] })
export const Work = Type.String({ pattern: '^[0-9]+$', description: 'multiply-accumulates', examples: ['1073741824000'] })
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])

/** Schemas that the OpenAPI document names; filled as the modules that make them are loaded. */
export const COMPONENTS: (TSchema & { $id: string })[] = []
/** Gives a schema a name; what is returned refers to it. */
export function component<S extends TSchema>(name: string, schema: S) {
  COMPONENTS.push({ ...schema, $id: name })
  return Type.Unsafe<Static<S>>({ $ref: `${name}#` })
}
export const literals = <const T extends readonly string[]>(values: T, description?: string) => Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...(description !== undefined && { description }) })

/** Reasons of zeros that arise only in what is shown, beside the protocol's vocabulary. */
const SHOWN = {
  NOTHING_PAYABLE: 'None of the observations was paid; each says why.',
  NOTHING_EARNED: 'Nothing was earned in this epoch.',
  BELOW_MINIMUM: 'The sum is below the least payout and is carried to the next epoch.',
} as const

export type ShownReason = ReasonCode | keyof typeof SHOWN
export const Reason = component('Reason', Type.Object({ code: literals([...REASON_CODES, ...(Object.keys(SHOWN) as (keyof typeof SHOWN)[])]), text: Type.String({ description: 'one plain sentence for people' }) }, { description: 'why something is as it is: every zero has one' }))
export type Reason = Static<typeof Reason>

/** A reason with its sentence. */
export const because = (code: ShownReason): Reason => ({ code, text: code in SHOWN ? SHOWN[code as keyof typeof SHOWN] : explain(code as ReasonCode) })

/** A rate or time of which the protocol writes 0 for "not measured". */
export const measured = (value: number | null): number | null => (value === 0 ? null : value)

/** Whether the network wrote the statement that we computed. */
export const OnChainObject = Type.Object({ state: literals(['not_yet', 'match', 'mismatch']), block: nullable(Height) }, { description: 'whether the statement that the network wrote on chain is the one that this server computed' })
export const OnChain = component('OnChain', OnChainObject)
export const onChain = ({ chain_state, chain_block }: Pick<EpochRow, 'chain_state' | 'chain_block'>): Static<typeof OnChain> => ({ state: chain_state, block: chain_block })

/** Where to find what proves something, on this server. */
export const Href = Type.String({ description: 'path on this server', pattern: '^/' })
export const Address = Type.String({ description: 'SS58 text of the account, prefix 42', examples: ['5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'] })
export const Did = Type.String({ description: 'the account as a DID of peaq', pattern: '^did:peaq:', examples: ['did:peaq:5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'] })
export const didOf = (address: string): string => `did:peaq:${address}`
export const AccountPath = Type.Object({ account: Type.String({ minLength: 1, maxLength: 80, description: '0x and 64 hex digits, or an SS58 address', examples: ['5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'] }) })
export const NumberPath = Type.Object({ number: Type.Integer({ minimum: 0, maximum: 4_294_967_295, description: 'number of the round or epoch, counted from 0', examples: [0] }) })
export const ErrorBody = component('Error', Type.Object({ error: Type.Object({ code: literals(ERROR_CODES), message: Type.String({ description: 'for people; may change' }) }) }))
