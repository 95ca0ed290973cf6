// What this checker does not take on, so that the rest is done well: counted as it happens, and told in one line a round.
import type { Log } from '@assay/kit/log'
import type { CheckerMetrics } from './metrics.ts'

/**
 * `newcomer`: a channel beyond the most that are open at once. `link`: a machine whose line was not measured because its turn was over before a place was free. `blob`: a commitment or openings that
 * came while too many bytes waited for the disk; the machine is hung up on, comes back and hands in again. `evidence`: a request for a blob beyond the most that are served at once.
 */
export type Load = 'newcomer' | 'link' | 'blob' | 'evidence'

export class Shedding {
  readonly #metrics: Pick<CheckerMetrics, 'shed'>
  readonly #log: Log
  readonly #untold = new Map<Load, number>()

  constructor({ metrics, log }: { metrics: Pick<CheckerMetrics, 'shed'>, log: Log }) {
    this.#metrics = metrics
    this.#log = log
  }

  shed(what: Load): void {
    this.#metrics.shed.inc({ what })
    this.#untold.set(what, (this.#untold.get(what) ?? 0) + 1)
  }

  /** Says what was shed since it was told last, if anything was. */
  tell(round: number): void {
    if (this.#untold.size === 0) return
    const { newcomer = 0, link = 0, blob = 0, evidence = 0 } = Object.fromEntries(this.#untold)
    this.#log.warn('load shed', { round, newcomers: newcomer, links: link, blobs: blob, evidence, advice: 'If it happens every round, give this checker more cores, a quicker disk or a wider line.' })
    this.#untold.clear()
  }
}
