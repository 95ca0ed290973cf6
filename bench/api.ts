// How fast the API answers what a machine's page asks, on a database of 1,000,000 observations of 100,000 machines.
//   node bench/api.ts [--json] [--seconds 20] [--rate 200] [--machines 100000] [--old 1000] [--rounds 100] [--dir <folder, kept>]
// All machines were judged in the newest round, and the old ones in all rounds before it, by committees of 5: 5 * (machines + old * rounds) observations, the same in every run.
// The server runs in a process of its own; requests are sent at their times whether or not those before were answered (open loop), and a latency counts from the time at which its request was due.
// Exit code 1 if a limit is missed.
import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { BenchAnswer } from './api-server.ts'
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.ts'

const PAGE_P99_MS = 50
const LEADERBOARD_P99_MS = 20
const WARM_SECONDS = 3

const { values } = parseArgs({ options: { json: { type: 'boolean' }, seconds: { type: 'string', default: '20' }, rate: { type: 'string', default: '200' }, machines: { type: 'string', default: '100000' }, old: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '100' }, dir: { type: 'string' } } })
const [seconds, rate, machines, old, rounds] = [values.seconds, values.rate, values.machines, values.old, values.rounds].map(Number) as [number, number, number, number, number]

const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'assay-bench-api-'))
const server = fork(join(import.meta.dirname, 'api-server.ts'), [], { execArgv: [...NODE_FLAGS], env: NODE_ENVIRONMENT })
const answered = new Promise<BenchAnswer>((resolve, reject) => {
  server.once('message', (answer) => resolve(answer as BenchAnswer))
  server.once('exit', (code) => reject(new Error(`the server ended with ${code}`)))
})
server.send({ dir: join(dir, 'database'), fresh: !existsSync(join(dir, 'database')), machines, old, rounds })
const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Milliseconds from `due` until the whole answer is there. */
function latency(url: string, due: number): Promise<number> {
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { 'accept-encoding': 'br, gzip' } }, (response) => {
      response.on('error', reject).on('end', () => (response.statusCode === 200 ? resolve(performance.now() - due) : reject(new Error(`${url}: ${response.statusCode}`)))).resume()
    }).on('error', reject)
  })
}

/** CPU time that the server has used, all its threads together, in milliseconds. */
async function serverCpu(): Promise<number> {
  const told = new Promise<NodeJS.CpuUsage>((resolve) => server.once('message', (usage) => resolve(usage as NodeJS.CpuUsage)))
  server.send('cpu')
  const { user, system } = await told
  return (user + system) / 1000
}

/** Sends `count` requests at the rate; latencies by kind. */
async function load(requests: (i: number) => { kind: string; url: string }, count: number): Promise<Map<string, number[]>> {
  const begin = performance.now()
  const sent: Promise<[string, number]>[] = []
  for (let i = 0; i < count; i++) {
    const due = begin + (i * 1000) / rate
    const wait = due - performance.now()
    if (wait > 0) await pause(wait)
    const { kind, url } = requests(i)
    sent.push(latency(url, due).then((ms) => [kind, ms] as [string, number]))
  }
  return new Map([...Map.groupBy(await Promise.all(sent), ([kind]) => kind)].map(([kind, list]) => [kind, list.map(([, ms]) => ms)]))
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!
const figures = (latencies: readonly number[]) => {
  const sorted = latencies.toSorted((a, b) => a - b)
  return { requests: sorted.length, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), max: sorted.at(-1)! }
}

try {
  const { url, pages, lastRound, observations } = await answered
  // The same machines in every run, old and new ones in turns.
  const page = (i: number): { kind: string; url: string } => {
    const { account, owner } = pages[Math.floor(i / 6) % pages.length]!
    const asked = [
      ['machine', `/machines/${account}`],
      ['verdicts', `/machines/${account}/verdicts?limit=50`],
      ['scores', `/machines/${account}/scores?limit=50`],
      ['why', `/machines/${account}/why`],
      ['payouts', `/accounts/${owner}/payouts?limit=20`],
      ['verdict in full', `/rounds/${lastRound}/machines/${account}`],
    ] as const
    const [kind, path] = asked[i % asked.length]!
    return { kind, url: url + path }
  }
  const lists = ['/machines?sort=score', '/machines?sort=work', '/machines?sort=verdict', '/machines?sort=earned', '/machines?sort=score&order=asc', '/machines?device=1&sort=score', '/machines', '/machines?standing=STANDARD&sort=score', '/machines?outcome=FAIL', '/machines?search=5C', '/feed?limit=100', '/rounds', '/epochs', '/network']
  await load(page, WARM_SECONDS * rate)
  const before = await serverCpu()
  const byKind = await load(page, seconds * rate)
  const cpu = (await serverCpu()) - before
  const measured = new Map([['machine page', figures([...byKind.values()].flat())], ...[...byKind].map(([kind, list]) => [`  ${kind}`, figures(list)] as const)])
  // One after the other: what one reader waits for.
  for (const path of lists) {
    const latencies: number[] = []
    for (let i = 0; i < 60; i++) latencies.push(await latency(url + path, performance.now()))
    measured.set(path === lists[0] ? 'leaderboard' : path, figures(latencies.slice(10)))
  }
  const limits: Record<string, number> = { 'machine page': PAGE_P99_MS, leaderboard: LEADERBOARD_P99_MS }
  const missed = Object.entries(limits).filter(([name, limit]) => measured.get(name)!.p99 > limit)
  if (values.json) console.log(JSON.stringify({ machines, observations, rate, seconds, cpuMsPerRequest: cpu / (seconds * rate), measured: Object.fromEntries(measured), limits, ok: missed.length === 0 }))
  else {
    console.log(`${observations.toLocaleString('en')} observations of ${machines.toLocaleString('en')} machines; ${rate} requests a second for ${seconds} s, then lists one by one (ms)`)
    console.log(`CPU of the server, its database included: ${(cpu / (seconds * rate)).toFixed(2)} ms a request, ${((100 * cpu) / (seconds * 1000)).toFixed(0)} % of a core`)
    for (const [name, { requests, p50, p99, max }] of measured) console.log(`${name.padEnd(44)} ${String(requests).padStart(5)}  p50 ${p50.toFixed(1).padStart(7)}  p99 ${p99.toFixed(1).padStart(7)}  max ${max.toFixed(1).padStart(7)}${limits[name] === undefined ? '' : `  limit ${limits[name]}`}`)
  }
  process.exitCode = missed.length === 0 ? 0 : 1
} finally {
  agent.destroy()
  server.disconnect()
  await new Promise((resolve) => server.once('exit', resolve))
  if (values.dir === undefined) rmSync(dir, { recursive: true })
}
