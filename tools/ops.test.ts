// What ops/ has for operators fits the services: alert rules and dashboards ask for figures that they have, with labels and values that they give, and what is composed sets settings and asks ports of theirs.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeConfig } from '../kit/src/config.ts'
import { createMetrics, type MetricsRegistry } from '../kit/src/metrics.ts'
import { checkerConfig } from '../services/checker/src/config.ts'
import { checkerMetrics } from '../services/checker/src/metrics.ts'
import { indexerConfig } from '../services/indexer/src/config.ts'
import { indexerMetrics } from '../services/indexer/src/metrics.ts'
import { providerMetrics } from '../services/provider/src/metrics.ts'
import { dashboardFiles, dashboardOf, type Job } from './dashboards.ts'

const root = join(import.meta.dirname, '..')
const rules = readFileSync(join(root, 'ops/prometheus/alerts.yml'), 'utf8')
const expressions = [...rules.matchAll(/^ +expr: (.+)$/gm)].map(([, expression = '']) => expression)
const alerts = [...rules.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name = '']) => name)

const texts = await Promise.all([checkerMetrics(), indexerMetrics(), providerMetrics()].map((metrics) => metrics.text()))
const names = new Set(texts.flatMap((text) => [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name)))

const sourceOf = (service: string, files: string[]): string => files.map((file) => join(root, 'services', service, 'src', `${file}.ts`)).filter(existsSync).map((path) => readFileSync(path, 'utf8')).join('\n')

/** What an expression asks for and no service has: figures, labels of theirs, and values that the service never counts under. */
function faults(expression: string): string[] {
  const unknown = [...expression.matchAll(/\bassay_\w+/g)].map(([name]) => name).filter((name) => !names.has(name))
  const labelled = [...expression.matchAll(/assay_([a-z]+)_(\w+)\{(\w+)=~?"([^"]+)"\}/g)].flatMap(([, service = '', figure, label, values = '']) => {
    const declared = sourceOf(service, ['metrics']).split('\n').some((line) => line.includes(`'${figure}'`) && line.includes(`['${label}']`))
    const counted = sourceOf(service, ['rounds', 'settlement', 'judge'])
    return values.split('|').filter((value) => !declared || !counted.includes(`'${value}'`)).map((value) => `${label}="${value}"`)
  })
  return [...unknown, ...labelled]
}

it('every alert asks for something that is there', () => {
  expect(expressions).toHaveLength(alerts.length)
  expect(new Set(alerts).size).toBe(alerts.length)
  expect(alerts.length).toBeGreaterThan(5)
  expect(expressions.map((expression) => [expression, faults(expression)])).toEqual(expressions.map((expression) => [expression, []]))
})

it('every alert has a row in the runbook, which names it', () => {
  const runbook = readFileSync(join(root, 'docs/RUNBOOK.md'), 'utf8')
  const links = [...rules.matchAll(/runbook: "docs\/RUNBOOK\.md#([\w-]+)"/g)].map(([, anchor = '']) => anchor)
  expect(links).toHaveLength(alerts.length)
  const rowOf = (anchor: string): string | undefined => runbook.split('\n').find((line) => line.startsWith('|') && line.includes(`<a id="${anchor}"></a>`))
  expect(alerts.filter((alert, i) => !rowOf(links[i]!)?.includes(alert))).toEqual([])
  expect(rowOf('no-such-row')).toBeUndefined()
})

