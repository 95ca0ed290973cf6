// How fast an indexer catches up, beside its peer: recorded blocks of peaq (42 events each), served by a replaying node on loopback in a process of its own, read by our follower with its real database, embedded
// and on a PostgreSQL that is started for it (where the programs are installed; it does not wait for the disk, as the embedded one does not), and by @subsquid/substrate-processor over RPC with a database that stores nothing, by turns on the same node.
//   node bench/backfill/run.ts [--blocks 10000] [--runs 3] [--only embedded|served|peer]
// The peer is installed when first asked for, into node_modules/.cache, in the version named here and without its scripts.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { findPostgres, startPostgres } from '@assay/indexer/testing/postgres'
import { NODE_ENVIRONMENT, NODE_FLAGS } from '../node-flags.ts'

const PEER = { name: '@subsquid/substrate-processor', version: '8.5.1' }
const { values } = parseArgs({ options: { blocks: { type: 'string', default: '10000' }, runs: { type: 'string', default: '3' }, only: { type: 'string' } } })

interface Outcome { name: string, blocks: number, seconds: number, cpu: number, items: number, megabytes: { most: number, along: number[] } }

const here = (file: string): string => join(import.meta.dirname, file)

function installPeer(): string {
  const dir = join(import.meta.dirname, `../../node_modules/.cache/backfill-peer-${PEER.version}`)
  const module = join(dir, 'node_modules', PEER.name)
  if (!existsSync(module)) {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, dependencies: { [PEER.name]: PEER.version } }))
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: dir, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  return module
}

/** How a program is started: ours as the `assay` command does it, the peer as it comes. */
interface Start { flags: readonly string[], env: NodeJS.ProcessEnv }
const OURS: Start = { flags: NODE_FLAGS, env: NODE_ENVIRONMENT }
const THEIRS: Start = { flags: [], env: process.env }

/** The last line that a program prints, as JSON. */
async function outcome({ flags, env }: Start, file: string, ...args: string[]): Promise<Outcome> {
  const program = spawn(process.execPath, [...flags, here(file), ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
  let last = ''
  for await (const line of createInterface({ input: program.stdout })) last = line
  return JSON.parse(last) as Outcome
}

const server = spawn(process.execPath, [here('server.ts'), '--blocks', values.blocks], { stdio: ['pipe', 'pipe', 'inherit'] })
const [port] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
const endpoint = `ws://127.0.0.1:${port}`
const wanted = (what: string): boolean => values.only === undefined || values.only === what
const peer = wanted('peer') ? installPeer() : null
const programs = wanted('served') ? findPostgres() : null

const outcomes: Outcome[] = []
const print = (one: Outcome): void => {
  const { name, blocks, seconds, cpu, items, megabytes } = one
  outcomes.push(one)
  console.log(`${name.padEnd(24)} ${String(blocks).padStart(7)} blocks ${seconds.toFixed(1).padStart(6)} s ${(blocks / seconds).toFixed(0).padStart(6)} blocks/s  ${cpu.toFixed(1).padStart(6)} s CPU  ${items} events  most ${megabytes.most} MB (${megabytes.along.join(' ')})`)
}
for (let run = 0; run < Number(values.runs); run++) {
  if (wanted('embedded')) {
    const dir = mkdtempSync(join(tmpdir(), 'assay-backfill-'))
    await ours(dir)
    rmSync(dir, { recursive: true })
  }
  if (programs !== null) {
    const postgres = await startPostgres(programs)
    await ours(postgres.url('postgres'))
    await postgres.stop()
  }
  if (peer !== null) print(await outcome(THEIRS, 'squid.ts', endpoint, values.blocks, peer))
}
server.stdin.end()

// What PostgreSQL takes to write its first files is not catching up.
async function ours(database: string): Promise<void> {
  execFileSync(process.execPath, [here('ours.ts'), database])
  print(await outcome(OURS, 'ours.ts', database, endpoint, values.blocks))
}

const rate = (of: Outcome[]): number => of.map(({ blocks, seconds }) => blocks / seconds).toSorted((a, b) => a - b)[of.length >> 1]!
const cpu = (of: Outcome[]): number => of.map((one) => one.cpu).toSorted((a, b) => a - b)[of.length >> 1]!
const [theirs, all] = [outcomes.filter(({ name }) => !name.startsWith('assay')), Map.groupBy(outcomes.filter(({ name }) => name.startsWith('assay')), ({ name }) => name)]
if (theirs.length > 0) for (const [name, of] of all) console.log(`${name}: ratio of the medians ${(rate(of) / rate(theirs)).toFixed(2)}, of the medians of CPU time ${(cpu(theirs) / cpu(of)).toFixed(2)}`)
