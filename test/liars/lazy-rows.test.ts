import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Cell, chainKeys, draw, firstKey, openingsLength, stepKey, verifyOpenings } from '@assay/protocol'
import { chooseEngine } from '@assay/provider/engine-choice'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'

const seed = new Uint8Array(32).fill(3)
const nonce = new Uint8Array(32).fill(4)
const LOG2N = 7
const STEPS = 6

async function committed() {
  const engine = await chooseEngine(fileURLToPath(new URL('lazy-rows.ts', import.meta.url)), { crypto, threads: 3 })
  const job = await engine.stage({ seed, log2n: LOG2N, signal: new AbortController().signal })
  const roots: Uint8Array[] = []
  for (let key = firstKey(crypto, seed, [nonce]); roots.length < STEPS; key = stepKey(crypto, key, roots.at(-1)!, [])) roots.push(await job.step(key))
  const keys = chainKeys(crypto, seed, roots, new Map([[0, [nonce]]]))
  return { engine, job, roots, keys }
}

describe('the lazy engine', () => {
  it('loads like an operator’s engine, keeps every form, and is given away by the product alone', async () => {
    const { engine, job, roots, keys } = await committed()
    expect(engine.name).toMatch(/^wasm .* x2, half of the rows$/)
    const verdicts = []
    for (let i = 0; i < 12; i++) {
      const coins = crypto.sha256(new Uint8Array([i]))
      const { cells } = draw(crypto, coins, 2 ** LOG2N, STEPS, 1)
      const openings = await job.open(cells)
      expect(openings.length).toBe(openingsLength(cells, LOG2N))
      const lazy = (cells[0]!.i % 64) >= 32 // two threads of 64 rows, the second half of each made up
      const verdict = verifyOpenings(crypto, { seed, log2n: LOG2N, roots, keys, coins, samples: 1, openings })
      expect([cells[0]!.i, verdict]).toEqual([cells[0]!.i, lazy ? 'WRONG_PRODUCT' : 'OK'])
      verdicts.push(verdict)
    }
    expect(new Set(verdicts).size).toBe(2)
    await engine.close()
  })
  it('is caught by the devnet’s 64 samples', async () => {
    const { engine, job, roots, keys } = await committed()
    const coins = crypto.sha256(new Uint8Array([99]))
    const cells: Cell[] = draw(crypto, coins, 2 ** LOG2N, STEPS, 64).cells
    expect(verifyOpenings(crypto, { seed, log2n: LOG2N, roots, keys, coins, samples: 64, openings: await job.open(cells) })).toBe('WRONG_PRODUCT')
    await engine.close()
  })
})
