// A call of the runtime and an empty block on a development chain, by our executor and by chopsticks' own alone.
//   node bench/devchain.ts [--turns N] [--json]
// CPU milliseconds of all threads, the middle of `turns`. Exit code 1 if ours is not at least ten times cheaper.
import { parseArgs } from 'node:util'
import { startDevchain } from '@assay/runtime-bindings/testing'
import { cpuMs } from './hashing.ts'

const LEAST_RATIO = 10

const { values } = parseArgs({ options: { turns: { type: 'string', default: '15' }, json: { type: 'boolean' } } })
const turns = Number(values.turns)
if (!Number.isSafeInteger(turns) || turns < 3) throw new RangeError(`--turns ${values.turns}: give a number of at least 3`)

async function middle(work: () => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < turns; i += 1) {
    const since = process.cpuUsage()
    await work()
    took.push(cpuMs(since))
  }
  return took.sort((a, b) => a - b)[turns >> 1]!
}

const rows = []
await using ours = await startDevchain()
await using stock = await startDevchain({ fast: false })
for (const [what, work] of [
  ['a call', (dev: typeof ours) => dev.chain.head.call('Core_version', [])],
  ['an empty block', (dev: typeof ours) => dev.newBlock()],
] as const) {
  // The first is for what is compiled and read once.
  await work(ours)
  await work(stock)
  const [mine, theirs] = [await middle(() => work(ours)), await middle(() => work(stock))]
  rows.push({ what, 'ours, CPU ms': Number(mine.toFixed(1)), 'chopsticks, CPU ms': Number(theirs.toFixed(1)), ratio: Math.round(theirs / mine) })
}
if (values.json) console.log(JSON.stringify({ node: process.version, turns, leastRatio: LEAST_RATIO, rows }))
else console.table(rows)
process.exitCode = rows.every(({ ratio }) => ratio >= LEAST_RATIO) ? 0 : 1
