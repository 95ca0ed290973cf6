// Filling, scanning and verifying memory, and what an attacker saves, side by side in one process, so that the ratios hold on a busy machine too.
//   node bench/memory.ts [--json] [--leaves 18] [--passes 0,3,6] [--samples 64] [--repeat 3] [--adapter <number or name>]
// `leaves` and `passes` are log2. Kernel, attacker and verifier: CPU time of the whole process on one thread, best of `repeat`. Engines: time on the wall, all cores or the GPU.
// Every GPU that is hardware has rows of its own; a software driver only if --adapter names it
// (`node tools/software-vulkan.ts bench/memory.ts --adapter swiftshader --leaves 12`).
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { chainKeys, drawMemory, fillKey, LANE_LEAVES, LEAF_BYTES, LEAF_LABELS, scanKey, stepKey, verifyMemory } from '@assay/protocol'
import { fastestVariant } from '@assay/provider/engines/kernel'
import { listAdapters } from '@assay/provider/engines/webgpu/device'
import { createMemoryEngine, type MemoryEngine } from '@assay/provider/memory/engine'
import { compileMemoryKernel, instantiateIn, type MemoryKernel } from '@assay/provider/memory/kernel'
import { allocate, layOut, placeOf, spaceOf } from '@assay/provider/memory/layout'
import { createWebGpuMemoryEngine } from '@assay/provider/memory/webgpu'
import { nodeCrypto } from '@assay/runtime-bindings'

const { values } = parseArgs({
  options: {
    json: { type: 'boolean' },
    leaves: { type: 'string', default: '18' },
    passes: { type: 'string', default: '0,3,6' },
    samples: { type: 'string', default: '64' },
    repeat: { type: 'string', default: '3' },
    adapter: { type: 'string' },
  },
})
const [log2Leaves, samples, repeat] = [values.leaves, values.samples, values.repeat].map(Number) as [number, number, number]
const KEPT = [0.99, 0.95, 0.9, 0.5]
const SEGMENTS = 2
const STEPS = 16
const variant = fastestVariant()!
const leaves = 2 ** log2Leaves
const bytes = leaves * LEAF_BYTES

/** The least CPU milliseconds of `repeat` runs. */
function cpuMs(run: () => void, times = repeat): number {
  let best = Infinity
  for (let i = 0; i < times; i++) {
    const since = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(since)
    best = Math.min(best, (user + system) / 1000)
  }
  return best
}

/** One segment in one thread. */
class Segment {
  readonly #kernel: MemoryKernel
  readonly #base: number
  readonly #space = spaceOf(0)
  readonly #lanes = leaves / LANE_LEAVES
  readonly #doubleRounds: number

