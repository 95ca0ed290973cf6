import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { OperatorError } from '@assay/kit/lifecycle'
import { lowPort } from '@assay/kit/testing/low-port'
import { devnetParameters, fromHex } from '@assay/protocol'
import { accountFromSecret, bestBlock, completeRequest, connectChain, createKeystore, createNetwork, createSender, cryptoReady, networkAccount, toAddress, walletPayload, decodeRequest, type Keystore } from '@assay/runtime-bindings'
import { startDevchain, type Devchain } from '@assay/runtime-bindings/testing'
import { diskCheck, exitOfChecks, failedCheck, portCheck, tellChecks, urlCheck, versionCheck, type Check } from './doctor.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 240_000 }) // each of many commands opens keys, which is slow on purpose and slower on a busy machine
const root = mkdtempSync(join(tmpdir(), 'assay-doctor-'))
const listening: Server[] = []
const listen = (greets?: string): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.on('error', () => {}).end(greets ?? 'hello'))
    listening.push(server)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
afterAll(() => {
  for (const server of listening) server.close()
  rmSync(root, { recursive: true, force: true })
})

describe('a version', () => {
  it('is 24 or later', () => {
    expect(versionCheck('24.1.0').state).toBe('ok')
    expect(versionCheck('22.9.0')).toMatchObject({ state: 'mend', how: expect.stringContaining('Node 24') })
  })
})

describe('a disk', () => {
  const clock = (ms: number) => {
    let now = 0
    return () => (now += ms)
  }
  it('has room and is fast enough, also where the folder is still to be made, and nothing is left there', async () => {
    expect(await diskCheck(join(root, 'not', 'yet'), clock(16))).toMatchObject({ state: expect.stringMatching(/ok|mend/), what: expect.stringMatching(/GiB free, 1\.0 ms a durable write, at .*assay-doctor-/) })
    expect(readdirSync(root)).toEqual([])
  })
  it('is slow, or no folder', async () => {
    expect(await diskCheck(root, clock(16 * 60))).toMatchObject({ what: expect.stringContaining('60.0 ms'), how: expect.any(String) })
    writeFileSync(join(root, 'file'), '')
    expect(await diskCheck(join(root, 'file'), clock(1))).toMatchObject({ state: 'mend', what: expect.stringContaining('is a file') })
    expect(await diskCheck(join(root, 'file', 'below'), clock(1))).toMatchObject({ state: 'mend', what: expect.stringContaining('ENOTDIR') })
    expect(await diskCheck('/proc/nothing', clock(1))).toMatchObject({ state: 'mend', what: expect.stringContaining('cannot be written') })
  })
})

describe('a port', () => {
  const free = { host: '127.0.0.1', port: 0, announced: null, taken: false }
  it('is free, and leads here under the name that is announced', async () => {
    expect(await portCheck('p', free)).toMatchObject({ state: 'ok' })
    const port = await lowPort()
    expect(await portCheck('p', { ...free, port, announced: { host: '127.0.0.1', port } })).toMatchObject({ state: 'ok', what: expect.stringContaining('leads to it') })
    expect(await portCheck('p', { ...free, port: await listen(), taken: true })).toMatchObject({ state: 'ok' })
  })
  it('is another program’s, here or behind the name; or cannot be reached', async () => {
    expect(await portCheck('p', { ...free, port: await listen() })).toMatchObject({ state: 'mend', what: expect.stringContaining('EADDRINUSE') })
    expect(await portCheck('p', { ...free, host: '203.0.113.9' })).toMatchObject({ state: 'mend', what: expect.stringContaining('EADDRNOTAVAIL') })
    expect(await portCheck('p', { ...free, announced: { host: '127.0.0.1', port: await listen() } })).toMatchObject({ state: 'mend', what: expect.stringContaining('another program') })
    expect(await portCheck('p', { ...free, announced: { host: '127.0.0.1', port: 9 } })).toMatchObject({ state: 'note', how: expect.stringContaining('from outside') })
    expect(await portCheck('p', { ...free, taken: true, announced: { host: '127.0.0.1', port: 9 } })).toMatchObject({ state: 'note' })
    expect(await portCheck('p', { ...free, announced: { host: 'no-such-host.invalid', port: 1 } })).toMatchObject({ state: 'mend', what: expect.stringContaining('no-such-host.invalid') })
  })
  it('of a URL is asked when the service runs', async () => {
    const running = { pid: 1, url: null }
    expect(await urlCheck('e', 'https://no-such-host.invalid/x', null, async () => true)).toMatchObject({ state: 'mend' })
    expect(await urlCheck('e', 'http://127.0.0.1:1', null, async () => true)).toMatchObject({ state: 'note' })
    expect(await urlCheck('e', 'http://[::1]:1/', running, async (url) => url === 'http://[::1]:1/health')).toMatchObject({ state: 'ok' })
    expect(await urlCheck('e', 'http://127.0.0.1:1', running, async () => false)).toMatchObject({ state: 'note' })
  })
})

