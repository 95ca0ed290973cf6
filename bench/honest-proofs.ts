// How often a verifier refuses an honest proof: of seeds, nonces, sizes and coins by chance.
//   node bench/honest-proofs.ts [--json] [--compute 10000] [--memory 1000] [--seed text]
// Exit code 1 if one is refused; the same seed gives the same proofs.
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { chainKeys, draw, drawMemory, keystream, MemoryProver, ReferenceProver, verifyMemory, verifyOpenings } from '@assay/protocol'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, compute: { type: 'string', default: '10000' }, memory: { type: 'string', default: '1000' }, seed: { type: 'string', default: 'honest' } } })

/** Bytes and integers that follow from a name. */
function chance(name: string) {
  const key = new Uint8Array(createHash('sha256').update(`${values.seed} ${name}`).digest())
  let at = 0
  const bytes = (length: number): Uint8Array => keystream(key, (at += length) - length, length).slice()
  return { bytes, below: (range: number): number => new DataView(bytes(4).buffer).getUint32(0, true) % range }
}

function compute(name: string): string {
  const { bytes, below } = chance(name)
  const [seed, coins, log2n, steps, samples] = [bytes(32), bytes(32), 6, 1 + below(4), 1 + below(24)]
  const nonces = new Map([[0, [bytes(32)]], [below(steps), [bytes(32), bytes(32)]]])
  const prover = new ReferenceProver(crypto, seed, log2n)
  const roots: Uint8Array[] = []
  while (roots.length < steps) roots.push(prover.step(chainKeys(crypto, seed, roots, nonces).at(-1)!))
  const openings = prover.open(draw(crypto, coins, 2 ** log2n, steps, samples).cells)
  return verifyOpenings(crypto, { seed, log2n, roots, keys: chainKeys(crypto, seed, roots, nonces), coins, samples, openings })
}

function memory(name: string): string {
  const { bytes, below } = chance(name)
  const [fillSeed, seed, coins, log2Leaves, log2Passes, segments, steps, samples] = [bytes(32), bytes(32), bytes(32), 6, below(3), 1 + below(3), 1 + below(5), 1 + below(24)]
  const prover = new MemoryProver(crypto, { fillSeed, log2Leaves, log2Passes, segments })
  const roots: Uint8Array[] = []
  while (roots.length < steps) roots.push(prover.step(chainKeys(crypto, seed, roots, new Map()).at(-1)!))
  const openings = prover.open(drawMemory(crypto, coins, log2Leaves, steps, samples))
  return verifyMemory(crypto, { fillSeed, log2Leaves, log2Passes, fillRoots: prover.fillRoots, roots, keys: chainKeys(crypto, seed, roots, new Map()), coins, samples, openings })
}

const results = Object.entries({ compute, memory }).map(([kind, prove]) => {
  const proofs = Number(values[kind as 'compute' | 'memory'])
  const refused: string[] = []
  for (let i = 0; i < proofs; i++) {
    const verdict = prove(`${kind} ${i}`)
    if (verdict !== 'OK') refused.push(`${i}: ${verdict}`)
    if (i % 1000 === 999) process.stderr.write(`${kind}: ${i + 1} of ${proofs}\n`)
  }
  return { kind, proofs, refused: refused.length, first: refused.slice(0, 10) }
})
if (values.json) console.log(JSON.stringify(results, null, 2))
else console.table(results.map(({ kind, proofs, refused }) => ({ kind, proofs, refused })))
for (const { kind, first } of results) for (const one of first) console.error(`${kind} ${one}`)
process.exit(results.every(({ refused }) => refused === 0) ? 0 : 1)