  constructor(module: WebAssembly.Module, log2Passes: number) {
    const layout = layOut(log2Leaves, 1, 1)
    const [memory] = allocate(layout) as [WebAssembly.Memory]
    this.#kernel = instantiateIn(module, memory)
    this.#base = placeOf(layout, 0).base
    this.#doubleRounds = 4 * 2 ** log2Passes
    this.#kernel.hashIn(this.#space + 512)
    const all = new Uint8Array(memory.buffer)
    all.set(fillKey(nodeCrypto, randomBytes(32), 0), this.#space)
    all.set(scanKey(nodeCrypto, randomBytes(32)), this.#space + 32)
    this.#kernel.stream(this.#space + 32, 0, this.#space + 2048, LEAF_BYTES)
    this.#kernel.challenge(this.#space + 2048, this.#space + 4096)
  }

  begin(): void {
    this.#kernel.begin(this.#base, this.#space, 0, this.#lanes, this.#space + 64)
  }

  /** Computes that many leaves, slice after slice. The first slices are the cheapest: they refer to nothing, or to little that stays in the cache. */
  fill(count: number): void {
    for (let slice = 0, left = count; left > 0; slice++, left -= this.#lanes) {
      const lanes = Math.ceil(Math.min(left, this.#lanes) / 4) * 4
      const from = slice === 0 ? 1 : 0
      this.#kernel.fill(this.#base, this.#space, this.#lanes, 0, lanes, slice, from, LEAF_LABELS - from, this.#doubleRounds)
    }
  }

  hash(): void {
    for (let j = 0; j < leaves; j += 64) this.#kernel.hashAll(this.#base + j * LEAF_BYTES, LEAF_BYTES, 64, this.#space + 32768)
  }

  scan(): void {
    for (let j = 0; j < leaves; j += 256) {
      this.#kernel.scan(this.#base + j * LEAF_BYTES, Math.min(256, leaves), this.#space + 4096, this.#space + 8192)
      this.#kernel.hashAll(this.#space + 8192, 1024, 1, this.#space + 32768)
    }
  }
}

/** An engine, and the verifier on what it opened. */
async function prove(engine: MemoryEngine, log2Passes: number) {
  const [fillSeed, coins] = [randomBytes(32), randomBytes(32)]
  const region = { fillSeed, log2Leaves, log2Passes, segments: SEGMENTS }
  const { signal } = new AbortController()
  // The first region takes what only a first one takes: compilation.
  await (await engine.stage({ ...region, segments: 1, signal })).close()
  let since = performance.now()
  const job = await engine.stage({ ...region, signal })
  const fillMs = performance.now() - since
  const roots: Uint8Array[] = []
  let key = chainKeys(nodeCrypto, fillSeed, [], new Map())[0]!
  since = performance.now()
  for (let t = 1; t <= STEPS; t++) {
    roots.push(await job.step(key))
    key = stepKey(nodeCrypto, key, roots[t - 1]!, [])
  }
  const scanMs = performance.now() - since
  since = performance.now()
  const openings = await job.open(drawMemory(nodeCrypto, coins, log2Leaves, STEPS, samples))
  const openMs = performance.now() - since
  await job.close()
  const claim = { ...region, fillRoots: job.fillRoots, roots, keys: chainKeys(nodeCrypto, fillSeed, roots, new Map()), coins, samples, openings }
  const verifyMs = cpuMs(() => {
    const verdict = verifyMemory(nodeCrypto, claim)
    if (verdict !== 'OK') throw new Error(`an honest proof was refused: ${verdict}`)
  }, repeat + 10)
  return { engine: engine.name, fillMBps: (SEGMENTS * bytes) / fillMs / 1e3, scanMBps: (STEPS * bytes) / scanMs / 1e3, openMs, verifyMs, proofKB: openings.length / 1000 }
}

/** One thread of the WebAssembly kernel, and what its owner saves who keeps a part of the labels only. */
function measureThread(module: WebAssembly.Module, log2Passes: number) {
  const segment = new Segment(module, log2Passes)
  const fillMs = cpuMs(() => {
    segment.begin()
    segment.fill(leaves)
  }, 2)
  const hashMs = cpuMs(() => segment.hash())
  const scanMs = cpuMs(() => segment.scan(), repeat + 2)
  const slowdown = Object.fromEntries(
    KEPT.map((kept) => [
      kept,
      cpuMs(() => {
        segment.fill(Math.round((1 - kept) * leaves))
        segment.scan()
      }) / scanMs,
    ]),
  )
  const mbps = (ms: number): number => bytes / ms / 1e3
  return { fillMBps: mbps(fillMs), hashMBps: mbps(hashMs), scanMBps: mbps(scanMs), fillPerScan: fillMs / scanMs, slowdown }
}

/** The engine with all cores, and that of each GPU. */
async function contenders(): Promise<MemoryEngine[]> {
  const adapters = values.adapter === undefined ? (await listAdapters().catch(() => [])).filter(({ software }) => !software).map(({ name }) => name) : [values.adapter]
  return Promise.all([createMemoryEngine(nodeCrypto, { maxBytes: 2 ** 33 }), ...adapters.map((adapter) => createWebGpuMemoryEngine(nodeCrypto, { adapter }))])
}

const module = await compileMemoryKernel(variant)
const engines = await contenders()
const results = []
for (const log2Passes of values.passes.split(',').map(Number)) {
  const thread = measureThread(module, log2Passes)
  for (const engine of engines) results.push({ log2Passes, thread: engine === engines[0] ? thread : null, ...(await prove(engine, log2Passes)) })
}
for (const engine of engines) await engine.close()
if (values.json) console.log(JSON.stringify({ node: process.version, variant, log2Leaves, samples, results }, null, 2))
else
  console.table(
    results.map(({ log2Passes, thread, engine, fillMBps, scanMBps, openMs, verifyMs, proofKB }) => ({
      'log2 passes': log2Passes,
      ...(thread && {
        'fill MB/s': Math.round(thread.fillMBps),
        'hash MB/s': Math.round(thread.hashMBps),
        'scan MB/s': Math.round(thread.scanMBps),
        'fill/scan': Math.round(thread.fillPerScan),
        ...Object.fromEntries(KEPT.map((kept) => [`kept ${100 * kept} %`, `${thread.slowdown[kept]!.toFixed(1)}x`])),
      }),
      engine,
      'all of it: fill MB/s': Math.round(fillMBps),
      'scan GB/s': Number((scanMBps / 1000).toPrecision(3)),
      'open ms': Math.round(openMs),
      'verify ms': Number(verifyMs.toFixed(1)),
      'proof KB': Math.round(proofKB),
    })),
  )
