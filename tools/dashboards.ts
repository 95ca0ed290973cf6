// The dashboards of ops/grafana, made of what each panel asks and why: `node tools/dashboards.ts` writes them. The files are checked in; a test says if they are stale, and holds the queries against the services' figures.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Job = 'checker' | 'indexer' | 'provider'

/** `$}` at the end of a selector is the choice of instances. */
type Query = readonly [expression: string, legend: string]
type Step = readonly [color: 'green' | 'orange' | 'red', from: number | null]

interface Panel {
  title: string
  description: string
  /** a unit of Grafana's: `none`, `s`, `bytes`, `Bps`, `reqps` */
  unit?: string
  queries: readonly Query[]
  /** Colours of one number that is shown large; without them the panel is a graph over time. */
  steps?: readonly Step[]
  /** Words for numbers. */
  words?: Record<string, string>
}

const CALM: readonly Step[] = [['green', null]]
const ANY_IS_BAD: readonly Step[] = [['green', null], ['red', 1]]

/** What a service does is told by the hour: a round may be one. */
const hourly = (figure: string, label: string): readonly Query[] => [[`sum by (${label}) (increase(${figure}{$}[1h]))`, `{{${label}}}`]]
const quantiles = (figure: string, window: string): readonly Query[] => ([['0.99', 'p99'], ['0.5', 'p50']] as const).map(([quantile, legend]) => [`histogram_quantile(${quantile}, sum by (le) (rate(${figure}_bucket{$}[${window}])))`, legend])

const newerVersion = (job: Job): Panel => ({
  title: 'Update due in',
  description: 'Blocks until a version of the protocol takes effect that this program does not know. Update it before.',
  queries: [[`min(assay_${job}_newer_version_blocks{$} >= 0) or max(assay_${job}_newer_version_blocks{$})`, '']],
  steps: [['green', null], ['red', 0]],
  words: { '-1': 'no' },
})

const ofProcess: readonly Panel[] = [
  { title: 'Memory', description: 'Resident memory of the process.', unit: 'bytes', queries: [['process_resident_memory_bytes{$}', '{{instance}}']] },
  { title: 'Processor', description: 'Cores in use, over five minutes.', queries: [['rate(process_cpu_seconds_total{$}[5m])', '{{instance}}']] },
  { title: 'Event loop', description: 'How late the program comes to what waits for it: 99 of 100 times at most so late.', unit: 's', queries: [['nodejs_eventloop_lag_p99_seconds{$}', '{{instance}}']] },
  { title: 'Open files', description: 'Connections are among them. The limit is the process’s own.', queries: [['process_open_fds{$}', 'open {{instance}}'], ['process_max_fds{$}', 'limit {{instance}}']] },
]

const blocks = (best: string, read: string): Panel => ({ title: 'Blocks', description: 'Best block that the node tells, and the last confirmed one that is read.', queries: [[`${best}{$}`, 'best {{instance}}'], [`${read}{$}`, 'read {{instance}}']] })
const behind = (best: string, read: string): Panel => ({ title: 'Blocks behind', description: 'Between the best block and the last confirmed one that is read; the confirmations are among them.', queries: [[`max(${best}{$} - ${read}{$})`, '']], steps: CALM })

