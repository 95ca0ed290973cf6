// The whole checker on the real runtime, from an empty folder to a place in the network; what it does in rounds is tested piece by piece and, whole, in test/.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { channelKey, dialChannel } from '@assay/kit/channel'
import { loadConfig } from '@assay/kit/config'
import { createLog } from '@assay/kit/log'
import { lowPort } from '@assay/kit/testing/low-port'
import { applyBlock, devnetParameters, emptyLedger, fromHex, type Hash, type Ledger, registeredCheckers, walletMessage, WIRE_PROTOCOL } from '@assay/protocol'
import { type Account, accountFromSecret, bestBlock, type Chain, completeRequest, connectChain, createNetwork, createSender, cryptoReady, decodeRequest, type Keystore, ledgerBlocks, networkAccount, nodeCrypto, openKeystore, type OwnerConsentError, type Sender, toAddress, transfer } from '@assay/runtime-bindings'
import { type Devchain, startDevchain } from '@assay/runtime-bindings/testing'
import { documentFaults } from '../../../tools/gates/logs.ts'
import { checkerConfig, runChecker } from './main.ts'
import { openKeys } from './registration.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })
const PEAQ = 10n ** 18n
const root = mkdtempSync(join(tmpdir(), 'assay-checker-'))
const dataDir = join(root, 'data')
const passwordFile = join(root, 'password')
const stop = new AbortController()
let devchain: Devchain
let chain: Chain
let helper: Account
let sender: Sender
let keys: Keystore
let network: Hash
let ports: number[]

const settings = (flags: Record<string, unknown> = {}) => loadConfig(checkerConfig, { flags: { chain: devchain.endpoint, network: toAddress(network), dataDir, passwordFile, channelPort: ports[0], httpPort: ports[1], ...flags } })

