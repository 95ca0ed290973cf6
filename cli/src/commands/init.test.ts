import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test, vi } from 'vitest'
import { describeConfig, loadConfig } from '@assay/kit/config'
import { settingsText } from '@assay/kit/config-file'
import { SERVICES } from './init.ts'

// Each of these starts a process or several.
vi.setConfig({ testTimeout: 300_000 })
const root = mkdtempSync(join(tmpdir(), 'assay-init-'))
afterAll(() => rmSync(root, { recursive: true }))
const assay = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), ...args], { encoding: 'utf8', cwd: root, env: { ...process.env, ASSAY_PASSWORD: 'only-for-tests' } })
const NETWORK = `0x${'11'.repeat(32)}`

test.each(Object.keys(SERVICES))('the file of %s is read back as the flags would be, and only its owner reads it', (name) => {
  const { schema, start } = SERVICES[name]!
  const dataDir = join(root, name)
  const flags = { chain: 'wss://node.example', network: NETWORK, dataDir }
  const ran = assay('init', name, '--chain', flags.chain, '--network', NETWORK, '--data-dir', name, '--json')
  const file = join(dataDir, 'assay.yaml')
  expect(ran).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(ran.stdout)).toEqual({ event: 'settings written', file, missing: [], next: `${start} --config ${file}` })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(loadConfig(schema, { file })).toEqual(loadConfig(schema, { flags }))
  const text = readFileSync(file, 'utf8')
  for (const field of describeConfig(schema)) expect(text).toMatch(new RegExp(`\\[${field.env}\\]\\n#?${field.name}:`))
})

test.each(Object.keys(SERVICES))('and %s goes by its defaults too when every # is taken away', (name) => {
  const { schema } = SERVICES[name]!
  const file = join(root, `${name}-all.yaml`)
  const flags = { chain: 'wss://node.example', network: NETWORK, dataDir: '/data' }
  writeFileSync(file, settingsText(describeConfig(schema), { values: flags, title: 'x' }).replaceAll(/^#(\w+:)/gm, '$1'))
  expect(loadConfig(schema, { file })).toEqual(loadConfig(schema, { flags }))
})

test('values of every kind come back as they went in', () => {
  const { schema } = SERVICES['indexer']!
  const flags = { network: '5F', dataDir: '/a folder: with #, "quotes" and \'more\'\nand lines', corsOrigins: ['https://a', 'https://b'], blockUrl: 'https://x/{number}?a=b#c', host: 'null', httpPort: 7 }
  const file = join(root, 'kinds.yaml')
  writeFileSync(file, settingsText(describeConfig(schema), { values: flags, title: 'x' }))
  expect(loadConfig(schema, { file })).toMatchObject(flags)
})

test('what is missing stands there to be filled in, and starts nothing before', () => {
  const ran = assay('init', 'checker')
  expect(ran).toMatchObject({ status: 0, stdout: expect.stringContaining('Fill in: chain, network, dataDir') as unknown })
  expect(assay('checker', 'start', '--config', 'assay.yaml')).toMatchObject({ status: 1, stderr: expect.stringMatching(/chain is missing.*network is missing.*dataDir is missing/) as unknown })
  expect(assay('init', 'machine')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('assay.yaml exists already') as unknown })
})

test('what the service would refuse is refused, and nothing written', () => {
  expect(assay('init', 'checker', '--http-port', '70000', '--output', 'none.yaml')).toMatchObject({ status: 1, stderr: expect.stringContaining('httpPort = 70000 (from --http-port)') as unknown })
  expect(() => statSync(join(root, 'none.yaml'))).toThrow('ENOENT')
  expect(assay('init', 'checker', '--output', 'assay.yaml/assay.yaml')).toMatchObject({ status: 1, stderr: expect.stringMatching(/cannot be written \((EEXIST|ENOTDIR)\)/) as unknown })
  expect(assay('init', 'checker', '--output', '/proc/none/further/assay.yaml')).toMatchObject({ status: 1, stderr: expect.stringMatching(/cannot be written \(ENOENT\)/) as unknown })
  expect(assay('init', 'indexer', '--database-url', 'postgres://a')).toMatchObject({ status: 1, stderr: expect.stringContaining('unknown option') as unknown })
  expect(assay('init', 'network', '--chain', 'ws://127.0.0.1:1', '--lead', '0')).toMatchObject({ status: 1, stderr: expect.stringContaining('0 is not a number of blocks') as unknown })
})

test('an owner is made once', () => {
  const made = assay('init', 'owner', '--data-dir', 'owner')
  expect(made).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^made owner\/owner.json\naccount 5\w+\nThe account's words, shown once; .*\n( +\w+){12}\nNext: assay init machine --owner-file \/.*owner.json/) as unknown })
  expect(statSync(join(root, 'owner/owner.json')).mode & 0o777).toBe(0o600)
  expect(assay('init', 'owner', '--data-dir', 'owner').stdout).toMatch(/^found owner\/owner.json\naccount 5\w+\nNext:/)
})