it('what an alert counts is there, at 0, before it first happens: of a series that is new with its first count no increase is seen', () => {
  const counted = expressions.flatMap((expression) => [...expression.matchAll(/increase\((assay_\w+)\{(\w+)(!?)=~?"([^"]+)"\}/g)].flatMap(([, figure = '', label = '', not, values = '']) => (not ? [figure] : values.split('|').map((value) => `${figure}{${label}="${value}"}`))))
  expect(counted.length).toBeGreaterThan(3)
  const lines = texts.join('\n').split('\n')
  expect(counted.filter((series) => !lines.some((line) => line === `${series} 0` || (line.startsWith(`${series}{`) && line.endsWith(' 0'))))).toEqual([])
})

it('one that asks for what is not there would be found', () => {
  expect(faults('assay_checker_funds < 1')).toEqual(['assay_checker_funds'])
  expect(faults('increase(assay_checker_reports_total{fate=~"late|lost"}[1h]) > 0')).toEqual(['fate="lost"'])
  expect(faults('assay_checker_reports_total{what="late"}')).toEqual(['what="late"'])
})

it('every alert has an example that wakes somebody, by promtool test rules', () => {
  const examples = readFileSync(join(root, 'ops/prometheus/alerts.test.yml'), 'utf8')
  const waking = [...examples.matchAll(/alertname: (\w+)\n +exp_alerts:\n +- exp_/g)].map(([, name = '']) => name)
  expect([...new Set(waking)].sort()).toEqual([...alerts].sort())
})

/** Prometheus' own tool, where Debian's package prometheus is installed. */
const promtool = (...args: string[]) => spawnSync('promtool', args, { encoding: 'utf8', cwd: join(root, 'ops/prometheus') })

it.skipIf(promtool('--version').status !== 0)('promtool takes the configuration, and the rules do as their examples say; rules that do not are found', () => {
  for (const args of [['check', 'config', 'prometheus.yml'], ['test', 'rules', 'alerts.test.yml']]) expect(promtool(...args)).toMatchObject({ status: 0 })
  const dir = mkdtempSync(join(tmpdir(), 'assay-rules-'))
  try {
    cpSync(join(root, 'ops/prometheus'), dir, { recursive: true })
    writeFileSync(join(dir, 'alerts.yml'), rules.replace('assay_checker_funds_days >= 0 < 7', 'assay_checker_funds_days >= 0 < 1'))
    expect(promtool('test', 'rules', join(dir, 'alerts.test.yml'))).toMatchObject({ status: 1, stderr: expect.stringContaining('AssayCheckerCannotPay') })
  } finally {
    rmSync(dir, { recursive: true })
  }
})

it('what is composed gives each service settings that it has, all that it needs, and asks for figures where it listens', () => {
  const compose = readFileSync(join(root, 'ops/compose.yaml'), 'utf8')
  const scraped = readFileSync(join(root, 'ops/prometheus/prometheus.yml'), 'utf8')
  for (const [service, schema, fromImage] of [['checker', checkerConfig, ['ASSAY_DATA_DIR', 'ASSAY_PASSWORD_FILE']], ['indexer', indexerConfig, []]] as const) {
    const [, part = ''] = new RegExp(`^  ${service}:\\n((?:    .*\\n)+)`, 'm').exec(compose)!
    const given = [...part.matchAll(/^ +(ASSAY_\w+):/gm)].map(([, name = '']) => name)
    const fields = describeConfig(schema)
    expect(given.filter((name) => !fields.some(({ env }) => env === name))).toEqual([])
    expect(fields.filter(({ required }) => required).map(({ env }) => env).filter((name) => ![...given, ...fromImage].includes(name))).toEqual([])
    const port = fields.find(({ name }) => name === 'httpPort')!.default as number
    expect(scraped).toContain(`"${service}:${port}"`)
    expect(part).toContain(`"${port}:${port}"`)
  }
})

interface Figure { name: string, kind: string, labels: readonly string[] }

/** What a service's figures are: its own as it declares them, and those of its process. */
async function figuresOf(job: Job): Promise<Map<string, Figure>> {
  const real = createMetrics(job, { process: true })
  const declared = new Map<string, readonly string[]>()
  const registry: MetricsRegistry = {
    ...real,
    counter: (name, help, labels, known) => (declared.set(`assay_${job}_${name}`, labels ?? []), real.counter(name, help, labels, known)),
    gauge: (name, help, labels) => (declared.set(`assay_${job}_${name}`, labels ?? []), real.gauge(name, help, labels)),
    histogram: (name, help, buckets, labels) => (declared.set(`assay_${job}_${name}`, labels ?? []), real.histogram(name, help, buckets, labels)),
  }
  const metrics = { checker: checkerMetrics, indexer: indexerMetrics, provider: providerMetrics }[job](registry)
  return new Map([...(await metrics.text()).matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name = '', kind = '']) => [name, { name, kind, labels: declared.get(name) ?? [] }]))
}

describe.each(['checker', 'indexer', 'provider'] as const)('the dashboard of the %s', async (job) => {
  const figures = await figuresOf(job)
  const { panels, templating } = dashboardOf(job) as { panels: { title: string, type: string, gridPos: Record<'x' | 'y' | 'w' | 'h', number>, targets: { expr: string }[] }[], templating: { list: { query: string }[] } }
  const queries = [...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...templating.list.map(({ query }) => query).filter((query) => query.startsWith('label_values'))]

  /** The series that a query reads, by the figure they belong to. */
  const seriesIn = (query: string): string[] => [...query.matchAll(/\b(?:assay|process|nodejs)_\w+/g)].map(([name]) => name)
  const figureOf = (series: string): Figure | undefined => {
    const plain = figures.get(series)
    if (plain && plain.kind !== 'histogram') return plain
    const histogram = figures.get(series.replace(/_(bucket|sum|count)$/, ''))
    return histogram?.kind === 'histogram' && histogram.name !== series ? histogram : undefined
  }
  const faultsOf = (query: string): string[] => {
    const series = seriesIn(query)
    if (series.length === 0) return [`${query}: reads nothing`]
    const unknown = series.filter((name) => figureOf(name) === undefined).map((name) => `${query}: there is no ${name}`)
    const known = new Set(['le', 'instance', ...series.flatMap((name) => figureOf(name)?.labels ?? [])])
    const used = [...[...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(',').map((label) => label.trim())), ...[...query.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label)]
    return [...unknown, ...used.filter((label) => !known.has(label)).map((label) => `${query}: no series has the label ${label}`)]
  }

  it('is what tools/dashboards.ts makes', () => {
    expect([...dashboardFiles()].filter(([path, text]) => readFileSync(path, 'utf8') !== text).map(([path]) => path)).toEqual([])
  })

  it('asks for nothing that is not there, and of the chosen instances alone', () => {
    expect(queries.length).toBeGreaterThan(15)
    expect(queries.flatMap(faultsOf)).toEqual([])
    expect(panels.flatMap(({ targets }) => targets).filter(({ expr }) => seriesIn(expr).length !== expr.split('instance=~"$instance"}').length - 1)).toEqual([])
  })

  it('shows every figure of ours', () => {
    const shown = new Set(queries.flatMap(seriesIn).map((series) => figureOf(series)?.name))
    expect([...figures.keys()].filter((name) => name.startsWith('assay_') && !shown.has(name))).toEqual([])
  })

  it('has its panels side by side', () => {
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`))
    expect(new Set(cells).size).toBe(cells.length)
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true)
  })

  it('would be refused with a figure, a label or a histogram that is not as it says', () => {
    const histogram = [...figures.values()].find(({ name, kind }) => kind === 'histogram' && name.startsWith('assay_'))?.name ?? 'nodejs_gc_duration_seconds'
    for (const query of [`rate(assay_${job}_nothing[5m])`, histogram, `sum by (path) (${histogram}_count)`, `assay_${job}_newer_version_blocks{result="PASS"}`, 'vector(1)', `assay_${job}_newer_version_blocks_count`]) expect([query, faultsOf(query).length > 0]).toEqual([query, true])
  })

  it.skipIf(promtool('--version').status !== 0)('is written in Prometheus’ language', () => {
    const dir = mkdtempSync(join(tmpdir(), 'assay-queries-'))
    try {
      const plain = queries.filter((query) => !query.startsWith('label_values')).map((query) => query.replaceAll('$instance', 'all'))
      const check = (some: string[]) => {
        writeFileSync(join(dir, 'queries.yml'), JSON.stringify({ groups: [{ name: 'queries', rules: some.map((expr, i) => ({ record: `query:${i}`, expr })) }] }))
        return promtool('check', 'rules', join(dir, 'queries.yml')).status
      }
      expect(check(plain)).toBe(0)
      expect(check(['sum by (']) ).not.toBe(0)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
