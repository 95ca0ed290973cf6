import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BehaviorSubject } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createLog, silentLog } from '@assay/kit/log'
import { ownerOf, ChainTimeoutError, MissingFundsError, RpcError, accountFromSecret, cryptoReady, saveAccount, toAddress } from '@assay/runtime-bindings'
import type { Registration } from '@assay/runtime-bindings'
import { documentMemory, openKeys, registerPatiently } from './registration.ts'

vi.setConfig({ testTimeout: 90_000 }) // scrypt is slow on purpose
const network = `0x${'11'.repeat(32)}` as const
let dir: string
beforeAll(async () => {
  await cryptoReady()
  dir = await mkdtemp(join(tmpdir(), 'assay-registration-'))
})
afterAll(() => rm(dir, { recursive: true }))

describe('openKeys', () => {
  it('makes owner and machine keys once, private to the user, and opens the same ones afterwards', async () => {
    const dataDir = join(dir, 'new')
    const lines: string[] = []
    const log = createLog({ write: (line) => void lines.push(line) })
    const made = await openKeys({ dataDir, network, password: 'p', log })
    expect(lines.length).toBe(2)
    expect(lines.join()).toContain(`owner=${toAddress(ownerOf(made.owner))}`)
    expect((await stat(join(dataDir, 'owner.json'))).mode & 0o777).toBe(0o600)
    const again = await openKeys({ dataDir, network, password: 'p', log })
    expect(lines.length).toBe(2)
    expect([ownerOf(again.owner), again.account.id, again.peer.publicKey]).toEqual([ownerOf(made.owner), made.account.id, made.peer.publicKey])
    expect(new Set([ownerOf(made.owner), made.account.id, made.peer.publicKey]).size).toBe(3)
    await rm(join(dataDir, 'machine'), { recursive: true })
    await expect(openKeys({ dataDir, network, password: 'mistyped', log })).rejects.toMatchObject({ code: 'WRONG_PASSWORD', advice: expect.any(String) })
    await expect(stat(join(dataDir, 'machine'))).rejects.toThrow('ENOENT')
  })
  it('takes the owner’s file by name, which must exist', async () => {
    const owner = accountFromSecret('//Owner')
    await saveAccount(join(dir, 'wallet.json'), owner, 'p')
    const keys = await openKeys({ dataDir: join(dir, 'named'), network, ownerFile: join(dir, 'wallet.json'), password: 'p', log: silentLog })
    expect(ownerOf(keys.owner)).toBe(owner.id)
    await expect(openKeys({ dataDir: join(dir, 'named'), network, ownerFile: join(dir, 'none.json'), password: 'p', log: silentLog })).rejects.toMatchObject({ code: 'KEYSTORE_MISSING' })
  })
})

it('documentMemory keeps the document', async () => {
  const memory = documentMemory(join(dir, 'memory'), `0x${'ab'.repeat(32)}`)
  expect(await memory.load()).toBeUndefined()
  await memory.save(new Uint8Array([1, 2]))
  expect(await memory.load()).toEqual(new Uint8Array([1, 2]))
  expect(await readFile(join(dir, 'memory', 'abababababababab.document'))).toHaveLength(2)
})

describe('registerPatiently', () => {
  const registration: Registration = { state: 'registered', anchor: `0x${'01'.repeat(32)}`, document: new Uint8Array(), block: 3 }
  function setup(tries: (() => Promise<Registration>)[]) {
    const blocks$ = new BehaviorSubject(1)
    const lines: string[] = []
    const state = { balance: 5n, waiting: [] as (string | null)[], asked: 0 }
    const stop = new AbortController()
    const running = registerPatiently({
      register: () => tries.shift()!(),
      balance: async () => (state.asked++, state.balance),
      blocks$, signal: stop.signal, log: createLog({ write: (line) => void lines.push(line) }), waiting: (what) => state.waiting.push(what),
    })
    running.catch(() => {})
    const block = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
      blocks$.next(blocks$.value + 1)
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    }
    return { running, block, lines, state, stop }
  }
  const poor = (missing: bigint) => () => Promise.reject(new MissingFundsError('5Owner', missing, 'the registration of 5Machine'))

  it('says once which address needs how much, and goes on when its balance grew', async () => {
    const t = setup([poor(10n ** 17n), poor(10n ** 17n), poor(4n * 10n ** 16n), async () => registration])
    await t.block()
    expect(t.lines.length).toBe(1)
    expect(t.lines[0]).toMatch(/waiting for funds account=5Owner missing="0\.1 PEAQ".*advice="Send at least 0\.1 PEAQ to 5Owner\."/)
    const asked = t.state.asked
    await t.block()
    expect(t.state.asked).toBe(asked + 1)
    t.state.balance = 6n
    await t.block()
    t.state.balance = 7n
    await t.block()
    expect(t.lines.length).toBe(2)
    t.state.balance = 8n
    await t.block()
    expect(await t.running).toBe(registration)
    expect(t.state.waiting.at(-1)).toBeNull()
    expect(t.state.waiting[0]).toBe('5Owner lacks 0.1 PEAQ')
  })
  it('tries again with the next block after what may pass by itself', async () => {
    const t = setup([() => Promise.reject(new ChainTimeoutError('ws://x', 'state_getStorage', 30)), () => Promise.reject(new RpcError('author_submitExtrinsic', 1010, 'not ready', '')), async () => registration])
    await t.block()
    await t.block()
    expect(await t.running).toBe(registration)
    expect(t.lines.length).toBe(2)
    expect(t.lines[0]).toContain('registration held up')
  })
  it('throws what the operator must mend', async () => {
    const t = setup([() => Promise.reject(Object.assign(new Error('no network'), { code: 'NO_NETWORK', advice: 'x', exit: 1 }))])
    await expect(t.running).rejects.toThrow('no network')
    await expect(setup([() => Promise.reject(new TypeError('ours'))]).running).rejects.toThrow(TypeError)
  })
  it('ends with the signal while it waits', async () => {
    const t = setup([poor(1n)])
    await t.block()
    t.stop.abort(new Error('stopped'))
    await expect(t.running).rejects.toThrow('stopped')
  })
})
