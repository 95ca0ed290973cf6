// A chain in small for reports: items and nonces in memory, a sender that keeps signed bytes as the real one does, and a place to crash at every step.
import type { TxStore, TxResult } from '@assay/runtime-bindings'
import type { ReportChain } from '../src/report.ts'

export class Crash extends Error {
  override readonly name = 'Crash'
}

export type CrashPoint = 'before it is kept' | 'kept, not sent' | 'sent, not answered'
export const CRASH_POINTS: CrashPoint[] = ['before it is kept', 'kept, not sent', 'sent, not answered']

interface Signed { nonce: number, item: string, value: string }

/** What outlives a killed checker. */
export class FakeChain {
  best = 0
  readonly landed: { block: number, item: string, value: Uint8Array, bytes: string }[] = []
  /** answers for the next sends, before anything happens to the chain */
  failures: Extract<TxResult, { ok: false }>[] = []
  crashAt: CrashPoint | null = null

  /** The door of one life of the checker; `store` is what it keeps. */
  door(store: TxStore): ReportChain {
    const crash = (point: CrashPoint): void => {
      if (this.crashAt === point) {
        this.crashAt = null
        throw new Crash(point)
      }
    }
    return {
      readItem: async (item) => this.landed.findLast((one) => one.item === item)?.value ?? null,
      putItem: async (item, value, { key }) => {
        const failure = this.failures.shift()
        if (failure) return failure
        const kept = await store.get(key)
        const bytes = kept ? new TextDecoder().decode(kept) : JSON.stringify({ nonce: this.landed.length, item, value: Buffer.from(value).toString('hex') } satisfies Signed)
        crash('before it is kept')
        if (!kept) await store.put(key, new TextEncoder().encode(bytes))
        crash('kept, not sent')
        // A nonce is used once: the same bytes sent again are found, not executed again.
        if (!this.landed.some((one) => one.bytes === bytes)) {
          const signed = JSON.parse(bytes) as Signed
          if (signed.nonce !== this.landed.length) return { ok: false, code: 'REPLACED', message: 'the nonce is taken', final: true }
          this.landed.push({ block: this.best + 1, item: signed.item, value: new Uint8Array(Buffer.from(signed.value, 'hex')), bytes })
        }
        crash('sent, not answered')
        const at = this.landed.find((one) => one.bytes === bytes)!
        return { ok: true, hash: `0x${'cd'.repeat(32)}`, block: at.block, blockHash: `0x${'ef'.repeat(32)}`, index: 2, events: [], fee: 1n }
      },
    }
  }
}
