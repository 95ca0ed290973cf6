// What it takes to recompute labels that are not kept, counted on the graph of one segment: evaluations for each missing label, where only kept labels may be read.
//   node bench/memory-graph.ts [--json] [--leaves 12]
// `random` drops labels by chance; `chosen` drops those with the fewest neighbours first, at first only such whose parents and children are kept.
import { parseArgs } from 'node:util'
import { fillSegment, keystream, LABEL_BYTES, labelOf, LANE_LEAVES, LEAF_BYTES, LEAF_LABELS, type LabelPlace, placeBefore, references, sliceOf } from '@assay/protocol'
import { nodeCrypto } from '@assay/runtime-bindings'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, leaves: { type: 'string', default: '12' } } })
const log2Leaves = Number(values.leaves)
const labels = 2 ** log2Leaves * LEAF_LABELS
const seed = new Uint8Array(32)
const segment = fillSegment(nodeCrypto, { fillSeed: seed, log2Leaves, log2Passes: 0 }, 0)

const numberOf = ({ j, u }: LabelPlace): number => j * LEAF_LABELS + u
const parents: number[][] = Array.from({ length: labels }, (_, v) => {
  const place = { j: Math.floor(v / LEAF_LABELS), u: v % LEAF_LABELS }
  const before = placeBefore(place)
  if (before === undefined) return []
  const leaf = segment.subarray(before.j * LEAF_BYTES, (before.j + 1) * LEAF_BYTES)
  return [before, ...(sliceOf(place.j) > 0 ? references(labelOf(leaf, before.u), place.j, log2Leaves) : [])].map(numberOf)
})
const neighbours: number[][] = parents.map((list) => [...list])
for (const [v, list] of parents.entries()) for (const parent of list) neighbours[parent]!.push(v)
const laneLabels = LANE_LEAVES * LEAF_LABELS
/** Parents come before children. */
const byPosition = [...parents.keys()].sort((a, b) => (a % laneLabels) - (b % laneLabels))

/** Mean number of evaluations for a missing label. */
function evaluations(missing: Uint8Array): number {
  const cost = new Float64Array(labels)
  let sum = 0
  for (const v of byPosition) {
    if (missing[v] === 0) continue
    cost[v] = parents[v]!.reduce((total, parent) => total + cost[parent]!, 1)
    sum += cost[v]
  }
  return sum / missing.reduce((count, one) => count + one, 0)
}

function random(share: number): Uint8Array {
  const words = new Uint32Array(keystream(seed, 0, 4 * labels).buffer)
  return Uint8Array.from(words, (word) => (word < share * 2 ** 32 ? 1 : 0))
}

const fewestFirst = [...neighbours.keys()].sort((a, b) => neighbours[a]!.length - neighbours[b]!.length)
/** Missing labels that are no neighbours of each other: each costs one evaluation. */
function apart(): Uint8Array {
  const missing = new Uint8Array(labels)
  for (const v of fewestFirst) if (neighbours[v]!.every((other) => missing[other] === 0)) missing[v] = 1
  return missing
}

function chosen(share: number): Uint8Array {
  const missing = apart()
  let count = missing.reduce((sum, one) => sum + one, 0)
  for (const v of fewestFirst) {
    if (count >= share * labels) break
    if (missing[v] === 1) continue
    missing[v] = 1
    count++
  }
  return missing
}

const oneEach = apart().reduce((count, one) => count + one, 0) / labels
const rows = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6].map((share) => ({ missing: share, random: evaluations(random(share)), chosen: share <= oneEach ? 1 : evaluations(chosen(share)) }))
if (values.json) console.log(JSON.stringify({ log2Leaves, oneEach, rows }, null, 2))
else {
  console.log(`${labels} labels of ${LABEL_BYTES} bytes; missing at one evaluation each: up to ${(100 * oneEach).toFixed(1)} %`)
  console.table(rows.map(({ missing, random, chosen }) => ({ 'missing %': 100 * missing, 'by chance': Number(random.toFixed(1)), chosen: Number(chosen.toFixed(1)) })))
}
