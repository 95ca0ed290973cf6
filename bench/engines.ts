// All engines that this machine has, side by side in one run: multiply-accumulates a second by size, the share of hashing, and what more threads bring.
//   node bench/engines.ts [--sizes 512,1024,2048,4096,8192] [--seconds 3] [--adapter <number or name>] [--json]
// Times are wall clock, so let nothing else run. A GPU is measured as the provider uses it (segments of steps) and one step at a time. Software
// drivers are left out unless --adapter names one (`node tools/software-vulkan.ts bench/engines.ts --adapter swiftshader --sizes 256,512`).
// The engines must agree on the root of the first step, or the run ends.
import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { firstKey, stepKey } from '@assay/protocol'
import { type ChainJob, type Engine, stepMany } from '@assay/provider/engines/engine'
import { fastestVariant, type Variant } from '@assay/provider/engines/kernel'
import { createWasmEngine } from '@assay/provider/engines/wasm'
import { createWebGpuEngine, type WebGpuEngine } from '@assay/provider/engines/webgpu'
import { listAdapters } from '@assay/provider/engines/webgpu/device'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import { hashMs } from './hashing.ts'

const { values } = parseArgs({
  options: { sizes: { type: 'string', default: '512,1024,2048,4096,8192' }, seconds: { type: 'string', default: '3' }, adapter: { type: 'string' }, json: { type: 'boolean' } },
})
const sizes = values.sizes.split(',').map(Number)
const budgetMs = 1000 * Number(values.seconds)
const cores = availableParallelism()
const seed = crypto.sha256(new TextEncoder().encode('bench'))
const say = (text: string): void => void process.stderr.write(`${text}\n`)

interface Speed { stageMs: number; stepMs: number; gmacPerSecond: number }
interface Row extends Speed { engine: string; n: number; hashingShare: number; product?: string; aloneMs?: number }
interface Contender { engine: Engine; hashing: (log2n: number, stepMs: number) => Promise<Partial<Row> & { hashingShare: number }> }

const roots = new Map<number, { root: string; engine: string }>()

/** All engines agree, or none of the numbers means anything. */
function mustAgree(engine: string, n: number, root: Uint8Array): void {
  const text = Buffer.from(root).toString('hex')
  const known = roots.get(n)
  if (known && known.root !== text) throw new Error(`n = ${n}: ${engine} computes root ${text}, ${known.engine} ${known.root}`)
  roots.set(n, { root: text, engine })
}

/** Steps for about the budget, in segments of at most a quarter of a second where the engine has them; at least three turns. */
async function run(job: ChainJob, key: Uint8Array, most: number): Promise<{ stepMs: number; key: Uint8Array }> {
  let [done, count] = [0, 1]
  const began = performance.now()
  for (let turn = 0; turn < 3 || performance.now() - began < budgetMs; turn++) {
    const at = performance.now()
    for (const root of await stepMany(crypto, job, key, count)) key = stepKey(crypto, key, root, [])
    done += count
    count = Math.max(1, Math.min(2 * count, most, Math.floor((250 * count) / (performance.now() - at))))
  }
  return { stepMs: (performance.now() - began) / done, key }
}

async function measure({ engine, hashing }: Contender, n: number): Promise<Row> {
  const log2n = Math.log2(n)
  const began = performance.now()
  const job = await engine.stage({ seed, log2n, signal: new AbortController().signal })
  const stageMs = performance.now() - began
  try {
    const key0 = firstKey(crypto, seed, [])
    const root = await job.step(key0)
    mustAgree(engine.name, n, root)
    const { stepMs, key } = await run(job, stepKey(crypto, key0, root, []), job.stepMany ? Infinity : 1)
    const alone = job.stepMany ? { aloneMs: (await run(job, key, 1)).stepMs } : {}
    return { engine: engine.name, n, stageMs, stepMs, gmacPerSecond: n ** 3 / stepMs / 1e6, ...alone, ...(await hashing(log2n, stepMs)) }
  } finally {
    await job.close()
  }
}

async function wasm(variant: Variant, threads: number): Promise<Contender> {
  return { engine: await createWasmEngine(crypto, { variant, threads }), hashing: async (log2n, stepMs) => ({ hashingShare: (await hashMs(log2n, 5)) / threads / stepMs }) }
}

