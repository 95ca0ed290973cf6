import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { indexerMetrics } from './metrics.ts'

interface Figure { name: string, kind: string, labels: string[] }

let figures: Map<string, Figure>
const dashboard = JSON.parse(readFileSync(join(import.meta.dirname, '../../../ops/grafana/indexer.json'), 'utf8')) as { panels: { title: string, targets: { expr: string }[] }[], templating: { list: { query: string }[] } }
const queries = [...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...dashboard.templating.list.map(({ query }) => query).filter((query) => query.startsWith('label_values'))]

beforeAll(async () => {
  const metrics = indexerMetrics()
  // A figure with labels shows them once something was counted.
  metrics.verdicts.inc({ outcome: 'PASS' })
  metrics.evidence.inc({ result: 'found' })
  metrics.endpointInUse.set({ endpoint: 'wss://node.example' }, 1)
  metrics.statements.inc({ result: 'match' })
  metrics.pruned.inc({ table: 'evidence' })
  metrics.liveClients.inc({ transport: 'sse' })
  metrics.liveEvents.inc({ type: 'block' })
  metrics.liveDropped.inc({ reason: 'SLOW_CLIENT' })
  metrics.graphqlRefused.inc({ code: 'BAD_QUERY' })
  metrics.requestSeconds.observe({ route: '/network', status: '200' }, 0.1)
  const text = await metrics.text()
  figures = new Map([...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', kind = '']) => [name, { name, kind, labels: [...new Set([...text.matchAll(new RegExp(`^${name}(?:_bucket)?\\{([^}]*)\\}`, 'gm'))].flatMap(([, labels = '']) => [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label)))] }]))
})

/** The series that a query reads, by the figure they belong to. */
const seriesIn = (query: string): string[] => [...query.matchAll(/\b(?:assay|process|nodejs)_\w+/g)].map(([name]) => name)
const figureOf = (series: string): Figure | undefined => {
  const plain = figures.get(series)
  if (plain && plain.kind !== 'histogram') return plain
  const histogram = figures.get(series.replace(/_(bucket|sum|count)$/, ''))
  return histogram?.kind === 'histogram' && histogram.name !== series ? histogram : undefined
}
const faults = (query: string): string[] => {
  const series = seriesIn(query)
  if (series.length === 0) return [`${query}: reads nothing`]
  const unknown = series.filter((name) => figureOf(name) === undefined).map((name) => `${query}: there is no ${name}`)
  const known = new Set(['le', 'instance', ...series.flatMap((name) => figureOf(name)?.labels ?? [])])
  const used = [...[...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(',').map((label) => label.trim())), ...[...query.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label)]
  return [...unknown, ...used.filter((label) => !known.has(label)).map((label) => `${query}: no series has the label ${label}`)]
}

describe('figures', () => {
  it('carry their unit, or say what they count, in their name', () => {
    for (const { name, kind } of [...figures.values()].filter(({ name }) => name.startsWith('assay_indexer_'))) {
      if (kind === 'counter') expect(name).toMatch(/_total$/)
      if (kind === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/)
      if (kind === 'gauge') expect(name).toMatch(/_(height|stalled|in_use|following|waiting|clients|blobs|seconds|bytes|blocks)$/)
    }
  })
})

describe('the dashboard', () => {
  it('asks for nothing that is not there', () => {
    expect(queries.length).toBeGreaterThan(15)
    for (const query of queries) expect(faults(query)).toEqual([])
  })

  it('shows every figure of ours', () => {
    const shown = new Set(queries.flatMap(seriesIn).map((series) => figureOf(series)?.name))
    expect([...figures.keys()].filter((name) => name.startsWith('assay_indexer_') && !shown.has(name))).toEqual([])
  })

  it('would be refused with a figure, a label or a histogram that is not as it says', () => {
    for (const query of ['rate(assay_indexer_blocks[5m])', 'assay_indexer_http_request_seconds', 'sum by (path) (assay_indexer_http_request_seconds_count)', 'assay_indexer_verdicts_total{result="PASS"}', 'vector(1)', 'assay_indexer_blocks_total_count']) expect([query, faults(query).length > 0]).toEqual([query, true])
  })
})