const panels: Record<Job, readonly Panel[]> = {
  checker: [
    { title: 'Machines', description: 'With an open channel to this checker.', queries: [['sum(assay_checker_connected_machines{$})', '']], steps: [['red', null], ['green', 1]] },
    { title: 'Reports lost', description: 'Late or missed in 24 hours: those rounds are not paid.', queries: [['sum(increase(assay_checker_reports_total{fate=~"late|missed",$}[24h])) or vector(0)', '']], steps: ANY_IS_BAD },
    { title: 'Account lasts', description: 'Days that the account pays for reports, at the greatest fees seen. The log says how much to send, and where.', queries: [['min(assay_checker_funds_days{$} >= 0)', '']], steps: [['red', null], ['orange', 7], ['green', 14]] },
    { title: 'Pot lasts', description: 'Epochs after the one under way that the pot pays whole if nothing comes in.', queries: [['min(assay_checker_pot_epochs{$} >= 0)', '']], steps: [['red', null], ['green', 2]] },
    behind('assay_checker_best_block', 'assay_checker_ledger_block'),
    newerVersion('checker'),
    blocks('assay_checker_best_block', 'assay_checker_ledger_block'),
    { title: 'Machines over time', description: 'With an open channel. All gone at once: look at the channel port and the public host.', queries: [['assay_checker_connected_machines{$}', '{{instance}}']] },
    { title: 'Reports an hour', description: 'By fate: landed in the window, late, or missed.', queries: hourly('assay_checker_reports_total', 'fate') },
    { title: 'Observations an hour', description: 'What was reported of machines, by outcome.', queries: hourly('assay_checker_observations_total', 'outcome') },
    { title: 'Packages held an hour', description: 'Evidence kept completely: its own, and what it mirrors of others.', queries: hourly('assay_checker_packages_total', 'whose') },
    { title: 'Settlement an hour', description: 'What was done or seen for epochs. `disagreed` is an alarm: replay that epoch.', queries: hourly('assay_checker_settlement_actions_total', 'result') },
    { title: 'Refused an hour', description: 'Channels and messages that were not followed, by code; docs/RUNBOOK.md has the codes.', queries: hourly('assay_checker_channel_refusals_total', 'code') },
    { title: 'Shed an hour', description: 'What was left out because it was more than this checker can do at once.', queries: hourly('assay_checker_shed_total', 'what') },
    { title: 'Machines by version', description: 'The highest version of the protocol that each says it speaks: before `assay network upgrade`.', queries: [['sum by (highest) (assay_checker_machine_versions{$})', 'version {{highest}}']] },
    { title: 'Machines by release', description: 'As they say themselves.', queries: [['sum by (release) (assay_checker_machine_releases{$})', '{{release}}']] },
    { title: 'Fees a day', description: 'PEAQ taken from this account, the treasury’s and stakers’ surplus with them, by what for.', queries: [['sum by (what) (increase(assay_checker_fees_nanopeaq_total{$}[24h])) / 1e9', '{{what}}']] },
    { title: 'Account and pot', description: 'Epochs that they last; more than a million is not drawn.', queries: [['assay_checker_funds_epochs{$} >= 0 < 1e6', 'account {{instance}}'], ['assay_checker_pot_epochs{$} >= 0 < 1e6', 'pot {{instance}}']] },
    ...ofProcess,
  ],
  provider: [
    { title: 'Checkers', description: 'With an open channel to this machine; of several machines that of the fewest.', queries: [['min(assay_provider_links{$})', '']], steps: [['red', null], ['green', 1]] },
    { title: 'Rounds worked', description: 'With a signed commitment, in 24 hours.', queries: [['sum(increase(assay_provider_rounds_total{result=~"COMMITTED|RESUMED",$}[24h])) or vector(0)', '']], steps: CALM },
    { title: 'Rounds lost', description: 'Without a commitment, in 24 hours; the graph below says why.', queries: [['sum(increase(assay_provider_rounds_total{result!~"COMMITTED|RESUMED",$}[24h])) or vector(0)', '']], steps: ANY_IS_BAD },
    behind('assay_provider_best_block', 'assay_provider_ledger_block'),
    newerVersion('provider'),
    blocks('assay_provider_best_block', 'assay_provider_ledger_block'),
    { title: 'Checkers over time', description: 'With an open channel.', queries: [['assay_provider_links{$}', '{{instance}}']] },
    { title: 'Rounds an hour', description: 'By how they ended for the machine: COMMITTED is well, RESUMED after a restart, anything else is the reason.', queries: hourly('assay_provider_rounds_total', 'result') },
    { title: 'Steps an hour', description: 'Matrix products in committed chains: what is paid for.', queries: [['increase(assay_provider_steps_total{$}[1h])', '{{instance}}']] },
    { title: 'Time for a job', description: 'From the first nonce to the signed commitment.', unit: 's', queries: quantiles('assay_provider_job_seconds', '6h') },
    { title: 'Time to open', description: 'From known coins to signed openings.', unit: 's', queries: quantiles('assay_provider_open_seconds', '6h') },
    { title: 'Bandwidth payload an hour', description: 'By direction.', unit: 'bytes', queries: hourly('assay_provider_transfer_bytes_total', 'direction') },
    { title: 'Receipts an hour', description: 'Blobs that a checker said it has.', queries: hourly('assay_provider_receipts_total', 'blob') },
    { title: 'Dials an hour', description: 'Channels tried, by result. `failed`: something between the machine and a checker keeps it from dialling out.', queries: hourly('assay_provider_dials_total', 'result') },
    { title: 'Refused messages an hour', description: 'Of checkers, that were not followed, by reason.', queries: hourly('assay_provider_refused_messages_total', 'reason') },
    ...ofProcess,
  ],
  indexer: [
    { title: 'Followers', description: 'Processes that follow the chain and write; of one database exactly one.', queries: [['sum(assay_indexer_following{$})', '']], steps: [['red', null], ['green', 1]] },
    { title: 'Chain stalled', description: 'Whether the chain gives no blocks.', queries: [['max(assay_indexer_chain_stalled{$})', '']], steps: ANY_IS_BAD, words: { 0: 'no', 1: 'yes' } },
    { title: 'Statements that differ', description: 'Of the chain’s, from those computed here. Any is an alarm: replay that epoch.', queries: [['sum(assay_indexer_statements_compared_total{result="mismatch",$}) or vector(0)', '']], steps: ANY_IS_BAD },
    { title: 'Rounds waiting', description: 'Past their judgement block, without evidence or not to be judged.', queries: [['max(assay_indexer_rounds_waiting{$})', '']], steps: ANY_IS_BAD },
    behind('assay_indexer_best_block_height', 'assay_indexer_head_block_height'),
    newerVersion('indexer'),
    blocks('assay_indexer_best_block_height', 'assay_indexer_head_block_height'),
    { title: 'Blocks written', description: 'A second.', queries: [['rate(assay_indexer_blocks_total{$}[5m])', '{{instance}}']] },
    { title: 'Time to write', description: 'The blocks that came together.', unit: 's', queries: quantiles('assay_indexer_block_write_seconds', '5m') },
    { title: 'Nodes', description: 'The node that is asked (1), and how often another took its place in the last hour.', queries: [['assay_indexer_endpoint_in_use{$}', '{{endpoint}} {{instance}}'], ['increase(assay_indexer_endpoint_switches_total{$}[1h])', 'switches {{instance}}']] },
    { title: 'Rounds judged an hour', description: 'And verdicts, by outcome.', queries: [['sum(increase(assay_indexer_rounds_judged_total{$}[1h]))', 'rounds'], ...hourly('assay_indexer_verdicts_total', 'outcome')] },
    { title: 'Time to judge a round', description: 'Its evidence at hand.', unit: 's', queries: quantiles('assay_indexer_round_judgement_seconds', '1h') },
    { title: 'Evidence missing', description: 'Rounds past their judgement block that wait, and pieces of evidence that nobody served yet.', queries: [['assay_indexer_rounds_waiting{$}', 'rounds {{instance}}'], ['assay_indexer_evidence_missing_blobs{$}', 'pieces {{instance}}']] },
    { title: 'Evidence fetched', description: 'Verified bytes a second.', unit: 'Bps', queries: [['rate(assay_indexer_evidence_fetched_bytes_total{$}[5m])', '{{instance}}']] },
    { title: 'Fetches an hour', description: 'Pieces of evidence asked for, by result.', queries: hourly('assay_indexer_evidence_fetches_total', 'result') },
    { title: 'Epochs', description: 'Scored since the start, and statements compared with the chain.', queries: [['assay_indexer_epochs_scored_total{$}', 'scored {{instance}}'], ['sum by (result) (assay_indexer_statements_compared_total{$})', '{{result}}']] },
    { title: 'Requests', description: 'A second, by status.', unit: 'reqps', queries: [['sum by (status) (rate(assay_indexer_http_request_seconds_count{$}[5m]))', '{{status}}']] },
    { title: 'Time to answer', description: 'By route: 99 of 100 at most so long.', unit: 's', queries: [['histogram_quantile(0.99, sum by (le, route) (rate(assay_indexer_http_request_seconds_bucket{$}[5m])))', '{{route}}']] },
    { title: 'Streams of events', description: 'Open, by transport.', queries: [['assay_indexer_live_clients{$}', '{{transport}} {{instance}}']] },
    { title: 'Turned away an hour', description: 'Streams refused or ended by reason, connections beyond the limits, GraphQL documents that were not run by code.', queries: [...hourly('assay_indexer_live_clients_dropped_total', 'reason'), ['sum(increase(assay_indexer_connections_refused_total{$}[1h]))', 'connections'], ...hourly('assay_indexer_graphql_refused_total', 'code')] },
    { title: 'Events sent', description: 'A second, by type.', queries: [['sum by (type) (rate(assay_indexer_live_events_total{$}[5m]))', '{{type}}']] },
    { title: 'Rows let go an hour', description: 'By the retention policy, by table.', queries: hourly('assay_indexer_pruned_rows_total', 'table') },
    { title: 'Who follows', description: '1 at the process that follows the chain and writes.', queries: [['assay_indexer_following{$}', '{{instance}}']] },
    ...ofProcess,
  ],
}

