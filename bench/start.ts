// What a start of `assay` costs, with packages from their bundles and from where they lie: a command that reads its arguments, loads what a machine's commands load, and ends.
//   node bench/start.ts [--turns N] [--json]
// Turns alternate; the middle of each. Exit code 1 if bundles save less than half.
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.ts'

const LEAST_RATIO = 2

const { values } = parseArgs({ options: { turns: { type: 'string', default: '7' }, json: { type: 'boolean' } } })
const turns = Number(values.turns)
if (!Number.isSafeInteger(turns) || turns < 3) throw new RangeError(`--turns ${values.turns}: give a number of at least 3`)
const FOLDER = join(tmpdir(), 'assay-bench-nothing-here')
// The program itself, begun without what arranges for bundles.
const WAYS = { bundles: 'main.ts', packages: 'program.ts' }

/** CPU ms and the largest resident size in MB, as the kernel counted them. */
async function start(file: string): Promise<{ cpuMs: number, residentMB: number }> {
  const script = `process.on('exit', () => process.send({ used: process.resourceUsage() }))`
  const child = spawn(process.execPath, [...NODE_FLAGS, '--import', `data:text/javascript,${encodeURIComponent(script)}`, fileURLToPath(new URL(`../cli/src/${file}`, import.meta.url)), 'machine', 'complete', 'nothing', '--data-dir', FOLDER], { env: NODE_ENVIRONMENT, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  return new Promise((resolve, reject) => {
    child.once('message', ({ used }: { used: NodeJS.ResourceUsage }) => resolve({ cpuMs: (used.userCPUTime + used.systemCPUTime) / 1000, residentMB: used.maxRSS / 1000 }))
    child.once('error', reject)
  })
}

const found = { bundles: [] as Awaited<ReturnType<typeof start>>[], packages: [] as Awaited<ReturnType<typeof start>>[] }
for (let turn = -1; turn < turns; turn += 1) {
  for (const way of ['bundles', 'packages'] as const) {
    const used = await start(WAYS[way])
    // The first compiles for the others.
    if (turn >= 0) found[way].push(used)
  }
}
const middle = (of: number[]): number => of.toSorted((a, b) => a - b)[of.length >> 1]!
const rows = (['bundles', 'packages'] as const).map((way) => ({ 'packages from': way, 'CPU ms': Math.round(middle(found[way].map(({ cpuMs }) => cpuMs))), 'resident MB, most': Math.round(middle(found[way].map(({ residentMB }) => residentMB))) }))
const ratio = Number((rows[1]!['CPU ms'] / rows[0]!['CPU ms']).toFixed(2))
if (values.json) console.log(JSON.stringify({ node: process.version, turns, leastRatio: LEAST_RATIO, ratio, rows }))
else {
  console.table(rows)
  console.log(`${ratio} times the CPU without bundles`)
}
process.exitCode = ratio >= LEAST_RATIO ? 0 : 1
