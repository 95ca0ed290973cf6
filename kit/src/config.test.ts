import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Type } from 'typebox'
import { describeConfig, loadConfig } from './config.ts'

const schema = Type.Object({
  endpoint: Type.String({ minLength: 1, description: 'WebSocket address of a peaq node' }),
  opsPort: Type.Integer({ default: 0, minimum: 0, maximum: 65535, description: 'port of health and metrics' }),
  json: Type.Boolean({ default: false, description: 'log as JSON' }),
  logLevel: Type.Union([Type.Literal('info'), Type.Literal('debug')], { default: 'info', description: 'what is logged' }),
  evidence: Type.Array(Type.String(), { default: [], description: 'base URLs' }),
  engine: Type.Optional(Type.String({ description: 'path of an engine' })),
})
const dir = mkdtempSync(join(tmpdir(), 'assay-config-'))
afterAll(() => rmSync(dir, { recursive: true }))
const file = (text: string) => {
  const path = join(dir, 'config.json')
  writeFileSync(path, text)
  return path
}

describe('loadConfig', () => {
  it('prefers flags to environment to file to default, and turns texts into types', () => {
    const config = loadConfig(schema, {
      flags: { opsPort: '1', json: undefined },
      env: { ASSAY_OPS_PORT: '2', ASSAY_ENDPOINT: 'ws://env', ASSAY_JSON: 'true', ASSAY_EVIDENCE: 'http://a, http://b', ASSAY_OTHER: 'x' },
      file: file('{"opsPort": 3, "endpoint": "ws://file", "logLevel": "debug"}'),
    })
    expect(config).toEqual({ endpoint: 'ws://env', opsPort: 1, json: true, logLevel: 'debug', evidence: ['http://a', 'http://b'] })
  })
  it('takes an empty environment variable as unset', () => {
    expect(() => loadConfig(schema, { env: { ASSAY_ENDPOINT: '' } })).toThrow(/endpoint is missing \(WebSocket address of a peaq node\): give --endpoint or ASSAY_ENDPOINT/)
  })
  it('names every wrong field, where it came from and what it is for', () => {
    const wrong = () => loadConfig(schema, { flags: { endpoint: 'x', opsPort: '70000', logLevel: 'loud' }, env: { ASSAY_JSON: 'maybe' } })
    expect(wrong).toThrow(/opsPort = 70000 \(from --ops-port\) must be <= 65535 \(port of health and metrics\)/)
    expect(wrong).toThrow(/json = "maybe" \(from ASSAY_JSON\) must be boolean/)
    expect(wrong).toThrow(/logLevel = "loud" \(from --log-level\) must be one of info, debug/)
  })
  it('shows no secret', () => {
    const secret = Type.Object({ url: Type.String({ pattern: '^postgres:', secret: true, description: 'a database' }) })
    expect(() => loadConfig(secret, { env: { ASSAY_URL: 'mysql://me:hunter2@db' } })).toThrow(/^(?!.*hunter2).*url = \(hidden\) \(from ASSAY_URL\)/)
  })
  it.each([
    ['[1]', /one JSON object/],
    ['{', /not JSON/],
    ['{"endpiont": "x"}', /endpiont .* is not a setting; known are endpoint/],
  ])('refuses the file %s', (text, message) => {
    expect(() => loadConfig(schema, { file: file(text) })).toThrow(message)
  })
  it('refuses a missing file and an unknown flag', () => {
    expect(() => loadConfig(schema, { file: join(dir, 'none') })).toThrow(/cannot be read \(ENOENT\)/)
    expect(() => loadConfig(schema, { flags: { endpoint: 'x', portt: 1 } })).toThrow(/--portt is not a setting/)
  })
})

it('describeConfig lists the settings for the help text', () => {
  expect(describeConfig(schema)[1]).toEqual({ name: 'opsPort', flag: '--ops-port', env: 'ASSAY_OPS_PORT', description: 'port of health and metrics', required: false, default: 0 })
})
