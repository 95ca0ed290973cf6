// How many machines one checker serves in a round: the product's sessions, rounds and store in one process, light machines in two others, over loopback; what it adds to what it measures, and what a machine costs.
//   node bench/capacity.ts [--json] [--machines 250,500,1000,2000] [--window 10000] [--bandwidth 0] [--steps 64] [--samples 16] [--link 5000] [--openings 6000] [--cpu-prof <folder>]
// A machine is light: it dials, greets, answers pings and payloads, takes its nonce, tells its progress 16 times a window, signs a commitment and, at a moment by chance in the first half of the window for
// openings, openings; but its roots and the bytes of its openings are made up, and registrations are not checked. Times in ms: `window` for the work (and 6 s for commitments to come), `link` for round trips and payload of `bandwidth`
// bytes each way, `openings` from the coins to the package. Machines connect before the round that counts, and their connecting is not in it.
// Delays: `nonce` from the timestamp with which a stopwatch starts to the write of the nonce to its socket; `due` from the block that fires to that timestamp; `commitment` and `progress` from the write
// to the machine's socket to the timestamp that the checker takes for it, so that the kernel, both event loops and whatever else runs on these cores are in it. Exit code 1 if a limit is missed.
import { type ChildProcess, fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CheckerAsked, Idled, Played } from './capacity/checker.ts'
import type { MachinesAsked, MachinesTold } from './capacity/machines.ts'
import type { Setting } from './capacity/network.ts'
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.ts'

const P99_MS = 250
const LARGE = 10_000
const PROCESSES = 2
const IDLE_MS = 5000

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' }, machines: { type: 'string', default: '250,500,1000,2000' }, window: { type: 'string', default: '10000' }, bandwidth: { type: 'string', default: '0' }, steps: { type: 'string', default: '64' },
    samples: { type: 'string', default: '16' }, link: { type: 'string', default: '5000' }, openings: { type: 'string', default: '6000' }, 'cpu-prof': { type: 'string' },
  },
})
const number = (name: 'window' | 'bandwidth' | 'steps' | 'samples' | 'link' | 'openings'): number => Number(values[name])
const sizes = values.machines.split(',').map(Number)
const setting: Setting = { windowMs: number('window'), bandwidthBytes: number('bandwidth'), samples: number('samples') }

class Child {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, (told: unknown) => void>()
  #asked = 0

  constructor(file: string, flags: string[], onEvent: (event: { open: number, withinMs: number }) => void = () => {}) {
    this.#process = fork(join(import.meta.dirname, 'capacity', file), [], { execArgv: [...NODE_FLAGS, ...flags], env: NODE_ENVIRONMENT, serialization: 'advanced' })
    this.#process.on('message', (message: { id: number, told: unknown } | { open: number, withinMs: number }) => {
      if ('open' in message) return onEvent(message)
      this.#waiting.get(message.id)!(message.told)
      this.#waiting.delete(message.id)
    })
    this.#process.once('exit', (code) => {
      if (this.#waiting.size === 0) return
      console.error(`${file} ended with ${code}`)
      process.exit(1)
    })
  }

  ask<T>(asked: CheckerAsked | MachinesAsked): Promise<T> {
    const id = this.#asked++
    return new Promise<T>((resolve) => {
      this.#waiting.set(id, resolve as (told: unknown) => void)
      this.#process.send({ id, asked })
    })
  }

  async end(): Promise<void> {
    const over = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.disconnect()
    await over
  }
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? NaN
const delays = (of: readonly number[]) => {
  const sorted = of.toSorted((a, b) => a - b)
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1) ?? NaN }
}

/** One round of so many machines. */
function figuresOf(machines: number, played: Played, told: readonly MachinesTold[], connectMs: number, idle: Idled) {
  const sentCommitments = new Map(told.flatMap(({ commitments }) => commitments))
  const sentProgress = new Map(told.flatMap(({ progress }) => progress))
  const parts = Object.values(played.parts)
  const sum = (of: (part: (typeof parts)[number]) => number): number => parts.reduce((total, part) => total + of(part), 0)
  return {
    machines,
    ran: played.outcomes['RAN'] ?? 0,
    outcomes: played.outcomes,
    measured: played.measured,
    opened: played.stored.openings,
    receipts: { commitments: told.reduce((total, one) => total + one.commitmentReceipts, 0), openings: told.reduce((total, one) => total + one.openingsReceipts, 0) },
    lost: told.reduce((total, one) => total + one.lost, 0),
    due: delays(played.due),
    nonce: delays(played.nonces),
    progress: delays(played.progress.flatMap(([peer, at]) => at.map((stamp, i) => stamp - sentProgress.get(peer)![i]!))),
    commitment: delays(played.commitments.map(([peer, stamp]) => stamp - sentCommitments.get(peer)!)),
    cpuMs: sum(({ cpuMs }) => cpuMs) / machines,
    readBytes: sum(({ readBytes }) => readBytes) / machines,
    writtenBytes: sum(({ writtenBytes }) => writtenBytes) / machines,
    machineCpuMs: told.reduce((total, one) => total + one.cpuMs, 0) / machines,
    parts: played.parts,
    connectMs,
    idle,
  }
}
type Figures = ReturnType<typeof figuresOf>

