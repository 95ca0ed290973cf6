// Whether the answers are those of the chain as it is now.
import { Type } from 'typebox'
import type { Static, TSchema } from 'typebox'
import { explainNewer } from '@assay/protocol'
import type { EndpointInUse } from '@assay/runtime-bindings'
import type { ChainState } from './follow.ts'

const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
const Height = Type.Integer({ minimum: 0 })

/** `detail` of /ready. */
export const ReadyDetail = Type.Object({
  head: nullable({ ...Height, description: 'last confirmed block in the database' }),
  best: nullable({ ...Height, description: 'best block that the endpoint tells' }),
  behind: nullable({ ...Height, description: 'confirmed blocks that are not in the database yet; null: not known' }),
  stalled: nullable(Type.String({ description: 'why no blocks come' })),
  newer: nullable(Type.String({ description: 'the version of the protocol that is coming and that this program does not know, in a sentence' })),
  endpoint: nullable(Type.Object({
    name: Type.String({ description: 'the node that is asked, without what may be a secret in its address' }),
    switches: Type.Integer({ minimum: 0, description: 'how often another took its place since the start' }),
    why: nullable(Type.String({ description: 'why the last time' })),
  }, { description: 'null: a process that has none' })),
})

export interface Readiness { ready: boolean, detail: Static<typeof ReadyDetail> }

// A block is confirmed, fetched and written while the next one comes.
const TOLERANCE = 2

/**
 * Ready while blocks come and at most two confirmed ones are missing.
 * @example readiness({ ledger, stalled: null }, 100, 2).detail.behind // 38 where the ledger's head is 60
 */
export function readiness({ ledger, stalled }: ChainState, best: number | null, confirmations: number, inUse: EndpointInUse | null = null): Readiness {
  const head = ledger.head?.number ?? null
  const behind = best === null || head === null ? null : Math.max(0, best - confirmations - head)
  const endpoint = inUse && { name: inUse.endpoint, switches: inUse.switches, why: inUse.why }
  return { ready: behind !== null && behind <= TOLERANCE && stalled === null, detail: { head, best, behind, stalled: stalled && `${stalled.reason}: ${stalled.detail}`, newer: ledger.newer && explainNewer(ledger.newer, ledger.speaks, Math.max(best ?? 0, head ?? 0)), endpoint } }
}
