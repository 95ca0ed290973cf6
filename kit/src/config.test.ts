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
const file = (text: string, name = 'config.json') => {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

describe('a file in YAML', () => {
  const yaml = (text: string, name = 'assay.yaml') => loadConfig(schema, { file: file(text, name) })
  it('is read as the environment is: texts become the types of the schema, what is empty is not given', () => {
    expect(yaml('# ours\n---\nendpoint: 0x1111\nopsPort: 3\njson: true\nevidence:\n  - http://a\n  - http://b\nengine:\nlogLevel: ~\n')).toEqual({ endpoint: '0x1111', opsPort: 3, json: true, logLevel: 'info', evidence: ['http://a', 'http://b'] })
    expect(yaml('endpoint: "a # b"\nevidence: [http://a]\nengine: "~"').engine).toBe('~')
    expect(yaml('endpoint: x\nevidence: http://a, http://b', 'settings').evidence).toEqual(['http://a', 'http://b'])
    expect(yaml('\ufeffendpoint: x\r\nopsPort: 9\r\n').opsPort).toBe(9)
  })
  it('is JSON where it begins as such, whatever its name', () => expect(yaml('  {"endpoint": "x"}').endpoint).toBe('x'))
  it('may be named by the environment, and says where a wrong setting stands', () => {
    const env = { ASSAY_CONFIG: file('endpoint: x\n\nopsPort: 70000\nporrt: 1', 'assay.yaml') }
    expect(() => loadConfig(schema, { env })).toThrow(/porrt \(in .*assay.yaml line 4\) is not a setting.*opsPort = 70000 \(from opsPort in .*assay.yaml line 3\)/)
    expect(() => loadConfig(schema, { env: { ASSAY_CONFIG: '' } })).toThrow(/endpoint is missing/)
    expect(loadConfig(schema, { env, file: file('endpoint: y', 'other.yaml') }).endpoint).toBe('y')
  })
  it('may hold the settings of the service whose command takes a few of them', () => {
    const few = Type.Object({ opsPort: schema.properties.opsPort })
    expect(loadConfig(few, { file: file('endpoint: x\nopsPort: 4', 'assay.yaml'), fileMayHold: schema })).toEqual({ opsPort: 4 })
    expect(() => loadConfig(few, { file: file('endpiont: x', 'assay.yaml'), fileMayHold: schema })).toThrow(/endpiont .* is not a setting/)
  })
  it.each([
    ['no YAML', 'endpoint: x\nopsPort: [1', /assay.yaml is not YAML \(line 2: /],
    ['tabs', '\tendpoint: x', /is not YAML \(line 1: Tabs/],
    ['a key twice', 'endpoint: x\nopsPort: 1\nendpoint: y', /has a key twice \(line 3\)/],
    ['a tag', 'endpoint: x\nopsPort: !!int 3', /has a tag \(line 2: !!int\)/],
    ['an anchor', 'endpoint: &a x', /has an anchor \(line 1: &a\)/],
    ['an alias', '\nendpoint: *a', /has an alias \(line 2: \*a\)/],
    ['a directive', '%YAML 1.1\n---\nendpoint: x', /has a directive/],
    ['a marked key', '? endpoint\n: x', /has a key marked by \?/],
    ['a list as a key', '[a]: x', /has a key that is no word \(line 1\)/],
    ['two documents', 'endpoint: x\n---\nopsPort: 1', /more than one document \(line [23]\)/],
    ['a list', '- endpoint', /does not hold settings/],
    ['settings in a setting', 'endpoint:\n  a: b', /settings within a setting \(endpoint, line 1\)/],
    ['a bomb of aliases', `a: &a [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: [*a, *a]`).join('\n')}`, /has an anchor/],
    ['thousands of anchors', '&a '.repeat(20_000), /has an anchor/],
    ['lists within lists', `endpoint: ${'['.repeat(60_000)}`, /has lists within lists/],
    ['lists within lists by lines', '- '.repeat(30_000), /is not YAML/],
    ['too much', `endpoint: x\n#${'x'.repeat(1 << 16)}`, /is larger than 64 KiB/],
    ['__proto__', 'endpoint: x\n__proto__: 1', /__proto__ \(in .* line 2\) is not a setting/],
  ])('is refused with %s', (_, text, message) => {
    expect(() => yaml(text)).toThrow(message)
    expect(() => yaml(text)).toThrow(expect.objectContaining({ name: 'OperatorError' }))
  })
  it('is refused if it is no text, or no file', () => {
    writeFileSync(join(dir, 'bytes.yaml'), Buffer.of(0x61, 0x3a, 0x20, 0xff))
    expect(() => loadConfig(schema, { file: join(dir, 'bytes.yaml') })).toThrow(/is no text in UTF-8/)
    expect(() => loadConfig(schema, { file: dir })).toThrow(/cannot be read \(EISDIR\)/)
    expect(() => loadConfig(schema, { file: '/dev/zero' })).toThrow(/is larger than 64 KiB/)
  })
})

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
    ['{"opsPort": 1,\n"opsPort": 2}', /has a key twice \(line 2\)/],
    ['{"toString": 1}', /toString .* is not a setting/],
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
  expect(describeConfig(schema)[1]).toEqual({ name: 'opsPort', flag: '--ops-port', env: 'ASSAY_OPS_PORT', description: 'port of health and metrics', required: false, default: 0, path: false, secret: false })
})
