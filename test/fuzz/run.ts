// `npm run fuzz`: hostile bytes at every decoder and verifier, led by coverage. Exit code 1 if one breaks a promise, with the input that does it.
//   npm run fuzz -- [--seconds 60] [--target name] [--seed text] [--executions 1000] [--patience 60] [--json]
//   npm run fuzz -- --target name --input 0x0123       runs one input again; `--input -` reads the hex from standard input
// `--seconds` are shared out among the targets; `--executions` is for each of them, and with the same seed gives the same inputs. `--target` takes a part of a name.
// An input that is not done after `--patience` seconds is a finding: nothing honest takes so long, on whatever machine.
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { fromHex, type Hex, toHex } from '@assay/protocol'
import { fault, type Outcome } from './fuzz.ts'
import { PLANTED, TARGETS } from './targets.ts'
import { type FuzzOrder, Slate } from './worker.ts'

const LOOK_MS = 500
/** Longer ones do not fit a command line. */
const MOST_ARGUMENT = 100_000

/** Fuzzes these targets in a thread; one that hangs ends the thread, and the targets after it get a new one. */
async function* outcomes(targets: string[], budget: FuzzOrder['budget'], seed: string, patienceMs: number): AsyncGenerator<Outcome> {
  let left = targets
  while (left.length > 0) {
    const slate = new SharedArrayBuffer(Slate.BYTES)
    const order: FuzzOrder = { targets: left, budget, seed, slate }
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: order })
    const seen = new Slate(slate)
    const waiting: ((outcome: Outcome | Error) => void)[] = []
    const arrived: (Outcome | Error)[] = []
    const tell = (outcome: Outcome | Error): void => {
      const wait = waiting.shift()
      if (wait === undefined) arrived.push(outcome)
      else wait(outcome)
    }
    let [last, since] = [-1, performance.now()]
    let hung = false
    const watch = setInterval(() => {
      const { count, target, input } = seen.read()
      if (count !== last) [last, since] = [count, performance.now()]
      else if (count > 0 && performance.now() - since > patienceMs) tell({ target: order.targets[target]!, executions: count, blocks: 0, corpus: 0, finding: { what: `no end within ${patienceMs} ms`, input } })
    }, LOOK_MS)
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    worker.on('message', tell)
    worker.on('error', (error) => tell(error instanceof Error ? error : new Error(String(error))))
    try {
      for (let done = 0; done < order.targets.length; done++) {
        const outcome = arrived.shift() ?? (await new Promise<Outcome | Error>((resolve) => waiting.push(resolve)))
        if (outcome instanceof Error) throw outcome
        yield outcome
        left = left.slice(1)
        hung = outcome.finding?.what.startsWith('no end') === true
        if (hung) break
      }
    } finally {
      clearInterval(watch)
      // Any other thread ends by itself.
      if (hung) await worker.terminate()
      await ended
    }
  }
}

function wrong(message: string): never {
  console.error(message)
  process.exit(2)
}

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, executions: { type: 'string' }, target: { type: 'string' }, seed: { type: 'string', default: 'fuzz' }, input: { type: 'string' }, patience: { type: 'string', default: '60' }, json: { type: 'boolean' } },
})
const hidden = PLANTED.filter(({ name }) => name === values.target)
const named = hidden.length > 0 ? hidden : TARGETS.filter(({ name }) => values.target === undefined || name.includes(values.target))
// A whole name is that target alone: `statement` is not `statement key` too.
const chosen = named.filter(({ name }) => name === values.target).length === 1 ? named.filter(({ name }) => name === values.target) : named
if (chosen.length === 0) wrong(`no target has ${values.target} in its name; there are: ${TARGETS.map(({ name }) => name).join(', ')}`)
const [seconds, patience, executions] = [Number(values.seconds), Number(values.patience), values.executions === undefined ? undefined : Number(values.executions)]
if (!(seconds > 0) || !(patience > 0) || !(executions === undefined || (Number.isInteger(executions) && executions > 0))) wrong('--seconds and --patience take a number above 0, --executions a whole one')

if (values.input !== undefined) {
  if (chosen.length !== 1) wrong(`--input takes the whole name of one target; ${chosen.length} have ${values.target ?? 'any'} in theirs`)
  const hex = values.input === '-' ? (await text(process.stdin)).trim() : values.input
  if (!/^0x(?:[0-9a-f]{2})*$/.test(hex)) wrong('--input takes 0x and an even number of lower-case hex digits')
  const what = fault(chosen[0]!, fromHex(hex as Hex))
  console.log(what ?? 'nothing is wrong with it')
  process.exit(what === null ? 0 : 1)
}

let findings = 0
for await (const { target, blocks, corpus, finding, ...run } of outcomes(chosen.map(({ name }) => name), executions === undefined ? { seconds: seconds / chosen.length } : { executions }, values.seed, 1000 * patience)) {
  if (values.json) console.log(JSON.stringify({ target, executions: run.executions, blocks, corpus, finding: finding && { what: finding.what, input: toHex(finding.input) } }))
  else console.log(`${target}: ${run.executions} executions, ${blocks} blocks, ${corpus} inputs kept, ${finding === null ? 'nothing found' : 'FOUND'}`)
  if (finding === null) continue
  findings++
  const hex = toHex(finding.input)
  console.error(`FOUND in ${target}: ${finding.what}\n  input: ${hex}\n  again: npm run fuzz -- --target ${JSON.stringify(target)} --input ${hex.length <= MOST_ARGUMENT ? hex : '- < file with this input'}`)
}
process.exit(findings === 0 ? 0 : 1)
