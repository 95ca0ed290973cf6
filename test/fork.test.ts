// A fork of a fork: a network that was founded on one chain does its round on a fork of that chain, which is killed in the middle and comes back from its database.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { concat, type Hash, replayEpoch, statementKey, statementsOnChain, toHex } from '@assay/protocol'
import { bestBlock, type Chain, connectChain, findNetwork, hasItem, nodeCrypto as crypto, readBalance, readItem } from '@assay/runtime-bindings'
import { type SpawnedDevchain, spawnDevchain } from '@assay/runtime-bindings/testing'
import { cast, found, type Net, POT_PLANCK, startNet } from './chaos-net.ts'

// Seconds on a quiet machine; a busy one may take many times that.
vi.setConfig({ testTimeout: 900_000, hookTimeout: 900_000 })

const people = cast(2, 1)
const folder = mkdtempSync(join(tmpdir(), 'assay-fork-round-'))
const db = join(folder, 'fork.sqlite')
const stop = new AbortController()

let below: SpawnedDevchain
let toBelow: Chain
/** The chain below when the fork began. */
let base: { number: number; hash: Hash }
let fork: SpawnedDevchain
let net: Net

const startFork = (port?: number): Promise<SpawnedDevchain> => spawnDevchain({ fork: { endpoint: below.endpoint }, db, blocks: 'manual', ...(port === undefined ? {} : { port }) })

beforeAll(async () => {
  below = await spawnDevchain({ blocks: 'manual', fund: people.fund })
  toBelow = await connectChain({ endpoint: below.endpoint, signal: stop.signal, requestTimeoutMs: 240_000 })
  await found(toBelow, people, { epochRounds: 1 }, stop.signal)
  base = await bestBlock(toBelow)
  fork = await startFork()
  net = await startNet({ cast: people, port: fork.port, indexer: false })
})
afterAll(async () => {
  await net?.[Symbol.asyncDispose]()
  stop.abort()
  await fork?.kill()
  await toBelow?.close()
  await below?.kill()
  rmSync(folder, { recursive: true })
})

test('the fork is killed with a round’s reports in its pool, comes back from its database, and the round is settled', async () => {
  const at = net.at(0)
  await net.to(at.commitFrom)
  await net.until('both reports are in the pool', async () => (await net.waiting()).length === 2)
  const head = await bestBlock(net.chain)
  expect(await fork.kill('SIGKILL')).toBe('SIGKILL')
  fork = await startFork(fork.port)
  expect(fork.head).toEqual({ number: head.number, hash: head.hash })

  await net.to(at.judgement + net.parameters.confirmations + 1)
  for (const checker of net.checkers) await net.told(checker, 'round reported', { round: 0, machines: 1, ran: 1 })
  while (!(await hasItem(net.chain, net.cast.network, statementKey(net.cast.network, 0, 0)))) {
    await net.eventually('a member acts', async () => (await net.waiting()).length > 0)
    await net.step()
  }
  await net.to(net.head + net.parameters.confirmations + 1)
  for (const checker of net.checkers) await net.told(checker, 'epoch settled', { epoch: 0 })

  const { ledger } = await net.ledger()
  const replay = await replayEpoch(crypto, ledger, 0, net.loadFor(ledger))
  if (replay.kind !== 'done') throw new Error(`epoch 0 cannot be replayed: ${JSON.stringify(replay)}`)
  const { statement, result, rounds } = replay
  expect(rounds[0]!.judgement.verdicts).toMatchObject([{ machine: people.machines[0]!.account.id, outcome: 'PASS', counted: 2, opened: true }])
  expect(toHex(concat(...[...statementsOnChain(ledger).get(0)!.chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk)))).toBe(toHex(statement.bytes))
  expect(await net.balance(people.machines[0]!.owner.id)).toBe(result.payouts.find(({ account }) => account === people.machines[0]!.owner.id)!.paid)
  expect(await net.balance(net.cast.network)).toBe(POT_PLANCK - result.paid)
  expect(result.paid).toBeGreaterThan(0n)
})

test('the chain below has its history and the network, and nothing of what happened above', async () => {
  expect(await bestBlock(toBelow)).toMatchObject(base)
  expect((await findNetwork(toBelow, net.cast.network))?.parameters).toEqual(net.parameters)
  expect(net.chain.genesisHash).toBe(toBelow.genesisHash)
  expect(net.parameters.origin).toBeLessThan(base.number)
  expect(await net.chain.rpc.request('chain_getBlockHash', [base.number])).toBe(base.hash)
  expect((await readBalance(toBelow, net.cast.network)).free).toBe(POT_PLANCK)
  expect((await readBalance(toBelow, people.machines[0]!.owner.id)).free).toBe(0n)
  expect(await hasItem(toBelow, net.cast.network, statementKey(net.cast.network, 0, 0))).toBe(false)
  for (const { account } of people.checkers) expect(await readItem(toBelow, account.id, 'assay/checker')).toBeNull()
})