interface Line { level: string, event: string, [field: string]: unknown }
interface Running { said: Line[], done: Promise<void>, stop: () => Promise<void> }
const started: Running[] = []
function start(flags: Record<string, unknown> = {}): Running {
  const said: Line[] = []
  const ending = new AbortController()
  const done = runChecker(settings(flags), { signal: ending.signal, log: createLog({ json: true, service: 'checker', write: (line) => void said.push(JSON.parse(line)) }) })
  done.catch(() => {})
  const one = { said, done, stop: () => (ending.abort(), done) }
  started.push(one)
  return one
}
/** The first line of an event; blocks go on being made until it is said. */
async function told(of: Running, event: string): Promise<Line> {
  for (;;) {
    const found = of.said.find((line) => line.event === event)
    if (found) return found
    await Promise.race([of.done.then(() => Promise.reject(new Error(`it ended before it said "${event}"`))), devchain.newBlock()])
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}
async function mined<T>(work: Promise<T>): Promise<T> {
  let over = false
  const finish = work.finally(() => (over = true))
  while (!over) {
    await Promise.race([finish.catch(() => {}), new Promise((resolve) => setTimeout(resolve, 100))])
    if (!over && devchain.chain.txPool.pendingExtrinsics.length > 0) await devchain.newBlock()
  }
  return finish
}
async function ledgerNow(): Promise<Ledger> {
  const { number } = await bestBlock(chain)
  let ledger = emptyLedger(network)
  for await (const event of ledgerBlocks(chain, { from: 1, confirmations: 0, signal: stop.signal })) {
    if (event.type === 'block') ledger = applyBlock(nodeCrypto, ledger, event.block)
    if (ledger.head!.number >= number) return ledger
  }
  throw new Error('stopped')
}

beforeAll(async () => {
  await cryptoReady()
  writeFileSync(passwordFile, 'long enough\n', { mode: 0o600 })
  keys = await openKeys(dataDir, 'long enough', createLog({ level: 'silent' }))
  helper = accountFromSecret('//helper')
  network = networkAccount([keys.account.id, helper.id])
  ports = [await lowPort(), await lowPort()]
  // Enough to approve the network, not enough to register and to open a settlement.
  devchain = await startDevchain({ blocks: 'manual', fund: { [helper.address]: 100n * PEAQ, [keys.account.address]: PEAQ / 1000n } })
  chain = await connectChain({ endpoint: devchain.endpoint, signal: stop.signal })
  sender = createSender({ chain, account: helper, signal: stop.signal })
})
// A test that failed leaves the folder and the ports to the others.
afterEach(async () => {
  for (const one of started) await one.stop().catch(() => {})
})
afterAll(async () => {
  stop.abort()
  await devchain?.close()
  rmSync(root, { recursive: true, force: true })
})

test('keys are made once, and opened after that', async () => {
  expect(readdirSync(dataDir).toSorted()).toEqual(['account.json', 'peer.json'])
  expect((await openKeystore({ dir: dataDir, password: 'long enough' })).account.id).toBe(keys.account.id)
})

test('from an empty folder to a place in the network, each thing that is missing told and waited for; stopped, it comes back', async () => {
  const first = start()
  expect(await told(first, 'network not found')).toMatchObject({ level: 'warn', network: toAddress(network) })
  const get = async (path: string) => fetch(`http://127.0.0.1:${ports[1]}${path}`).then(async (answer) => ({ status: answer.status, text: await answer.text() }))
  expect(await get('/health')).toMatchObject({ status: 200 })
  expect(await get('/ready')).toMatchObject({ status: 503, text: expect.stringContaining('the network is not on chain yet') })
  await expect(start().done).rejects.toMatchObject({ code: 'LOCKED' })

  const { number: origin } = await bestBlock(chain)
  const founding = { chain, founders: [keys.account.id, helper.id], parameters: devnetParameters(origin, origin + 500) }
  await mined(createNetwork({ ...founding, sender }))
  await mined(createNetwork({ ...founding, sender: createSender({ chain, account: keys.account, signal: stop.signal }) }))
  expect(await told(first, 'waiting for funds')).toMatchObject({ level: 'warn', account: keys.account.address, missing: expect.stringMatching(/^0\.259\d* PEAQ$/), advice: expect.stringContaining(keys.account.address) })
  // Each block asks for another fee by a little, which is no news; and what is to be sent is a round sum.
  for (let i = 0; i < 4; i++) {
    const { number: height } = await devchain.newBlock()
    await vi.waitFor(async () => expect(JSON.parse((await get('/ready')).text)).toMatchObject({ detail: { best: height } }))
  }
  expect(first.said.filter(({ event }) => event === 'waiting for funds')).toEqual([expect.objectContaining({ advice: expect.stringMatching(/^Send at least 0\.26 PEAQ to /) })])
  expect(await mined(sender.send(transfer(chain, keys.account.id, PEAQ), { label: 'funds' }))).toMatchObject({ ok: true })
  expect(await told(first, 'checker registered')).toMatchObject({ state: 'registered', evidence: [`http://127.0.0.1:${ports[1]}`] })
  expect(await told(first, 'checker ready')).toMatchObject({ account: keys.account.address, settles: true })
  await vi.waitFor(async () => expect(await get('/ready')).toMatchObject({ status: 200 }))
  expect((await get('/metrics')).text).toContain('assay_checker_best_block')

  const [registered] = registeredCheckers(await ledgerNow())
  expect(registered).toMatchObject({ account: keys.account.id, identity: { peer: keys.peer.publicKey, evidence: [`http://127.0.0.1:${ports[1]}`] } })
  const stranger = { key: channelKey(new Uint8Array(32).fill(5)), expect: keys.peer.publicKey, protocol: WIRE_PROTOCOL, timeoutMs: 5000, signal: stop.signal }
  await expect(dialChannel({ ...stranger, address: registered!.identity.addresses[0]! })).rejects.toMatchObject({ code: 'NOT_ELIGIBLE' })

  await first.stop()
  await expect(get('/health')).rejects.toThrow()
  const second = start()
  expect(await told(second, 'checker registered')).toMatchObject({ state: 'unchanged' })
  await told(second, 'checker ready')
  // The pot of this network is empty, which is told at each start.
  await told(second, 'pot low')
  expect(second.said.filter(({ level }) => level !== 'info').map(({ event }) => event)).toEqual(['pot low'])
  await second.stop()
})

test('with an owner elsewhere it ends with the request before anything is opened; once the owner agreed it registers with money that anybody sends', async () => {
  const folder = join(root, 'owned')
  const owner = accountFromSecret('//remote')
  const flags = { dataDir: folder, owner: owner.address, channelPort: await lowPort(), httpPort: await lowPort() }
  const asked = (await start(flags).done.catch((error: unknown) => error)) as OwnerConsentError
  expect(asked).toMatchObject({ code: 'OWNER_CONSENT', exit: 1 })
  const identity = decodeRequest(asked.request.line)
  await completeRequest(folder, { signature: owner.pair.sign(walletMessage(fromHex(asked.request.payload))) })
  const running = start(flags)
  expect(await told(running, 'waiting for funds')).toMatchObject({ account: toAddress(identity.account) })
  expect(await mined(sender.send(transfer(chain, identity.account, PEAQ), { label: 'a gift' }))).toMatchObject({ ok: true })
  expect(await told(running, 'checker registered')).toMatchObject({ state: 'registered', addresses: identity.addresses })
  // Its registration counts; the role is the network's to give.
  await vi.waitFor(async () => {
    await devchain.newBlock()
    const { detail } = (await (await fetch(`http://127.0.0.1:${flags.httpPort}/ready`)).json()) as { detail: object }
    expect(detail).toMatchObject({ owner: owner.address, missing: expect.stringContaining('checker role') })
  }, { timeout: 60_000, interval: 200 })
  await running.stop()
  await expect(start({ ...flags, httpPort: await lowPort() }).done).rejects.toMatchObject({ code: 'CONSENT' })
})

describe('what the operator must mend ends it with a reason and leaves nothing open', () => {
  const taken = createServer()
  beforeAll(() => new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve)))
  afterAll(() => new Promise((resolve) => taken.close(resolve)))
  const other = (name: string, text: string): string => {
    writeFileSync(join(root, name), text, { mode: 0o600 })
    return join(root, name)
  }
  const cases: [string, string, () => Record<string, unknown>][] = [
    ['no password file', 'PASSWORD_FILE', () => ({ passwordFile: join(root, 'nowhere') })],
    ['an empty password', 'PASSWORD_FILE', () => ({ passwordFile: other('empty', '\nsecond line') })],
    ['a wrong password', 'WRONG_PASSWORD', () => ({ passwordFile: other('wrong', 'wrong') })],
    ['no address', 'INVALID_ADDRESS', () => ({ network: 'nobody' })],
    ['another network in this folder', 'OTHER_NETWORK', () => ({ network: helper.address })],
    ['a folder that is a file', 'DATA_DIR', () => ({ dataDir: passwordFile })],
    ['a port that is taken', 'PORT', () => ({ httpPort: (taken.address() as AddressInfo).port })],
    ['a channel port that is taken', 'PORT', () => ({ channelPort: (taken.address() as AddressInfo).port })],
    ['members that are not the network’s', 'MEMBERS', () => ({ members: [helper.address, toAddress(network)] })],
    ['no chain', 'CHAIN_UNREACHABLE', () => ({ chain: 'ws://127.0.0.1:9', chainTimeoutMs: 500 })],
  ]
  test.each(cases)('%s: %s', async (_, code, flags) => {
    await expect(start(flags()).done).rejects.toMatchObject({ code, advice: expect.any(String), exit: expect.any(Number) })
    const free = createServer()
    await new Promise<void>((resolve, reject) => void free.once('error', reject).listen(ports[1], '127.0.0.1', resolve))
    await new Promise((resolve) => free.close(resolve))
    expect(readdirSync(dataDir)).not.toContain('lock')
  })
})

test('each line that was said is as docs/LOGS.md has it', () => {
  const said = started.flatMap((one) => one.said)
  expect(new Set(said.map(({ event }) => event)).size).toBeGreaterThan(5)
  expect(documentFaults(said)).toEqual([])
})
