// What a provider and a checker take while they have nothing to do: registered, connected, following the chain, no round under way. CPU time and memory as the kernel counts them.
//   node bench/idle.ts [--json] [--seconds 60] [--block-ms 6000] [--settle 20]
// The programs are those of a devnet, started as the product starts them; its first round begins so late that they have long been ready. `settle`: seconds after the
// devnet is ready that are not counted. What each further machine adds to a checker is what `node bench/capacity.ts` prints. Linux only. Exit code 1 if a limit is missed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.ts'
import { residentMB, services, usage } from './processes.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, seconds: { type: 'string', default: '60' }, 'block-ms': { type: 'string', default: '6000' }, settle: { type: 'string', default: '20' } } })
const [seconds, settle] = [Number(values.seconds), Number(values.settle)]
const MAIN = fileURLToPath(new URL('../cli/src/main.ts', import.meta.url))
/** Of a core, and MB. */
const LIMITS: Record<string, { cpu: number, residentMB: number }> = { machine: { cpu: 0.01, residentMB: 200 }, checker: { cpu: Infinity, residentMB: 300 } }

const devnet = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'devnet', '--json', '--checkers', '3', '--machines', '1', '--cheats', '0', '--block-ms', values['block-ms']], { env: NODE_ENVIRONMENT, stdio: ['ignore', 'pipe', 'inherit'] })
const ended = new Promise((resolve) => devnet.once('exit', resolve))

async function measure(): Promise<void> {
  await pause(settle * 1000)
  const before = new Map([...services(devnet.pid!)].filter(([, kind]) => kind in LIMITS).map(([pid, kind]) => [pid, { kind, used: usage(pid), at: performance.now() }]))
  let most = new Map<number, number>()
  for (let second = 0; second < seconds; second++) {
    await pause(1000)
    most = new Map([...before.keys()].map((pid) => [pid, Math.max(most.get(pid) ?? 0, residentMB(pid))]))
  }
  const rows = [...before].map(([pid, { kind, used, at }]) => {
    const cpu = (usage(pid).cpuMs - used.cpuMs) / (performance.now() - at)
    const limit = LIMITS[kind]!
    return { program: kind, 'CPU, % of a core': Number((100 * cpu).toFixed(2)), 'of its limit': Number((cpu / limit.cpu).toFixed(2)), 'resident MB, most': Math.round(most.get(pid)!), 'of its limit ': Number((most.get(pid)! / limit.residentMB).toFixed(2)), missed: cpu > limit.cpu || most.get(pid)! > limit.residentMB }
  })
  if (values.json) console.log(JSON.stringify({ node: process.version, seconds, blockMs: Number(values['block-ms']), rows }))
  else console.table(rows)
  process.exitCode = rows.some(({ program }) => program === 'machine') && rows.every(({ missed }) => !missed) ? 0 : 1
}

for await (const line of createInterface({ input: devnet.stdout })) {
  const event = JSON.parse(line) as { event: string }
  if (event.event !== 'ready') continue
  await measure()
  devnet.kill('SIGINT')
}
await ended
