// An indexer's figures along a block's journey: from the chain into the ledger, into verdicts, into an epoch's statement, out over HTTP.
import { begun, createMetrics } from '@assay/kit/metrics'
import type { MetricsRegistry } from '@assay/kit/metrics'

export type IndexerMetrics = ReturnType<typeof indexerMetrics>

/** One registry and the typed figures in it. */
export function indexerMetrics(registry: MetricsRegistry = createMetrics('indexer', { process: true })) {
  return {
    text: () => registry.text(),
    bestBlock: registry.gauge('best_block_height', 'height of the best block that the endpoint tells'),
    headBlock: registry.gauge('head_block_height', 'height of the last confirmed block in the database'),
    blocks: registry.counter('blocks_total', 'confirmed blocks written'),
    blockSeconds: registry.histogram('block_write_seconds', 'time to apply and write the blocks that came together', [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]),
    stalled: registry.gauge('chain_stalled', '1 while the chain gives no blocks'),
    endpointInUse: registry.gauge('endpoint_in_use', '1 for the node that is asked', ['endpoint']),
    endpointSwitches: registry.counter('endpoint_switches_total', 'how often another node took the place of the one that was asked'),
    rounds: registry.counter('rounds_judged_total', 'rounds judged'),
    verdicts: registry.counter('verdicts_total', 'verdicts, by outcome', ['outcome']),
    judgeSeconds: registry.histogram('round_judgement_seconds', 'time to judge one round, its evidence at hand', [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]),
    waitingRounds: registry.gauge('rounds_waiting', 'rounds past their judgement block that lack evidence or could not be judged'),
    missingBlobs: registry.gauge('evidence_missing_blobs', 'pieces of evidence that nobody served yet'),
    evidence: registry.counter('evidence_fetches_total', 'pieces of evidence asked for, by result', ['result']),
    evidenceBytes: registry.counter('evidence_fetched_bytes_total', 'bytes of verified evidence fetched'),
    epochs: registry.counter('epochs_scored_total', 'epochs scored'),
    pruned: registry.counter('pruned_rows_total', 'rows let go by the retention policy, by table', ['table']),
    following: registry.gauge('following', '1 while this process follows the chain and writes; others serve what is stored'),
    newerVersion: begun(registry.gauge('newer_version_blocks', 'blocks until a version of the protocol takes effect that this program does not know; -1: none is agreed on'), -1),
    statements: registry.counter('statements_compared_total', 'statements of the chain compared with ours, by result', ['result'], ['match', 'mismatch']),
    liveClients: registry.gauge('live_clients', 'streams of events open now, by transport', ['transport']),
    liveEvents: registry.counter('live_events_total', 'events sent to clients, by type', ['type']),
    liveDropped: registry.counter('live_clients_dropped_total', 'streams of events refused or ended by us, by reason', ['reason']),
    connectionsRefused: registry.counter('connections_refused_total', 'connections cut off because one client or all have as many as they may'),
    graphqlRefused: registry.counter('graphql_refused_total', 'GraphQL documents that were not run, by code', ['code']),
    requestSeconds: registry.histogram('http_request_seconds', 'time to answer a request, by route and status', [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3], ['route', 'status']),
  }
}
