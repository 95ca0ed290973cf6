// Each gate must catch the fault that is planted for it, and pass a tree without one: a gate that cannot fail guards nothing.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { importFaults } from './imports.ts'
import { accepts, licenceFaults } from './licences.ts'
import { lockFaults } from './lock.ts'
import { lineFaults, logFaults, readLogsDocument } from './logs.ts'
import { toolFaults } from './run.ts'
import { typeFaults } from './types.ts'

const planted = join(import.meta.dirname, 'planted')
const scratch = mkdtempSync(join(tmpdir(), 'assay-gates-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

test('imports: impure protocol, a neighbour service, a reach out of the package, an unnamed dependency', () => {
  const faults = importFaults(join(planted, 'imports')).join('\n')
  for (const said of [
    'protocol/src/clock.ts: imports node:fs',
    'protocol/src/clock.ts: uses Date',
    'protocol/src/clock.ts: uses Math.random',
    'services/checker/src/neighbour.ts: services/checker may not import @assay/provider',
    'services/checker/src/neighbour.ts: reaches out of its package by ../../provider/src/secret.ts',
    'services/checker/src/neighbour.ts: rxjs is not named in services/checker/package.json',
    'kit/src/trade.ts: kit may not import @assay/protocol',
  ])
    expect(faults).toContain(said)
  expect(importFaults(scratch)).toEqual([])
})

test('types: a number where a bigint is due', () => {
  expect(typeFaults(join(planted, 'types'), 'tsconfig.json').join()).toContain("Type 'number' is not assignable to type 'bigint'")
})

test('public types: an inferred any', () => {
  expect(typeFaults(join(planted, 'public-any'), 'tsconfig.json').join()).toContain('parsed.d.ts:1: any in a public type')
})

test('lint: a floating promise', () => {
  // The project's own rules, without the line that spares the planted faults.
  const { ignorePatterns, ...rules } = JSON.parse(readFileSync(join(import.meta.dirname, '../../.oxlintrc.json'), 'utf8'))
  expect(ignorePatterns).toContain('tools/gates/planted')
  const config = join(scratch, 'oxlintrc.json')
  writeFileSync(config, JSON.stringify(rules))
  expect(toolFaults(join(planted, 'lint'), 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings', '-c', config]).join()).toContain('no-floating-promises')
})

test('dead code: a file nobody imports', () => {
  expect(toolFaults(join(planted, 'dead'), 'knip/bin/knip.js', ['--no-progress']).join()).toContain('src/forgotten.ts')
})

test('logs: events, levels and fields that only the code has, or only the document; what is no literal; a warning without a row in the runbook', () => {
  expect(logFaults(join(planted, 'logs'))).toEqual([
    'kit/src/talk.ts:7: the event is no literal: name it, so that the document can',
    'kit/src/talk.ts:8: the level is computed: name it, one event has one level',
    'kit/src/talk.ts:4: "new event" is not in docs/LOGS.md: add it, with what it means',
    'kit/src/talk.ts:5: "round scored" is told at warn, and docs/LOGS.md has it at info',
    'kit/src/talk.ts:5: "round scored" has colour, which docs/LOGS.md does not name there',
    'docs/LOGS.md: "round scored" has no machines',
    'docs/LOGS.md: machines of "round scored" is not in the table of fields',
    'docs/LOGS.md: "old event" is told nowhere: remove it',
    'docs/RUNBOOK.md: "old event" has no row: add one that begins with <a id="old-event"></a>',
    'docs/LOGS.md: no event has the field shape: remove it',
  ])
  expect(logFaults(scratch)).toEqual([])
})

test('logs: a line that the document does not know', () => {
  const document = readLogsDocument(readFileSync(join(import.meta.dirname, '../../docs/LOGS.md'), 'utf8'))
  const line = { time: '2026-01-31T12:00:00.000Z', level: 'info', service: 'provider', event: 'checker connected', checker: '0x01' }
  expect(lineFaults(document, line)).toEqual([])
  expect(lineFaults(document, { ...line, event: 'checker found' })).toEqual(['event checker found'])
  expect(lineFaults(document, { ...line, time: 1, level: 'warn', checker: 7, round: 7 })).toEqual(['time 1', 'checker connected: level warn', 'checker connected: checker is 7, no hash', 'checker connected: field round'])
  expect(lineFaults(document, { ...line, level: 'error', event: 'ended', checker: undefined, exit: 75, error: 'DISK: full' })).toEqual(['ended: field checker', 'ended: error is "DISK: full", no error'])
})

test('licences: GPL, none at all, and expressions', () => {
  for (const [name, license] of [['good', '(MIT OR GPL-3.0-only)'], ['viral', 'GPL-3.0-only'], ['silent', undefined]] as const) {
    mkdirSync(join(scratch, 'node_modules', name), { recursive: true })
    writeFileSync(join(scratch, 'node_modules', name, 'package.json'), JSON.stringify({ name, version: '1.0.0', license }))
  }
  expect(licenceFaults(join(scratch, 'node_modules')).map((fault) => fault.split(':')[0])).toEqual(['silent@1.0.0', 'viral@1.0.0'])
  expect(accepts('MIT AND GPL-3.0-only')).toBe(false)
})

test('lock file: a package without an address, and one from elsewhere', () => {
  const lock = (packages: object): void => writeFileSync(join(scratch, 'package-lock.json'), JSON.stringify({ packages }))
  const sound = { '': { name: 'assay' }, kit: { version: '0.1.0' }, 'node_modules/@assay/kit': { resolved: 'kit', link: true }, 'node_modules/good': { resolved: 'https://registry.npmjs.org/good/-/good-1.0.0.tgz' } }
  lock({ ...sound, 'node_modules/bare': { version: '1.0.0', integrity: 'sha512-' }, 'kit/node_modules/far': { resolved: 'https://example.org/far.tgz' } })
  expect(lockFaults(scratch).map((fault) => fault.split(' ')[1])).toEqual(['node_modules/bare', 'kit/node_modules/far'])
  lock(sound)
  expect(lockFaults(scratch)).toEqual([])
})
