// What a round costs each program of a devnet: CPU time, bytes through read and write calls (sockets and files), extrinsics.
//   node bench/round-cost.ts [--json] [--rounds 2]
// Linux only: it reads /proc. Everything runs on this machine, so machines' windows compete for its cores; CPU time counts, wall time does not.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { services, type Usage, usage } from './processes.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, rounds: { type: 'string', default: '2' } } })
const rounds = Number(values.rounds)
const MAIN = fileURLToPath(new URL('../cli/src/main.ts', import.meta.url))

const devnet = spawn(process.execPath, [...process.execArgv, MAIN, 'devnet', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] })
const kinds = new Map<number, string>()
const before = new Map<number, Usage>()
let firstRound = -1
let reports = 0
for await (const line of createInterface({ input: devnet.stdout })) {
  const event = JSON.parse(line) as { event: string; round?: number | null }
  if (event.event === 'report') reports += 1
  if (event.event !== 'block' || typeof event.round !== 'number' || event.round < 1) continue
  if (firstRound < 0) {
    firstRound = event.round
    reports = 0
    for (const [pid, kind] of services(devnet.pid!)) {
      kinds.set(pid, kind)
      before.set(pid, usage(pid))
    }
  }
  if (event.round < firstRound + rounds) continue
  const table = [...Map.groupBy(kinds, ([, kind]) => kind)].map(([kind, pids]) => {
    const spent = pids.map(([pid]) => {
      const [then, now] = [before.get(pid)!, usage(pid)]
      return { cpuMs: now.cpuMs - then.cpuMs, readBytes: now.readBytes - then.readBytes, writtenBytes: now.writtenBytes - then.writtenBytes }
    })
    const mean = (of: (one: Usage) => number): number => spent.reduce((total, one) => total + of(one), 0) / spent.length / rounds
    return {
      program: kind,
      processes: pids.length,
      'CPU ms a round': Math.round(mean((one) => one.cpuMs)),
      'kB read a round': Math.round(mean((one) => one.readBytes) / 1000),
      'kB written a round': Math.round(mean((one) => one.writtenBytes) / 1000),
      'extrinsics a round': kind === 'checker' ? Number((reports / pids.length / rounds).toFixed(2)) : 0,
    }
  })
  if (values.json) console.log(JSON.stringify({ rounds, table }))
  else console.table(table)
  devnet.kill('SIGINT')
  break
}
await new Promise((resolve) => devnet.once('exit', resolve))
