// One thread of the lazy engine: the honest rows for the first half of its subtree, made-up ones for the second. Everything it commits to is
// consistent (paths, sizes, ranges), so that nothing but the product can give it away.
import { createHash } from 'node:crypto'
import { parentPort, workerData } from 'node:worker_threads'
import { entryLimit, hashRow, treeLevels, treePath } from '@assay/protocol'
import { type OpenedRow, Rows, type RowsOptions } from '@assay/provider/engines/rows'
import type { Answer, Ask } from '@assay/provider/engines/worker'

const options = workerData as RowsOptions
const { n, first, count, unit } = options
if (unit !== count) throw new Error('the lazy engine needs one subtree a thread')
const half = count / 2
const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())

const real = new Rows({ ...options, count: half, unit: half })
/** Root of the honest half by step. */
const realRoots: Uint8Array[] = []
const limit = entryLimit(n)
const junk = Array.from({ length: half }, (_, i) => new Uint8Array(Int32Array.from({ length: n }, (_, j) => ((i * 31 + j * 17) % (2 * limit)) - limit).buffer))
const junkLeaves = junk.map((row) => hashRow(sha256, row))
const junkTree = treeLevels(sha256, junkLeaves)
const junkRoot = junkTree.at(-1)![0]!

const step = (key: Uint8Array, start?: Uint8Array): Uint8Array => {
  const root = real.step(key, start)
  realRoots.push(root)
  return sha256(Buffer.concat([root, junkRoot]))
}
const open = (t: number, i: number): OpenedRow[] => {
  const at = i - first
  if (at < half) return real.open([{ t, i }])[0]!.map(({ row, path }) => ({ row, path: new Uint8Array(Buffer.concat([path, junkRoot])) }))
  const path = treePath(junkTree, at - half)
  return (t > 1 ? [t, t - 1] : [t]).map((s) => ({ row: junk[at - half]!, path: new Uint8Array(Buffer.concat([...path, realRoots[s - 1]!])) }))
}

const port = parentPort!
const answer = (message: Answer): void => port.postMessage(message)
port.on('message', (ask: Ask) => answer(ask.kind === 'step' ? { kind: 'step', roots: step(ask.key, ask.start) } : { kind: 'open', opened: ask.cells.map(({ t, i }) => open(t, i)) }))
answer({ kind: 'staged' })
