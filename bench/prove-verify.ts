// Proving against verifying, side by side in one process, so that the ratios hold on a busy machine too.
//   node bench/prove-verify.ts [--json] [--sizes 512,1024,2048] [--steps 16] [--samples 64] [--repeat 3]
// Times are CPU time of the whole process, best of `repeat`; the prover has one thread.
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { chainKeys, draw, firstKey, stepKey, verifyOpenings } from '@assay/protocol'
import { fastestVariant, type Variant } from '@assay/provider/engines/kernel'
import { createWasmEngine } from '@assay/provider/engines/wasm'
import { nodeCrypto } from '@assay/runtime-bindings'
import { cpuMs, hashMs } from './hashing.ts'

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, sizes: { type: 'string', default: '512,1024,2048' }, steps: { type: 'string', default: '16' }, samples: { type: 'string', default: '64' }, repeat: { type: 'string', default: '3' } },
})
const [steps, samples, repeat] = [values.steps, values.samples, values.repeat].map(Number) as [number, number, number]
const SIZES = values.sizes.split(',').map((n) => Math.log2(Number(n)))
if (SIZES.some((log2n) => !Number.isInteger(log2n) || log2n < 6 || log2n > 13)) throw new Error(`--sizes is ${values.sizes}; give powers of two from 64 to 8192`)
const VARIANTS: Variant[] = fastestVariant() === 'relaxed' ? ['simd128', 'relaxed'] : ['simd128']

/** Runs and opens a chain of `steps` on one thread. */
async function prove(variant: Variant, log2n: number, seed: Uint8Array, coins: Uint8Array) {
  await using closing = new AsyncDisposableStack()
  const engine = await createWasmEngine(nodeCrypto, { variant, threads: 1 })
  closing.defer(() => engine.close())
  const job = await engine.stage({ seed, log2n, signal: new AbortController().signal })
  let key = firstKey(nodeCrypto, seed, [])
  const roots: Uint8Array[] = []
  let since = process.cpuUsage()
  for (let t = 1; t <= steps; t++) {
    const root = await job.step(key)
    roots.push(root)
    key = stepKey(nodeCrypto, key, root, [])
  }
  const execMs = cpuMs(since)
  since = process.cpuUsage()
  const openings = await job.open(draw(nodeCrypto, coins, 2 ** log2n, steps, samples).cells)
  return { roots, openings, execMs, openMs: cpuMs(since) }
}

async function measure(log2n: number) {
  const n = 2 ** log2n
  const [seed, coins] = [randomBytes(32), randomBytes(32)]
  const hash = await hashMs(log2n, repeat + 2)
  const provers = []
  let proof: Awaited<ReturnType<typeof prove>> | undefined
  for (const variant of VARIANTS) {
    let [execMs, openMs] = [Infinity, Infinity]
    for (let run = 0; run < repeat; run++) {
      const again = await prove(variant, log2n, seed, coins)
      if (proof !== undefined && Buffer.compare(again.openings, proof.openings) !== 0) throw new Error(`${variant} opened other bytes than the run before`)
      proof = again
      execMs = Math.min(execMs, again.execMs)
      openMs = Math.min(openMs, again.openMs)
    }
    provers.push({ variant, execMs, openMs, gmacPerSecond: (steps * n ** 3) / execMs / 1e6, hashingShare: (hash * steps) / execMs })
  }
  const { roots, openings } = proof!
  const claim = { seed, log2n, roots, keys: chainKeys(nodeCrypto, seed, roots, new Map()), coins, samples, openings }
  let verifyMs = Infinity
  // A checker verifies all day, so what counts is compiled code: some more turns.
  for (let run = 0; run < repeat + 10; run++) {
    const since = process.cpuUsage()
    const verdict = verifyOpenings(nodeCrypto, claim)
    verifyMs = Math.min(verifyMs, cpuMs(since))
    if (verdict !== 'OK') throw new Error(`an honest proof was refused: ${verdict}`)
  }
  return { n, steps, samples, verifyMs, proofKB: (openings.length + 32 * steps) / 1000, provers: provers.map((prover) => ({ ...prover, ratio: prover.execMs / verifyMs })) }
}

const results = []
for (const log2n of SIZES) results.push(await measure(log2n))
if (values.json) console.log(JSON.stringify({ node: process.version, clock: 'process CPU', results }, null, 2))
else
  console.table(
    results.flatMap(({ n, steps, samples, verifyMs, proofKB, provers }) =>
      provers.map(({ variant, execMs, openMs, gmacPerSecond, hashingShare, ratio }) => ({
        n,
        steps,
        samples,
        kernel: variant,
        'exec ms': Math.round(execMs),
        'GMAC/s': Number(gmacPerSecond.toFixed(1)),
        'hashing %': Math.round(100 * hashingShare),
        'open ms': Math.round(openMs),
        'verify ms': Number(verifyMs.toFixed(1)),
        'exec/verify': Math.round(ratio),
        'proof KB': Math.round(proofKB),
      })),
    ),
  )
