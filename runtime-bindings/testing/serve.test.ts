// The chain as a process: how it ends, what it refuses, and that a genesis chain with a database survives kill -9.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { spawnDevchain, SpawnError, type SpawnedDevchain } from './spawn.ts'
import { connect, free, nonce, person, send, submit } from './test-api.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 })

const PEAQ = 10n ** 18n
const alice = person('alice')
const bob = person('bob')
const folder = mkdtempSync(join(tmpdir(), 'assay-serve-'))
const db = join(folder, 'chain.sqlite')
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const events: string[] = []

let chain: SpawnedDevchain

beforeAll(async () => {
  chain = await spawnDevchain({ blocks: 'manual', db, fund: { [alice.address]: 10n * PEAQ }, onEvent: ({ event }) => void events.push(event) })
})
afterAll(async () => {
  await chain.kill()
  rmSync(folder, { recursive: true })
})

test('a genesis chain with a database is the same chain after kill -9', async () => {
  const api = await connect(chain.endpoint)
  await submit(api, await api.tx.balances!.transfer!(bob.address, PEAQ).signAsync(alice, { nonce: 0 }))
  await send(api, 'dev_newBlock', { count: 2 })
  const head = (await api.rpc.chain.getHeader()).hash.toHex()
  const first = (await api.rpc.chain.getBlockHash(1)).toHex()
  await api.disconnect()
  expect(await chain.kill('SIGKILL')).toBe('SIGKILL')

  const { port, genesisHash } = chain
  chain = await spawnDevchain({ port, blocks: 'manual', db, onEvent: ({ event }) => void events.push(event) })
  expect(chain).toMatchObject({ port, genesisHash, head: { number: 3, hash: head } })
  const again = await connect(chain.endpoint)
  expect(again.genesisHash.toHex()).toBe(genesisHash)
  expect((await again.rpc.chain.getBlockHash(1)).toHex()).toBe(first)
  expect(await free(again, bob.address)).toBe(PEAQ)
  expect(await nonce(again, alice.address)).toBe(1)
  await submit(again, await again.tx.balances!.transfer!(bob.address, PEAQ).signAsync(alice, { nonce: 1 }))
  await send(again, 'dev_newBlock')
  expect(await free(again, bob.address)).toBe(2n * PEAQ)
  await send(again, 'dev_newBlock', { transactions: [(await again.tx.balances!.transfer!(bob.address, PEAQ).signAsync(alice, { nonce: 1 })).toHex()] })
  expect(events).toEqual(['transaction dropped'])
  await again.disconnect()
})

test('says in a sentence what it cannot do, with a code to act on', async () => {
  const refusal = (options: Parameters<typeof spawnDevchain>[0]) => spawnDevchain(options).catch((error: unknown) => error)
  const upstream = { endpoint: chain.endpoint }
  const [busy, locked, amount, network] = await Promise.all([
    refusal({ fork: upstream, port: chain.port }),
    refusal({ fork: upstream, db }),
    refusal({ fund: { [alice.address]: -1n } }),
    refusal({ spec: 'kusama' as 'krest' }),
  ])
  expect(busy).toMatchObject({ exit: 1, message: expect.stringMatching(/^port \d+ on 127.0.0.1 is in use: stop what listens there/) })
  expect(locked).toMatchObject({ exit: 75, message: expect.stringMatching(/is in use by another process/) })
  expect(amount).toMatchObject({ exit: 1, message: expect.stringMatching(/^--fund .*give address=planck/) })
  expect(network).toBeInstanceOf(SpawnError)
  expect(network).toMatchObject({ exit: 1, message: expect.stringMatching(/^--spec kusama: peaq or krest/) })
})

test('ends with its parent, however that one ends', async () => {
  const parent = spawn(
    process.execPath,
    ['--input-type=module', '-e', `const { spawnDevchain } = await import(${JSON.stringify(file('spawn.ts'))}); const { pid } = await spawnDevchain({ fork: { endpoint: '${chain.endpoint}' } }); console.log(pid)`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const pid = await new Promise<number>((resolve) => createInterface({ input: parent.stdout }).once('line', (line) => resolve(Number(line))))
  process.kill(pid, 0)
  parent.kill('SIGKILL')
  await expect.poll(() => alive(pid), { timeout: 120_000 }).toBe(false)
})

test('a chain that is closed leaves nothing open: its process ends by itself, a client still connected', async () => {
  const script = `
    const { startDevchain } = await import(${JSON.stringify(file('devchain.ts'))})
    const chain = await startDevchain({ fork: { endpoint: '${chain.endpoint}' }, blocks: { everyMs: 200 } })
    const client = new WebSocket(chain.endpoint)
    await new Promise((resolve) => (client.onopen = resolve))
    const cut = new Promise((resolve) => (client.onclose = resolve))
    await chain.newBlock()
    await chain.close()
    await cut
    console.log('closed')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const code = await new Promise((resolve) => child.once('close', resolve))
  expect({ code, said }).toEqual({ code: 0, said: 'closed\n' })
})

test('stops on SIGTERM with a clean exit; its file then refuses another chain', async () => {
  expect(await chain.kill('SIGTERM')).toBe(0)
  const other = await spawnDevchain({ db, fund: { [bob.address]: PEAQ } }).catch((error: unknown) => error)
  expect(other).toMatchObject({ exit: 1, message: expect.stringMatching(/holds the same network with other funds/) })
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
