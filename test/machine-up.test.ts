// From an empty folder to a first verdict by one command, and what the same command does when it is run again; each step a process, as an owner runs it.
import { execFile } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { registeredMachines, roundAt } from '@assay/protocol'
import { layKeys, person } from './people.ts'
import { startWorld, type World } from './world.ts'

const MAIN = join(import.meta.dirname, '..', 'cli', 'src', 'main.ts')
const machine = person('machine-1')

let world: World
let dataDir: string
let network: string[]
beforeAll(async () => {
  world = await startWorld({ checkers: 3, machines: [], funded: ['machine-1'], indexer: true })
  dataDir = join(world.dir, 'box')
  network = ['--chain', world.common.chain, '--network', world.common.network, '--indexer', world.indexer!, '--data-dir', dataDir, '--password-file', layKeys('machine', 'machine-1', dataDir), '--engine', 'reference', '--threads', '1', '--ops-port', '0']
}, 120_000)
afterAll(async () => {
  await assay('machine', 'down', '--data-dir', dataDir)
  await world[Symbol.asyncDispose]()
})

interface Ended { code: number, out: string, err: string }

function assay(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { timeout: 150_000 }, (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }))
  })
}

const status = async () => {
  const { code, out } = await assay('status', '--data-dir', dataDir, '--indexer', world.indexer!, '--json')
  return { code, ...(JSON.parse(out) as { account: string, process: { running: boolean, pid: number | null, ready: boolean | null }, retired: boolean, findings: { what: string }[] }) }
}
/** How many registrations the machine has on chain. */
const registrations = () => registeredMachines(world.now.ledger).filter(({ account }) => account === machine.account.id).length

test('nothing is spent before the cost is agreed to', async () => {
  const { code, out, err } = await assay('machine', 'up', ...network)
  expect([code, err]).toEqual([1, expect.stringMatching(/the cost of the registration was not agreed to: .* PEAQ of fees at most; .* PEAQ are held/)])
  expect(out).toContain(`machine ${machine.account.address}, owner ${machine.owner.address}`)
  expect(registrations()).toBe(0)
  expect((await status()).process).toEqual({ running: false, pid: null, ready: null, detail: null })
})

test('a process that cannot live is told with its own last words', async () => {
  const { code, err } = await assay('machine', 'up', ...network, '--yes', '--canary-file', join(world.dir, 'none'))
  expect([code, err]).toEqual([1, expect.stringMatching(/the machine’s process ended: .*none.*\n.*provider\.log/)])
})

test('a machine comes up to its first passed round, and is on its own afterwards', async () => {
  const { code, out, err } = await assay('machine', 'up', ...network, '--yes')
  expect([code, err]).toEqual([0, ''])
  for (const part of [/ok {2}cost +agreed/, /ok {2}registration confirmed by block \d+/, /ok {2}connection +3 checkers/, /ok {2}proof +round \d+ passed/, new RegExp(`page +${world.indexer}/explorer/machines/${machine.account.address}`)]) expect(out).toMatch(part)
  const now = await status()
  expect([now.code, now.account, now.process.running, now.process.ready, now.findings]).toEqual([0, machine.account.address, true, true, []])
}, 180_000)

test('the same again changes nothing', async () => {
  const before = (await status()).process.pid
  const { code, out } = await assay('machine', 'up', ...network, '--yes', '--json')
  expect(code).toBe(0)
  const lines = out.trim().split('\n').map((line) => JSON.parse(line) as { event: string, step?: string })
  expect(lines.map(({ event, step }) => step ?? event)).toEqual(['keys', 'registration', 'connection', 'proof', expect.stringMatching(/proof|up/), ...(lines.length > 5 ? ['up'] : [])])
  expect((await status()).process.pid).toBe(before)
}, 180_000)

test('what was killed is said, and comes up again without another registration', async () => {
  const { pid } = (await status()).process
  process.kill(pid!, 'SIGKILL')
  const killed = await status()
  expect([killed.code, killed.findings.map(({ what }) => what)]).toEqual([1, expect.arrayContaining([`no process runs on ${dataDir}`])])
  const { code, out, err } = await assay('machine', 'up', ...network)
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/ok {2}cost +nothing: the machine is registered already/)
  expect(registrations()).toBe(1)
}, 180_000)

test('one that leaves is not brought up: its process ends what it owes', async () => {
  const mark = join(dataDir, 'leaving')
  writeFileSync(mark, '')
  try {
    const { code, err } = await assay('machine', 'up', ...network)
    expect([code, err]).toEqual([1, expect.stringContaining(`To stay, remove ${mark}`)])
  } finally {
    rmSync(mark)
  }
})

test('down ends it in good order, and says so when there is nothing to end', async () => {
  const { pid } = (await status()).process
  expect(await assay('machine', 'down', '--data-dir', dataDir)).toEqual({ code: 0, out: `stopped ${pid}\n`, err: '' })
  expect(existsSync(join(dataDir, 'lock'))).toBe(false)
  expect((await assay('machine', 'down', '--data-dir', dataDir)).out).toBe(`nothing runs on ${dataDir}\n`)
  expect(JSON.parse((await assay('machine', 'down', '--data-dir', dataDir, '--json')).out)).toEqual({ event: 'stopped', pid: null })
})

test('it leaves in good order: out of the network at once, its last round opened and passed, stopped, and what is left is its owner’s', async () => {
  expect((await assay('machine', 'up', ...network)).code).toBe(0)
  const next = roundAt(world.parameters, world.now.best) + 1
  await world.block(world.at(next).start)
  const leave = ['exit', '--chain', world.common.chain, '--network', world.common.network, '--data-dir', dataDir, '--password-file', network[network.indexOf('--password-file') + 1]!, '--yes']
  const { code, out, err } = await assay(...leave)
  expect([code, err]).toEqual([0, ''])
  const [, last, owner] = /has left its network[^]*Its last round is (\d+);[^]*Its process is stopped\.\n.* PEAQ went from its account to (\w+)\.\n$/.exec(out)!
  expect(owner).toBe(machine.owner.address)
  expect((await world.judge(Number(last))).verdict(machine).outcome).toBe('PASS')
  expect(world.facts(Number(last) + 1)!.machines).toEqual([])
  expect([registrations(), (await status()).process.running]).toEqual([0, false])
  // Again: nothing is left to be done, and nothing to be mended; and it does not come back by itself.
  expect((await assay(...leave)).out).toMatch(/had left already[^]*No process runs\.\n$/)
  const { code: standing, findings, retired } = await status()
  expect([standing, findings, retired]).toEqual([0, [], true])
  const refused = await assay('machine', 'up', ...network, '--yes')
  expect([refused.code, refused.out, refused.err]).toEqual([1, '', expect.stringContaining('were retired')])
}, 180_000)
