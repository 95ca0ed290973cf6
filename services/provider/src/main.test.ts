import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { filter, firstValueFrom, ReplaySubject } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '@assay/kit/config'
import { markRetired } from '@assay/kit/leaving'
import { lockFolder } from '@assay/kit/lock'
import { createLog } from '@assay/kit/log'
import type { Log } from '@assay/kit/log'
import { accountFromSecret, completeRequest, connectChain, createNetwork, createSender, cryptoReady, decodeRequest, encodeAnswer, makeRequest, networkAccount, toAccountId, toAddress, transfer, walletPayload } from '@assay/runtime-bindings'
import type { Account, Chain, Sender } from '@assay/runtime-bindings'
import { startDevchain, startProxy } from '@assay/runtime-bindings/testing'
import type { Devchain } from '@assay/runtime-bindings/testing'
import { devnetParameters, fromHex } from '@assay/protocol'
import { documentFaults } from '../../../tools/gates/logs.ts'
import { providerConfig, runProvider } from './main.ts'
import type { ProviderConfig } from './main.ts'

const PEAQ = 10n ** 18n
let dir: string
let dev: Devchain
let chain: Chain
let founder: Account
let sender: Sender
let network: string
const stop = new AbortController()

beforeAll(async () => {
  await cryptoReady()
  dir = await mkdtemp(join(tmpdir(), 'assay-provider-'))
  await writeFile(join(dir, 'password'), 'pw\n', { mode: 0o600 })
  founder = accountFromSecret('//founder')
  const founders = [founder, accountFromSecret('//founder2')]
  dev = await startDevchain({ blocks: { everyMs: 250 }, fund: Object.fromEntries(founders.map(({ address }) => [address, 1000n * PEAQ])) })
  chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
  sender = createSender({ chain, account: founder, signal: stop.signal })
  const ids = founders.map(({ id }) => id)
  network = toAddress(networkAccount(ids))
  for (const account of founders) await createNetwork({ chain, sender: account === founder ? sender : createSender({ chain, account, signal: stop.signal }), founders: ids, parameters: devnetParameters(1, 1000) })
})
afterAll(async () => {
  stop.abort()
  await dev?.close()
  await rm(dir, { recursive: true, force: true })
})

const config = (flags: Partial<ProviderConfig> = {}): ProviderConfig =>
  loadConfig(providerConfig, { flags: { chain: dev.endpoint, network, dataDir: join(dir, 'data'), passwordFile: join(dir, 'password'), engine: 'reference', opsPort: 0, chainTimeoutMs: 2000, ...flags } })

const said: Record<string, unknown>[] = []

/** A log that can be waited on. */
function listen(): { log: Log, told: (event: string) => Promise<Record<string, unknown>> } {
  const lines$ = new ReplaySubject<Record<string, unknown>>()
  return {
    log: createLog({ json: true, service: 'provider', write: (text) => {
      const line = JSON.parse(text) as Record<string, unknown>
      said.push(line)
      lines$.next(line)
    } }),
    told: (event) => firstValueFrom(lines$.pipe(filter((line) => line['event'] === event))),
  }
}
const run = (flags: Partial<ProviderConfig> = {}) => runProvider(config(flags), { signal: stop.signal, log: listen().log })