const profile = values['cpu-prof'] === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}`]
const machines: Child[] = []
const checker = new Child('checker.ts', profile, ({ open, withinMs }) => void Promise.all(machines.map((one) => one.ask({ ask: 'open', round: open, withinMs }))))
const address = await checker.ask<string>({ ask: 'begin', setting })
for (let first = 0; first < PROCESSES; first++) machines.push(new Child('machines.ts', []))
await Promise.all(machines.map((one, first) => one.ask({ ask: 'begin', setting, address, steps: number('steps'), first, every: PROCESSES })))

const rows: Figures[] = []
for (const [i, size] of sizes.entries()) {
  await checker.ask({ ask: 'register', machines: size })
  const since = performance.now()
  await Promise.all(machines.map((one) => one.ask({ ask: 'connect', machines: size })))
  const connectMs = performance.now() - since
  const idle = await checker.ask<Idled>({ ask: 'idle', forMs: IDLE_MS })
  // The first round of all finds code that was never compiled.
  for (let round = i === 0 ? 0 : 1; round < 2; round++) {
    await Promise.all(machines.map((one) => one.ask({ ask: 'told', round: -1 })))
    const played = await checker.ask<Played>({ ask: 'play', linkMs: number('link'), openMs: number('openings') })
    const told = await Promise.all(machines.map((one) => one.ask<MachinesTold>({ ask: 'told', round: played.round })))
    if (round === 1) rows.push(figuresOf(size, played, told, connectMs, idle))
  }
  const row = rows.at(-1)!
  process.stderr.write(`${size} machines: ${row.ran} ran, ${row.opened} opened, nonce p99 ${row.nonce.p99.toFixed(1)} ms, commitment p99 ${row.commitment.p99.toFixed(1)} ms, ${row.cpuMs.toFixed(1)} CPU ms a machine\n`)
}
await Promise.all([checker, ...machines].map((one) => one.end()))

/** The least squares line through a figure of all sizes, and what it is for many more machines. */
function slope(of: (row: Figures) => number) {
  const n = rows.length
  const [x, y] = [rows.reduce((sum, { machines: size }) => sum + size, 0) / n, rows.reduce((sum, row) => sum + of(row), 0) / n]
  const each = n < 2 ? y / x : rows.reduce((sum, row) => sum + (row.machines - x) * (of(row) - y), 0) / rows.reduce((sum, row) => sum + (row.machines - x) ** 2, 0)
  const fixed = n < 2 ? 0 : y - each * x
  return { aMachine: each, fixed, [LARGE]: fixed + each * LARGE }
}
const extrapolated = {
  'CPU ms a round': slope((row) => row.cpuMs * row.machines),
  'CPU ms of a second idle': slope((row) => (row.idle.cpuMs / row.idle.wallMs) * 1000),
  'RSS MB': slope((row) => row.parts.package.rssMB),
  'all nonces written after ms': slope((row) => row.due.max + row.nonce.p99),
  'commitment p99 ms': slope((row) => row.commitment.p99),
}
const last = rows.at(-1)!
const missed = [
  ...(last.ran === last.machines && last.opened === last.machines && last.receipts.commitments === last.machines && last.receipts.openings === last.machines ? [] : [`not all of ${last.machines} machines were served`]),
  ...(last.nonce.p99 <= P99_MS ? [] : ['nonce p99']),
  ...(last.commitment.p99 <= P99_MS ? [] : ['commitment p99']),
]
if (values.json) console.log(JSON.stringify({ node: process.version, cores: availableParallelism(), setting, rows, extrapolated, limitMs: P99_MS, missed }, null, 2))
else {
  const ms = ({ p50, p99, max }: { p50: number, p99: number, max: number }): string => [p50, p99, max].map((one) => one.toFixed(1)).join(' / ')
  console.log(`${availableParallelism()} cores, window ${setting.windowMs} ms, payload ${setting.bandwidthBytes} bytes each way; delays are p50 / p99 / max in ms, costs are the checker's of a whole round`)
  console.table(rows.map((row) => ({
    machines: row.machines, ran: row.ran, opened: row.opened, 'nonce due': ms(row.due), 'nonce': ms(row.nonce), 'progress': ms(row.progress), 'commitment': ms(row.commitment),
    'of the limit': Number((Math.max(row.nonce.p99, row.commitment.p99) / P99_MS).toFixed(2)), 'CPU ms a machine': Number(row.cpuMs.toFixed(2)), 'kB in': Number((row.readBytes / 1000).toFixed(1)), 'kB out': Number((row.writtenBytes / 1000).toFixed(1)),
  })))
  console.table(rows.map((row) => ({
    machines: row.machines, 'loop p99 link': Math.round(row.parts.link.loopP99Ms), window: Math.round(row.parts.window.loopP99Ms), openings: Math.round(row.parts.openings.loopP99Ms), 'CPU s link': Number((row.parts.link.cpuMs / 1000).toFixed(2)), 'window ': Number((row.parts.window.cpuMs / 1000).toFixed(2)),
    'openings ': Number((row.parts.openings.cpuMs / 1000).toFixed(2)), 'RSS MB': Math.round(row.parts.package.rssMB), 'longest GC ms': Math.round(Math.max(...Object.values(row.parts).map(({ gcMaxMs }) => gcMaxMs))), 'idle % of a core': Number(((100 * row.idle.cpuMs) / row.idle.wallMs).toFixed(1)), 'connected in s': Number((row.connectMs / 1000).toFixed(1)), 'a light machine’s CPU ms': Number(row.machineCpuMs.toFixed(2)),
  })))
  console.log(`straight lines through these, and what they come to for ${LARGE} machines:`)
  console.table(Object.entries(extrapolated).map(([figure, line]) => ({ figure, 'a machine': Number(line.aMachine.toPrecision(3)), fixed: Number(line.fixed.toPrecision(3)), [LARGE]: Math.round(line[LARGE]!) })))
  console.log(missed.length === 0 ? `within the limits: p99 of both delays at most ${P99_MS} ms` : `MISSED: ${missed.join(', ')}`)
}
process.exitCode = missed.length === 0 ? 0 : 1