it('what was found decides the exit code, and says what to do', () => {
  const check = (state: Check['state']): Check => ({ name: 'n', state, what: 'w', how: 'h' })
  expect([[check('ok'), check('note')], [check('again')], [check('again'), check('mend')]].map((checks) => exitOfChecks(checks))).toEqual([0, 75, 1])
  expect(tellChecks([check('mend')])).toMatch(/^MEND {2}n +w\n +h\n +result +something must be mended\n$/)
  expect(tellChecks([check('ok')])).not.toContain('h\n')
  expect(failedCheck('n', new OperatorError('X', 'said', { advice: 'do', exit: 75 }))).toEqual({ name: 'n', state: 'again', what: 'said', how: 'do' })
  expect(() => failedCheck('n', new Error('a fault of ours'))).toThrow('a fault of ours')
})

async function assay(...args: string[]): Promise<{ status: number | null, stdout: string, stderr: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { status, stdout, stderr }
}
const found = (stdout: string): Record<string, string> => Object.fromEntries((JSON.parse(stdout) as { checks: Check[] }).checks.map(({ name, state, what }) => [name, `${state}: ${what}`]))

describe('on a chain', () => {
  const stop = new AbortController()
  const dataDir = join(root, 'checker')
  let dev: Devchain
  let keys: Keystore
  let network: string
  let ports: number[]
  const doctor = (...more: string[]) => assay('doctor', 'checker', '--chain', dev.endpoint, '--network', network, '--data-dir', dataDir, '--password-file', join(root, 'password'), '--channel-port', String(ports[0]), '--http-port', String(ports[1]), '--json', ...more)
  beforeAll(async () => {
    await cryptoReady()
    writeFileSync(join(root, 'password'), 'long enough\n', { mode: 0o600 })
    writeFileSync(join(root, 'wrong'), 'wrong\n', { mode: 0o600 })
    keys = await createKeystore({ dir: dataDir, password: 'long enough' })
    ports = [await lowPort(), await lowPort()]
    const helper = accountFromSecret('//helper')
    dev = await startDevchain({ blocks: 'instant', fund: { [keys.account.address]: 10n * 10n ** 18n, [helper.address]: 10n * 10n ** 18n } })
    const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    const { number } = await bestBlock(chain)
    const founders = [keys.account.id, helper.id]
    for (const account of [keys.account, helper]) await createNetwork({ chain, founders, parameters: devnetParameters(number, number + 500), sender: createSender({ chain, account, signal: stop.signal }) })
    network = toAddress(networkAccount(founders))
  })
  afterAll(async () => {
    stop.abort()
    await dev?.close()
  })

  it('a founder’s checker is ready before its first start, and nothing is changed', async () => {
    const before = readdirSync(dataDir)
    const { status, stdout, stderr } = await doctor()
    const checks = found(stdout)
    expect({ stderr, checks }).toMatchObject({ stderr: '', checks: {
      version: expect.stringMatching(/^ok/), keys: expect.stringContaining(keys.account.address), owner: expect.stringContaining('the checker itself'), machines: expect.stringMatching(/^ok/), evidence: expect.stringMatching(/^ok/),
      chain: expect.stringMatching(/^ok: .*peaq.* genesis 0x/), runtime: expect.stringMatching(/^ok/), network: expect.stringMatching(/^ok/), registered: expect.stringMatching(/^note: not yet/), role: expect.stringMatching(/^ok/), funds: expect.stringMatching(/: 5\w+ has .* PEAQ; its reports take .* PEAQ at most an? (day|epoch), so it lasts \d+ (day|epoch)s/),
    } })
    expect(status).toBe(checks['disk']!.startsWith('mend') ? 1 : 0)
    expect(readdirSync(dataDir)).toEqual(before)
  })
  it('says all that is to be mended at once', async () => {
    const poor = join(root, 'poor')
    const { account } = await createKeystore({ dir: poor, password: 'long enough' })
    const { status, stdout } = await doctor('--data-dir', poor, '--host', '0.0.0.0', '--owner', toAddress(accountFromSecret('//owner').id))
    expect(status).toBe(1)
    expect(found(stdout)).toMatchObject({ owner: expect.stringMatching(/^mend: 5\w+ has not agreed yet/), ports: expect.stringMatching(/^mend: host 0\.0\.0\.0/), role: expect.stringMatching(/^mend/), funds: expect.stringMatching(/^mend/) })
    expect(found((await doctor('--data-dir', poor)).stdout)['registered']).toMatch(new RegExp(`^mend: .*${account.address} lacks`))
    expect(found((await doctor('--password-file', join(root, 'wrong'))).stdout)['keys']).toMatch(/^mend: The password does not open/)
    expect(found((await doctor('--data-dir', join(root, 'nothing'))).stdout)['keys']).toMatch(/^note: there are none/)
    expect(found((await doctor('--network', keys.account.address)).stdout)['network']).toMatch(/^mend: .* holds no network there/)
    expect(readdirSync(root)).not.toContain('nothing')
  })
  it('knows whether the owner agreed to where the checker will be', async () => {
    const owner = accountFromSecret('//owner')
    const at = ['--network', network, '--data-dir', dataDir, '--channel-port', String(ports[0]), '--http-port', String(ports[1])]
    const asked = decodeRequest((await assay('checker', 'request', ...at, '--owner', owner.address, '--password-file', join(root, 'password'))).stdout)
    await completeRequest(dataDir, { signature: owner.pair.sign(fromHex(walletPayload(asked))) })
    expect(found((await doctor()).stdout)['owner']).toBe(`ok: ${owner.address}, who agreed`)
    expect(found((await doctor('--public-host', 'localhost')).stdout)['owner']).toMatch(/^mend: The owner agreed to a checker that listens at/)
    rmSync(join(dataDir, 'owner.consent'))
  })
  it('asks each node alone', async () => {
    const { status, stdout } = await doctor('--chain', `ws://127.0.0.1:9,${dev.endpoint}`)
    expect((JSON.parse(stdout) as { checks: Check[] }).checks.filter(({ name }) => name === 'chain').map(({ state }) => state)).toEqual(['note', 'ok'])
    expect([0, 1]).toContain(status)
    expect(await doctor('--chain', 'ws://127.0.0.1:9')).toMatchObject({ status: found((await doctor()).stdout)['disk']!.startsWith('mend') ? 1 : 75 })
  })

  it('an indexer’s database, port and chain are looked at, too', async () => {
    const indexer = (...more: string[]) => assay('indexer', 'doctor', '--network', network, '--json', ...more)
    const folder = join(root, 'indexer')
    const at = ['--chain', dev.endpoint, '--http-port', '0']
    expect(found((await indexer(...at, '--data-dir', folder)).stdout)).toMatchObject({ database: 'ok: none yet; the first start makes it', http: expect.stringMatching(/^ok/), network: expect.stringMatching(/^ok/) })
    expect(readdirSync(root)).not.toContain('indexer')
    const bare = await indexer('--http-port', String(await listen()))
    expect(bare.status).toBe(1)
    expect(found(bare.stdout)).toMatchObject({ database: expect.stringMatching(/^mend: .*neither/), http: expect.stringContaining('EADDRINUSE'), chain: expect.stringMatching(/^mend: no chain/) })
    expect(found((await indexer('--follow', 'never', '--http-port', '0', '--data-dir', folder)).stdout)).not.toHaveProperty('chain')
    expect((await assay('doctor', 'indexer', '--network', network, ...at, '--data-dir', folder)).stdout).toMatch(/^ok {4}version[^]*result/)
  })
})