describe('runProvider', () => {
  it.each<[string, () => Promise<Partial<ProviderConfig>> | Partial<ProviderConfig>, string]>([
    ['no password file', () => ({ passwordFile: '/nowhere' }), 'PASSWORD_FILE'],
    ['an address that is none', () => ({ network: '5Nonsense' }), 'INVALID_ADDRESS'],
    ['an account without a network', () => ({ network: founder.address }), 'NO_NETWORK'],
    ['an endpoint that is down', () => ({ chain: 'ws://127.0.0.1:1', chainTimeoutMs: 300 }), 'CHAIN_UNREACHABLE'],
    ['an unknown engine', () => ({ engine: 'abacus' }), 'ENGINE'],
    ['a data folder that is a file', () => ({ dataDir: join(dir, 'password') }), 'DATA_DIR'],
    ['an owner’s file that is missing', () => ({ ownerFile: join(dir, 'none.json'), dataDir: join(dir, 'named') }), 'KEYSTORE_MISSING'],
    ['a machine that was retired', async () => {
      await markRetired(join(dir, 'retired'))
      return { dataDir: join(dir, 'retired') }
    }, 'RETIRED'],
    ['a folder that a later version of this program wrote', async () => {
      const dataDir = join(dir, 'later')
      await mkdir(dataDir, { recursive: true })
      await writeFile(join(dataDir, 'format'), '2\n')
      return { dataDir }
    }, 'NEWER'],
    ['a key file that is damaged', async () => {
      const dataDir = join(dir, 'damaged')
      await mkdir(dataDir, { recursive: true })
      await writeFile(join(dataDir, 'owner.json'), '{')
      await chmod(join(dataDir, 'owner.json'), 0o600)
      return { dataDir }
    }, 'KEYSTORE_DAMAGED'],
  ])('says what to do about %s', async (_, flags, code) => {
    await expect(run(await flags())).rejects.toMatchObject({ code, advice: expect.stringMatching(/./), exit: code === 'CHAIN_UNREACHABLE' ? 75 : 1 })
  })

  it('waits for the owner’s money, registers, serves its state, outlives its endpoint, and ends in good order; a second one in its folder does not start; the next start finds all done', async () => {
    const first = listen()
    const signal = new AbortController()
    const proxy = await startProxy({ target: { port: dev.port } })
    const running = runProvider(config({ chain: `ws://127.0.0.1:${proxy.port}` }), { signal: signal.signal, log: first.log })
    const { url: operations } = await first.told('provider started')
    const { account: address, missing, advice } = await first.told('waiting for funds')
    const owner = (await first.told('owner key made'))['owner']
    expect([address, advice]).toEqual([owner, expect.stringMatching(new RegExp(`^Send at least 0\\.0000001\\d\\d PEAQ to ${String(owner)}\\.$`))])
    expect(missing).toMatch(/^0\.0000001\d+ PEAQ$/)
    const ready = async () => (await fetch(`${String(operations)}/ready`)).json() as Promise<{ ready: boolean, detail: Record<string, unknown> }>
    expect(await ready()).toMatchObject({ ready: false, detail: { waiting: `${String(owner)} lacks ${String(missing)}`, registered: false } })
    await expect(run()).rejects.toMatchObject({ code: 'LOCKED' })

    await sender.send(transfer(chain, toAccountId(String(owner)), 10n * PEAQ), { label: 'funds' })
    await first.told('machine registered')
    await expect.poll(async () => (await ready()).detail['registered'], { timeout: 20_000 }).toBe(true)
    // The chain's endpoint goes away and comes back.
    proxy.cut()
    await first.told('chain connection lost')
    const before = Number((await ready()).detail['ledger'])
    proxy.resume()
    await expect.poll(async () => Number((await ready()).detail['ledger']), { timeout: 30_000 }).toBeGreaterThan(before + 2)

    expect(await (await fetch(`${String(operations)}/metrics`)).text()).toMatch(/assay_provider_ledger_block \d+/)
    signal.abort()
    await running
    await proxy.close()
    await expect(fetch(`${String(operations)}/health`)).rejects.toThrow()
    await (await lockFolder(join(dir, 'data'))).release()

    const second = listen()
    const again = new AbortController()
    const rerun = runProvider(config(), { signal: again.signal, log: second.log })
    expect(await second.told('machine registered')).toMatchObject({ state: 'unchanged' })
    again.abort()
    await rerun
  }, 240_000)

  it('with an owner elsewhere ends with the request; once the owner agreed it waits for money on its own account, from anywhere; another owner’s consent registers it anew', async () => {
    const dataDir = join(dir, 'remote')
    const owners = ['//remote', '//heir'].map(accountFromSecret) as [Account, Account]
    const [remote, heir] = owners
    const requested = (await run({ dataDir, owner: remote.address }).catch((error: unknown) => error)) as Error
    expect(requested).toMatchObject({ code: 'OWNER_CONSENT', exit: 1 })
    const identity = decodeRequest(/assay-request:1:[\w-]+/.exec(requested.message)![0])
    const agree = async (owner: Account) => {
      const asked = { ...identity, owner: owner.id }
      await makeRequest(dataDir, asked)
      await completeRequest(dataDir, { line: encodeAnswer({ identity: asked, signature: owner.pair.sign(fromHex(walletPayload(asked))) }) })
    }
    await agree(remote)
    for (const owner of owners) {
      const heard = listen()
      const signal = new AbortController()
      const running = runProvider(config({ dataDir }), { signal: signal.signal, log: heard.log })
      expect(await heard.told('provider started')).toMatchObject({ owner: owner.address, account: toAddress(identity.account) })
      if (owner === remote) {
        const { account: address, missing } = await heard.told('waiting for funds')
        expect(address).toBe(toAddress(identity.account))
        expect(missing).toMatch(/PEAQ/)
        await sender.send(transfer(chain, identity.account, 10n * PEAQ), { label: 'a gift' })
      }
      await heard.told('machine registered')
      signal.abort()
      await running
      await agree(heir)
    }
    await expect(stat(join(dataDir, 'owner.json'))).rejects.toThrow('ENOENT')
    await expect(run({ dataDir, owner: remote.address })).rejects.toMatchObject({ code: 'OWNER_CONFLICT' })
  }, 240_000)

  it('a stop during the start is no error', async () => {
    const signal = new AbortController()
    const running = runProvider(config({ chain: 'ws://127.0.0.1:1', chainTimeoutMs: 60_000, dataDir: join(dir, 'stopped') }), { signal: signal.signal, log: listen().log })
    setTimeout(() => signal.abort(), 100)
    await running
  })

  it('says nothing that docs/LOGS.md does not have', () => {
    expect(new Set(said.map(({ event }) => event)).size).toBeGreaterThan(5)
    expect(documentFaults(said)).toEqual([])
  })
})