function gpu(engine: WebGpuEngine): Contender {
  return {
    engine,
    hashing: async (log2n, stepMs) => {
      const { multiplyMs, activateMs, hashMs } = await engine.parts(log2n, Math.max(1, Math.min(50, Math.floor(budgetMs / stepMs / 3))))
      return { hashingShare: hashMs / (multiplyMs + activateMs + hashMs), product: engine.variants.get(2 ** log2n)! }
    },
  }
}

/** Every engine here: both kernels on one thread, the faster one on all, and each GPU. */
async function contenders(): Promise<{ all: Contender[]; cards: string[] }> {
  const fastest = fastestVariant()
  const variants = (['simd128', 'relaxed'] as const).filter((variant) => fastest === 'relaxed' || variant === fastest)
  const all = await Promise.all(variants.map((variant) => wasm(variant, 1)))
  if (fastest && cores > 1) all.push(await wasm(fastest, cores))
  if (!fastest) say('skipped: WebAssembly, for this runtime has no SIMD')
  const adapters = await listAdapters().catch((error: unknown) => {
    say(`skipped: WebGPU, ${String(error)}`)
    return []
  })
  const named = values.adapter === undefined ? adapters.filter(({ software }) => !software).map(({ name }) => name) : [values.adapter]
  for (const { name, software } of adapters) if (software && values.adapter === undefined) say(`skipped: ${name}, which computes in software; name it with --adapter`)
  if (named.length === 0) say('skipped: WebGPU, no driver offers a GPU (`assay machine doctor` says what is missing)')
  for (const adapter of named) all.push(gpu(await createWebGpuEngine(crypto, { adapter })))
  return { all, cards: adapters.map(({ name, description }) => `${name} (${description})`) }
}

/** The fastest kernel with more and more threads on one size, in GMAC/s and in times of one thread. */
async function scaling(n: number): Promise<{ threads: number; gmacPerSecond: number; speedup: number }[]> {
  const variant = fastestVariant()
  if (!variant) return []
  const results: { threads: number; gmacPerSecond: number; speedup: number }[] = []
  for (const threads of [...new Set([...Array.from({ length: Math.floor(Math.log2(cores)) + 1 }, (_, i) => 2 ** i), cores])]) {
    const contender = await wasm(variant, threads)
    const { gmacPerSecond } = await measure(contender, n)
    results.push({ threads, gmacPerSecond, speedup: gmacPerSecond / (results[0]?.gmacPerSecond ?? gmacPerSecond) })
    await contender.engine.close()
  }
  return results
}

const { all, cards } = await contenders()
say(`${cpus()[0]?.model.trim() || 'CPU'} (${cores} threads); ${cards.join(', ') || 'no GPU'}; Node ${process.version}`)
const rows: Row[] = []
for (const n of sizes) {
  for (const contender of all) {
    try {
      rows.push(await measure(contender, n))
      say(`n = ${n}, ${contender.engine.name}: ${rows.at(-1)!.gmacPerSecond.toFixed(1)} GMAC/s`)
    } catch (error) {
      if ((error as { code?: unknown }).code === undefined) throw error
      say(`skipped: n = ${n} on ${contender.engine.name}: ${(error as Error).message}`)
    }
  }
}
for (const { engine } of all) await engine.close()
const threads = await scaling(Math.min(2048, Math.max(...sizes)))

const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits))
if (values.json) console.log(JSON.stringify({ node: process.version, cpu: cpus()[0]?.model.trim(), cores, cards, clock: 'wall', results: rows, scaling: threads }, null, 2))
else {
  console.table(
    rows.map(({ n, engine, stageMs, stepMs, gmacPerSecond, hashingShare, product, aloneMs }) => ({
      n, engine, 'GMAC/s': rounded(gmacPerSecond), 'ms a step': rounded(stepMs, 2), 'ms alone': aloneMs === undefined ? '' : rounded(aloneMs, 2), 'hashing %': Math.round(100 * hashingShare), 'stage ms': Math.round(stageMs), product: product ?? '',
    })),
  )
  console.table(threads.map((one) => ({ threads: one.threads, 'GMAC/s': rounded(one.gmacPerSecond), 'times one thread': rounded(one.speedup, 2) })))
}
