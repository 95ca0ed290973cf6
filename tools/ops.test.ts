// What ops/ has for operators fits the services: the alert rules ask for figures that they have, with labels and values that they give, and what is composed sets settings and asks ports of theirs.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { describeConfig } from '../kit/src/config.ts'
import { checkerConfig } from '../services/checker/src/config.ts'
import { checkerMetrics } from '../services/checker/src/metrics.ts'
import { indexerConfig } from '../services/indexer/src/config.ts'
import { indexerMetrics } from '../services/indexer/src/metrics.ts'
import { providerMetrics } from '../services/provider/src/metrics.ts'

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
    writeFileSync(join(dir, 'alerts.yml'), rules.replace('assay_checker_funds_days < 7', 'assay_checker_funds_days < 1'))
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
