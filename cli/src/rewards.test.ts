// Against a real indexer's API over epochs that the real judge scored; then against one that lies.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AccountId, Score } from '@assay/protocol'
import { nodeCrypto, cryptoReady, toAddress } from '@assay/runtime-bindings'
import { startSeededIndexer, type SeededIndexer } from '../../tools/explorer/indexer.ts'
import { csvOf, faultsIn, jsonOf, readRewards, tellRewards, verifyRewards, type Rewards } from './rewards.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 240_000 }) // each of many commands starts a process, which is slow on a busy machine
let seeded: SeededIndexer
const deps = { fetch: (request: Request) => fetch(request), signal: new AbortController().signal }
const read = (account: AccountId, epochs = 100, indexer = seeded.url) => readRewards(account, { indexer, epochs }, deps)
const verify = (rewards: Rewards, indexer = seeded.url) => verifyRewards(rewards, { indexer }, { crypto: nodeCrypto, network: seeded.played.network, ledger: seeded.state$.value.ledger }, deps)
/** Of every epoch as a stranger replays it. */
const scoresOf = (account: AccountId): Score[] => seeded.replayed.flatMap(({ result }) => result.scores).filter((score) => score.account === account || score.owner === account)
const proofsIn = ({ epochs }: Rewards): Set<string> => new Set(epochs.flatMap(({ payments, earnings }) => [...payments, ...earnings].map(({ proof }) => proof.kind)))

let machine: AccountId
let checker: AccountId
let owner: AccountId
beforeAll(async () => {
  await cryptoReady()
  seeded = await startSeededIndexer()
  const scores = seeded.replayed.flatMap(({ result }) => result.scores)
  const earned = scores.find(({ kind, earned: of }) => kind === 'machine' && of > 0n)!
  ;[machine, owner] = [earned.account, earned.owner]
  checker = scores.find(({ kind, earned: of }) => kind === 'checker' && of > 0n)!.account
})
beforeEach(() => void (seeded.change.answer = (_, body) => body))
afterAll(() => seeded?.[Symbol.asyncDispose]())

describe('an owner', () => {
  it('sees every amount of every epoch with its reason, and sums that are exact', async () => {
    const rewards = await read(owner)
    const payouts = seeded.replayed.flatMap(({ epoch, result }) => result.payouts.filter(({ account }) => account === owner).map((payout) => ({ epoch, ...payout })))
    expect(rewards.roles).toContain('owner')
    expect(rewards.epochs.flatMap(({ payments }) => payments.map(({ epoch, earned, carriedIn, paid, carriedOut }) => ({ epoch, account: owner, earned, carriedIn, paid, carriedOut })))).toEqual(payouts.toReversed())
    for (const { payments, earnings } of rewards.epochs) for (const { earned } of payments) expect(earnings.reduce((sum, one) => sum + one.earned, 0n)).toBe(earned)
    const all = (amounts: bigint[]) => amounts.reduce((sum, one) => sum + one, 0n)
    expect(rewards.totals.earned).toBe(all(payouts.map(({ earned }) => earned)))
    expect(rewards.totals.paid + rewards.totals.awaited).toBe(all(payouts.map(({ paid }) => paid)))
    // All but the last epoch are on chain.
    expect(rewards.totals.awaited).toBe(payouts.at(-1)!.paid)
    expect(rewards.more).toBe(false)
    const told = tellRewards(rewards)
    for (const part of [`owner`, toAddress(owner), `for the work of machine ${toAddress(machine)}`, 'paid in extrinsic', 'its statement is not on chain yet', 'in all epochs: earned']) expect(told).toContain(part)
    expect(JSON.parse(jsonOf(rewards))).toMatchObject({ event: 'rewards', account: toAddress(owner), totals: { earned: String(rewards.totals.earned) } })
    const lines = csvOf(rewards).trimEnd().split('\r\n')
    expect(lines[0]).toBe('epoch,what,role,account,earned,carried in,paid,carried out,reason,extrinsic')
    expect(new Set(lines.map((line) => line.split(',').length))).toEqual(new Set([10]))
    expect(lines).toHaveLength(1 + rewards.epochs.flatMap(({ payments, earnings }) => [...payments, ...earnings]).length)
  })
  it('sees the newest epochs where it asks for few, and that there are more', async () => {
    const rewards = await read(owner, 2)
    expect(rewards.epochs.map(({ epoch }) => epoch)).toEqual([6, 5])
    expect(rewards.more).toBe(true)
    expect(tellRewards(rewards)).toContain('in the newest 2 epochs')
  })
})

it.each(['machine', 'checker'] as const)('a %s sees what it earned itself, and what its owner got by it', async (kind) => {
  const account = kind === 'machine' ? machine : checker
  const rewards = await read(account)
  expect(rewards.roles).toContain(kind)
  const own = rewards.epochs.flatMap(({ earnings }) => earnings).filter((one) => one.account === account)
  expect(own.map(({ epoch, earned, score }) => [epoch, earned, score])).toEqual(seeded.replayed.toReversed().flatMap(({ epoch, result }) => result.scores.filter((score) => score.account === account).map(({ earned, score }) => [epoch, earned, score])))
  expect(scoresOf(account).length).toBeGreaterThan(0)
  expect(tellRewards(rewards)).toContain(kind === 'machine' ? 'for the work of' : 'for the honest checking of')
  expect([...proofsIn(await verify(rewards))].toSorted()).toEqual(['not on chain yet', 'proven'])
})