/** What each dashboard chooses its instances from. */
const ALWAYS: Record<Job, { title: string, figure: string, label: string }> = {
  checker: { title: 'Assay checker', figure: 'assay_checker_best_block', label: 'Checker' },
  provider: { title: 'Assay machine', figure: 'assay_provider_best_block', label: 'Machine' },
  indexer: { title: 'Assay indexer', figure: 'assay_indexer_head_block_height', label: 'Indexer' },
}

const COLUMNS = 24
const SIZE = { stat: { w: 4, h: 4 }, timeseries: { w: 12, h: 8 } } as const
const datasource = { type: 'prometheus', uid: '${datasource}' }

/** The dashboard of a service, as Grafana's JSON model has it (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model). */
export function dashboardOf(job: Job): object {
  const { title, figure, label } = ALWAYS[job]
  let x = 0
  let y = 0
  let height = 0
  const placed = panels[job].map((panel, i) => {
    const type = panel.steps ? 'stat' : 'timeseries'
    const { w, h } = SIZE[type]
    if (x + w > COLUMNS || (height > 0 && h !== height)) [x, y] = [0, y + height]
    height = h
    const gridPos = { x, y, w, h }
    x += w
    return { id: i + 1, title: panel.title, description: panel.description, type, datasource, gridPos, fieldConfig: { defaults: fieldsOf(panel), overrides: [] }, options: optionsOf(panel), targets: panel.queries.map(([expression, legend], n) => ({ refId: String.fromCharCode(65 + n), expr: expression.replaceAll('$}', 'instance=~"$instance"}'), legendFormat: legend, datasource })) }
  })
  const templating = {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' },
      // All of them is not everything: figures of the process have the same names in each service.
      { name: 'instance', type: 'query', datasource, query: `label_values(${figure}, instance)`, refresh: 2, includeAll: true, current: { text: 'All', value: '$__all' }, multi: true, label },
    ],
  }
  return { title, uid: `assay-${job}`, schemaVersion: 39, version: 1, tags: ['assay'], timezone: 'utc', refresh: '30s', time: { from: 'now-24h', to: 'now' }, templating, panels: placed }
}

function fieldsOf({ unit = 'none', steps, words }: Panel): object {
  const mappings = words ? [{ type: 'value', options: Object.fromEntries(Object.entries(words).map(([value, text]) => [value, { text }])) }] : []
  return steps
    ? { unit, mappings, decimals: 0, thresholds: { mode: 'absolute', steps: steps.map(([color, value]) => ({ color, value })) } }
    : { unit, min: 0, custom: { fillOpacity: 8, showPoints: 'never' } }
}

const optionsOf = ({ steps }: Panel): object =>
  steps
    ? { colorMode: 'value', graphMode: 'none', reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } }
    : { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } }

/** What the files should hold, by path. */
export const dashboardFiles = (): Map<string, string> => new Map((['checker', 'indexer', 'provider'] as const).map((job) => [join(import.meta.dirname, '..', 'ops', 'grafana', `${job}.json`), `${JSON.stringify(dashboardOf(job), null, 1)}\n`]))

if (import.meta.main) for (const [path, text] of dashboardFiles()) writeFileSync(path, text)
