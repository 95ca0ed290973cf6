// What judging at scale costs one core: that each of 250,000 observations lies under its checker's report, by its audit path, and what it says.
//   node bench/memberships.ts [--json] [--observations 250000] [--machines 25000] [--checkers 10,10000] [--alone]
// Once for each number of checkers: few have long reports, many short ones.
// Reports of one observation a machine are made at a time, which is not counted, then verified and decoded, which is; so memory is that of these. Beside it, in turns, what it cost before:
// a path climbed whole for each leaf, hashes as hex, an observation encoded again to see that it is the one encoding. CPU time of this process counts. Exit code 1 above the limit.
// With --alone only what is measured runs, so that the memory is its own.
import { createHash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { concat, decodeObservation, encodeObservation, equalBytes, fromHex, type Hash, isHash, MerkleTree, MerkleVerifier, type Observation, observationLeaf, observationLeaves, reportRoot, toHex } from '@assay/protocol'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'

const LIMIT_MS = 5000

const { values } = parseArgs({ options: { json: { type: 'boolean' }, alone: { type: 'boolean' }, observations: { type: 'string', default: '250000' }, machines: { type: 'string', default: '25000' }, checkers: { type: 'string', default: '10,10000' } } })
const [observations, machines] = [values.observations, values.machines].map(Number) as [number, number]

const hashOf = (name: string): Hash => toHex(crypto.sha256(new TextEncoder().encode(name)))
const accounts = Array.from({ length: machines }, (_, i) => hashOf(`machine ${i}`)).sort()

interface Report {
  scope: Parameters<typeof observationLeaf>[1]
  root: Hash
  /** Encoded observations, each with its audit path. */
  members: { observation: Uint8Array; path: Uint8Array }[]
}

/** The report of the i-th checker, who looks at `size` machines, those after what the one before looked at. */
function reportOf(i: number, first: number, size: number): Report {
  const scope = { network: hashOf('network'), round: 1, checker: hashOf(`checker ${i}`), salt: hashOf(`salt ${i}`) }
  const looksAt = Array.from({ length: size }, (_, at) => accounts[(first + at) % machines]!).sort()
  const seen = looksAt.map((machine): Observation => ({ machine, outcome: 'RAN', reason: 'OK', commitment: machine, lastStep: 100 + i, lastKey: machine, downKbps: 1, upKbps: 2, rttUs: 3, firstUs: 4 }))
  const tree = new MerkleTree(crypto, observationLeaves(crypto, scope, seen))
  return { scope, root: reportRoot(crypto, scope, seen), members: seen.map((observation, at) => ({ observation: encodeObservation(observation), path: tree.path(at) })) }
}

/** The code that is measured: how many members verify. */
function verified({ scope, root, members }: Report): number {
  const verifier = new MerkleVerifier(crypto, fromHex(root), members.length)
  const leafOf = observationLeaf(crypto, scope)
  let right = 0
  for (const [i, { observation, path }] of members.entries()) if (verifier.verify(leafOf(observation), i, path) && decodeObservation(observation).outcome === 'RAN') right += 1
  return right
}

/** The same, written plainly. */
function plainlyVerified({ scope, root, members }: Report): number {
  const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest())
  const node = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(concat(Uint8Array.of(1), left, right))
  const leads = (leaf: Uint8Array, index: number, size: number, proof: Hash[]): Uint8Array => {
    if (size === 1) return sha256(concat(Uint8Array.of(0), leaf))
    let split = 1
    while (split * 2 < size) split *= 2
    const [sibling, rest] = [fromHex(proof.at(-1)!), proof.slice(0, -1)]
    return index < split ? node(leads(leaf, index, split, rest), sibling) : node(sibling, leads(leaf, index - split, size - split, rest))
  }
  let right = 0
  for (const [i, { observation, path }] of members.entries()) {
    const proof = Array.from({ length: path.length / 32 }, (_, at) => toHex(path.subarray(32 * at, 32 * at + 32)))
    const seen = decodeObservation(observation)
    const leaf = observationLeaf({ ...crypto, sha256 }, scope)(observation)
    if (proof.every(isHash) && toHex(leads(leaf, i, members.length, proof)) === root && equalBytes(encodeObservation(seen), observation)) right += 1
  }
  return right
}

function measure(checkers: number) {
  const each = Math.ceil(observations / checkers)
  if (each > machines) throw new Error(`${observations} observations of ${machines} machines need at least ${Math.ceil(observations / machines)} checkers`)
  const ways = { now: { verify: verified, cpuMs: 0, right: 0 }, ...(values.alone ? {} : { plain: { verify: plainlyVerified, cpuMs: 0, right: 0 } }) }
  let [before, peak] = [0, 0]
  const atOnce = Math.floor(machines / each)
  for (let first = 0; first * each < observations; first += atOnce) {
    const reports: Report[] = []
    for (let i = first; i < first + atOnce && i * each < observations; i++) reports.push(reportOf(i, i * each, Math.min(each, observations - i * each)))
    before ||= process.memoryUsage.rss()
    for (const way of Object.values(ways)) {
      const from = process.cpuUsage()
      for (const report of reports) way.right += way.verify(report)
      const { user, system } = process.cpuUsage(from)
      way.cpuMs += (user + system) / 1000
    }
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  for (const [name, { right }] of Object.entries(ways)) if (right !== observations) throw new Error(`${name}: ${right} of ${observations} are members`)
  const { now, plain } = ways
  return {
    observations,
    reports: Math.ceil(observations / each),
    'CPU ms': Math.round(now.cpuMs),
    'of the limit': Number((now.cpuMs / LIMIT_MS).toFixed(3)),
    ...(plain && { 'plainly, CPU ms': Math.round(plain.cpuMs), 'times faster': Number((plain.cpuMs / now.cpuMs).toFixed(1)) }),
    'peak memory, MB above the first reports': Math.round((peak - before) / 1e6),
  }
}

const results = values.checkers.split(',').map((checkers) => measure(Number(checkers)))
if (values.json) console.log(JSON.stringify(results))
else console.table(results)
process.exitCode = results.every((result) => result['CPU ms'] <= LIMIT_MS) ? 0 : 1