describe('held against the chain', () => {
  it('is proven, line by line, as far as statements are there', async () => {
    const rewards = await verify(await read(owner))
    expect(faultsIn(rewards)).toEqual([])
    for (const { epoch, payments, earnings } of rewards.epochs) for (const { proof } of [...payments, ...earnings]) expect([epoch, proof.kind]).toEqual([epoch, epoch === 6 ? 'not on chain yet' : 'proven'])
    expect(tellRewards(rewards)).toContain('  proven')
  })
  const digitsOf = (body: string, field: string): string => body.replaceAll(new RegExp(`"${field}":"(\\d+)"`, 'g'), (_, amount: string) => `"${field}":"${BigInt(amount) + 1n}"`)
  it.each<[string, (path: string, body: string) => string, RegExp]>([
    ['pays more in its lists', (path, body) => (path.includes('/payouts') ? digitsOf(body, 'paid') : body), /the payment to 5\w+: the statement on chain has other amounts/],
    ['shows what was earned as more', (path, body) => (path.includes('/scores') ? digitsOf(body, 'earned') : body), /what the machine 5\w+ earned: the statement on chain has other amounts/],
    ['shows another statement', (path, body) => (path.includes('/proofs') ? body.replace(/("bytes":"0x..)(..)/, (_, head: string, byte: string) => `${head}${byte === '00' ? '01' : '00'}`) : body), /statement is not the one on chain/],
    ['shows a statement that is none', (path, body) => (path.includes('/proofs') ? body.replace(/"bytes":"0x[0-9a-f]*"/, '"bytes":"zz"') : body), /damaged/],
    ['lies about the place in the tree', (path, body) => (path.includes('/proofs') ? body.replaceAll(/"size":(\d+)/g, '"size":1') : body), /is not in the statement on chain/],
    ['brings another leaf', (path, body) => (path.includes('/proofs') ? body.replaceAll(/"leaf":"0x(..)/g, (_, byte: string) => `"leaf":"0x${byte === '00' ? '01' : '00'}`) : body), /has other amounts/],
    ['has no proofs', (path, body) => (path.includes('/proofs') ? JSON.stringify({ epoch: 0, account: owner, statement: (JSON.parse(body) as { statement: object }).statement, scores: [], payout: null, onChain: { state: 'match', block: 1 } }) : body), /the statement on chain says nothing of it/],
  ])('an indexer that %s is found out', async (_, lie, expected) => {
    seeded.change.answer = lie
    const rewards = await verify(await read(owner, 3))
    expect(faultsIn(rewards).join('\n')).toMatch(expected)
    expect(tellRewards(rewards)).toContain('WRONG: ')
  })
})

describe('what cannot be told', () => {
  it.each<[string, (path: string, body: string) => string]>([
    ['an amount that is none', (_, body) => body.replaceAll(/"paid":"\d+"/g, '"paid":"-1"')],
    ['an account that is none', (path, body) => (path.includes('/payouts') ? body.replaceAll(/"account":"0x..../g, '"account":"0x') : body)],
    ['a reason that would be a formula in a spreadsheet', (_, body) => body.replaceAll(/"code":"[A-Z_]+"/g, '"code":"=HYPERLINK(1)"')],
    ['no JSON', () => 'hello'],
  ])('is %s', async (_, lie) => {
    seeded.change.answer = lie
    await expect(read(owner)).rejects.toMatchObject({ code: 'INDEXER', exit: 75 })
  })
  it('is what nobody knows, and an indexer that is not there', async () => {
    await expect(read(`0x${'77'.repeat(32)}`)).rejects.toMatchObject({ code: 'NO_ACCOUNT', exit: 1 })
    await expect(read(owner, 1, 'http://127.0.0.1:9')).rejects.toMatchObject({ code: 'INDEXER', exit: 75 })
  })
  it('shows no control characters that an indexer sends', async () => {
    seeded.change.answer = (_, body) => body.replaceAll(/"text":"/g, '"text":"\\u001b[2J')
    expect(tellRewards(await read(machine))).not.toContain('\u001b')
  })
})

async function assay(...args: string[]): Promise<{ status: number | null, stdout: string, stderr: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), 'rewards', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { status, stdout, stderr }
}

describe('assay rewards', () => {
  it('tells it in three ways', async () => {
    const at = [toAddress(owner), '--indexer', seeded.url]
    expect(await assay(...at)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('epoch 6') })
    expect(JSON.parse((await assay(...at, '--json', '--epochs', '1')).stdout)).toMatchObject({ event: 'rewards', epochs: [{ epoch: 6 }], more: true })
    expect((await assay(...at, '--csv')).stdout).toMatch(/^epoch,what,/)
  })
  it('refuses what goes not together', async () => {
    const at = ['--indexer', seeded.url]
    const failures: [string[], number, string][] = [
      [[], 1, 'no indexer is named'],
      [at, 1, 'neither an account nor a data folder'],
      [[...at, '--data-dir', '/nowhere'], 1, 'there are no keys'],
      [['5Nobody', ...at], 1, 'is not an account'],
      [[toAddress(owner), '--indexer', 'ftp://x'], 1, 'is not the address of an indexer'],
      [[toAddress(owner), ...at, '--csv', '--json'], 1, 'two ways'],
      [[toAddress(owner), ...at, '--verify'], 1, 'go together'],
      [[toAddress(owner), ...at, '--epochs', '0'], 1, 'not a number of epochs'],
      [[toAddress(owner), '--indexer', 'http://127.0.0.1:9'], 75, 'does not answer'],
      [[toAddress(owner), ...at, '--verify', '--chain', 'ws://127.0.0.1:9', '--network', toAddress(owner)], 75, 'No chain answers'],
    ]
    for (const [args, status, said] of failures) expect(await assay(...args), said).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(said) })
  })
})
