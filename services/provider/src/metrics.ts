// A provider's numbers, along the way of a round.
import { begun, createMetrics, type MetricsRegistry } from '@assay/kit/metrics'
import { isNotRunReason, REASON_CODES } from '@assay/protocol'

export type ProviderMetrics = ReturnType<typeof providerMetrics>

/** One registry and the typed figures in it. */
export function providerMetrics(registry: MetricsRegistry = createMetrics('provider', { process: true })) {
  return {
    text: () => registry.text(),
    best: registry.gauge('best_block', 'height of the best block seen'),
    ledger: registry.gauge('ledger_block', 'height of the last confirmed block read'),
    newerVersion: begun(registry.gauge('newer_version_blocks', 'blocks until a version of the protocol takes effect that this program does not know; -1: none is agreed on'), -1),
    links: registry.gauge('links', 'checkers with an open channel'),
    dials: registry.counter('dials_total', 'channels tried, by result', ['result']),
    refusedMessages: registry.counter('refused_messages_total', 'messages of checkers that were not followed, by reason', ['reason']),
    transferBytes: registry.counter('transfer_bytes_total', 'bandwidth payload, by direction', ['direction']),
    rounds: registry.counter('rounds_total', 'rounds, by how they ended for this machine', ['result'], ['COMMITTED', 'RESUMED', 'STOPPED', 'FAILED', ...REASON_CODES.filter(isNotRunReason)]),
    steps: registry.counter('steps_total', 'matrix products computed in committed chains'),
    jobSeconds: registry.histogram('job_seconds', 'from the first nonce to the signed commitment', [1, 2, 5, 10, 20, 30, 45, 60, 120]),
    openSeconds: registry.histogram('open_seconds', 'from known coins to signed openings', [0.1, 0.5, 1, 2, 5, 10, 30, 60]),
    receipts: registry.counter('receipts_total', 'blobs that a checker said it has', ['blob']),
  }
}
