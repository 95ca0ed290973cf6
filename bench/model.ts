// The same model on the same inputs, over runtimes, thread counts, optimisation levels and execution providers: how far honest machines differ, which is the ground of the tolerance; and what a run costs.
//   node bench/model.ts [--json] [--beacons 50] [--runtime /elsewhere/node_modules/onnxruntime-node]
// `--runtime` adds another ONNX runtime of the same interface, which this project does not install. What is not to be had on this machine is said, not counted.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Hash, modelInput, toHex, toMicro } from '@assay/protocol'
import { INPUT_SAMPLES, infer, type Runtime, SESSION_OPTIONS, SHIPPED_MODEL } from '@assay/provider/model/inference'
import { openModel, resolveFile } from '@assay/provider/model/model'
import { cryptoReady, nodeCrypto } from '@assay/runtime-bindings'

interface Variant {
  name: string
  /** what `require` takes */
  runtime: string
  threads: number
  level: NonNullable<typeof SESSION_OPTIONS.graphOptimizationLevel>
  provider?: string
}

await cryptoReady()
const beaconOf = (i: number): Hash => toHex(createHash('sha256').update(`beacon ${i}`).digest())

/** In a thread of its own, for a runtime takes its number of threads once: the outputs for each beacon. */
async function compute({ runtime, threads, level, provider }: Variant, beacons: number): Promise<number[][]> {
  const ort = createRequire(resolveFile('onnxruntime-web'))(runtime) as Runtime & { env: { wasm: { numThreads?: number } } }
  ort.env.wasm.numThreads = threads
  const model = new Uint8Array(readFileSync(resolveFile(SHIPPED_MODEL.file)))
  const options = { ...SESSION_OPTIONS, intraOpNumThreads: threads, graphOptimizationLevel: level, ...(provider === undefined ? {} : { executionProviders: [provider] }) }
  const outputs: number[][] = []
  for (let i = 0; i < beacons; i++) outputs.push((await infer(ort, model, modelInput(nodeCrypto, beaconOf(i), INPUT_SAMPLES), options)).map(toMicro))
  return outputs
}

const inThread = (variant: Variant, beacons: number): Promise<number[][] | string> =>
  new Promise((resolve) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { variant, beacons }, stderr: true })
    worker.once('message', (outputs: number[][]) => resolve(outputs))
    worker.once('error', (error: unknown) => resolve(error instanceof Error ? error.message.split('\n')[0]! : String(error)))
  }).then((result) => result as number[][] | string)

/** The greatest distance of two runs in one output. */
const distance = (a: number[], b: number[]): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)))

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean' }, beacons: { type: 'string', default: '50' }, runtime: { type: 'string' } } })
  const beacons = Number(values.beacons)
  const levels = ['all', 'extended', 'basic', 'disabled'] as const
  const of = (name: string, runtime: string): Variant[] => [1, 2].flatMap((threads) => levels.map((level) => ({ name: `${name} x${threads} ${level}`, runtime, threads, level })))
  const variants = of('web wasm', 'onnxruntime-web')
  if (values.runtime !== undefined) variants.push(...of('node cpu', values.runtime), { name: 'node webgpu', runtime: values.runtime, threads: 1, level: 'all', provider: 'webgpu' })

  // First, while this process has no memory to use again.
  const model = await openModel({ crypto: nodeCrypto })
  if ('notShown' in model) throw new Error(model.notShown)
  const runs: { wallMs: number; cpuMs: number; rssMiB: number }[] = []
  for (let i = 0; i < 5; i++) {
    const [began, since, before] = [performance.now(), process.cpuUsage(), process.memoryUsage.rss()]
    let peak = before
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10)
    await model.runModel({ beacon: beaconOf(i), signal: new AbortController().signal })
    clearInterval(watch)
    const { user, system } = process.cpuUsage(since)
    runs.push({ wallMs: Math.round(performance.now() - began), cpuMs: Math.round((user + system) / 1000), rssMiB: Math.round((peak - before) / 2 ** 20) })
  }

  const computed: { name: string; outputs: number[][] }[] = []
  const absent: { name: string; why: string }[] = []
  for (const variant of variants) {
    const outputs = await inThread(variant, beacons)
    if (typeof outputs === 'string') absent.push({ name: variant.name, why: outputs })
    else computed.push({ name: variant.name, outputs })
  }
  const [shipped] = computed
  if (shipped === undefined) throw new Error(`nothing runs here: ${JSON.stringify(absent)}`)
  const differences = computed.map(({ name, outputs }) => ({
    name,
    identicalPercent: Math.round((100 * outputs.flatMap((run, i) => run.filter((value, j) => value === shipped.outputs[i]![j]!)).length) / outputs.flat().length),
    maxMicro: Math.max(...outputs.map((run, i) => distance(run, shipped.outputs[i]!))),
    // Against every other way, for the median may be of any.
    maxMicroOfAll: Math.max(...computed.flatMap((other) => outputs.map((run, i) => distance(run, other.outputs[i]!)))),
  }))
  const nearestOfOtherBeacon = Math.min(...shipped.outputs.flatMap((run, i) => shipped.outputs.slice(0, i).map((other) => distance(run, other))))
  const means = shipped.outputs[0]!.map((_, j) => Math.round(shipped.outputs.reduce((sum, run) => sum + run[j]!, 0) / beacons))
  const nearestOfMean = Math.min(...shipped.outputs.map((run) => distance(run, means)))

  if (values.json) {
    console.log(JSON.stringify({ node: process.version, beacons, differences, absent, nearestOfOtherBeacon, nearestOfMean, runs }, null, 2))
    return
  }
  console.table(differences)
  for (const { name, why } of absent) console.log(`${name}: not here: ${why}`)
  console.log(`the outputs of two beacons differ by at least ${nearestOfOtherBeacon} millionths in some value, from their mean by at least ${nearestOfMean}`)
  console.log('whole runs, thread and all (the memory is what the process grew by):')
  console.table(runs)
}

if (isMainThread) await main()
else {
  const { variant, beacons } = workerData as { variant: Variant; beacons: number }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort!.postMessage(await compute(variant, beacons))
}
