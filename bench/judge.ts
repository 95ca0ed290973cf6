// What judging costs once the evidence is verified: an epoch of one round, from decoded packages to the statement root, for more and more observations; beside it, in the same run,
// the same rules written the plain way (protocol/testing/reference.ts). Committees are drawn in it; signatures and proofs are not (bench/prove-verify.ts, bench/memberships.ts).
// Wall and CPU seconds are medians of TURNS; CPU counts the threads that collect garbage too. The limits hold for wall time and memory: exit code 1 above one. On a busy machine wall time says how busy it is.
// node --expose-gc bench/judge.ts [--observations 250000,1000000] [--committee 10]
import { parseArgs } from 'node:util'
import { buildStatement, decideRound, EQUAL_WEIGHTS, FIRST_STATE, scoreEpoch, ZERO_HASH, type Hash } from '@assay/protocol'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { REFERENCE_START, referenceEpoch, referenceRound } from '@assay/protocol/testing/reference'
import { people, syntheticRound } from '@assay/protocol/testing/synthetic'

/** Limits: wall seconds and MiB for this many observations. */
const LIMITS = new Map([[250_000, { seconds: 1.5, mib: 200 }], [1_000_000, { seconds: 6, mib: 800 }]])
const TURNS = 5

await cryptoReady()
const { values } = parseArgs({ options: { observations: { type: 'string', default: '250000,1000000' }, committee: { type: 'string', default: '10' }, plain: { type: 'string', default: '250000' } } })
const committee = Number(values.committee)
const checkers = people(crypto, 'checker', 1000)
const collect = (): void => (globalThis as { gc?: () => void }).gc?.()
interface Seconds {
  wall: number
  cpu: number
}

/** What running `work` takes. */
function timed(work: () => void): Seconds {
  const [start, since] = [performance.now(), process.cpuUsage()]
  work()
  const { user, system } = process.cpuUsage(since)
  return { wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const rows: Record<string, unknown>[] = []
for (const observations of values.observations.split(',').map(Number)) {
  const round = syntheticRound({ crypto, round: 0, machines: people(crypto, 'machine', observations / committee), checkers, parameters: { committee, epochRounds: 1 } })
  const { facts, packages, examine } = round
  let root: Hash = ZERO_HASH
  let after = 0
  const judge = (): void => {
    const judgement = decideRound(facts, { packages, refused: new Map() }, EQUAL_WEIGHTS, examine)
    const judged = [{ facts, judgement }]
    const built = buildStatement(crypto, ZERO_HASH, scoreEpoch(0, [judgement], facts.parameters, FIRST_STATE), judged)
    root = built.root
    // While all of it is still held.
    after = process.memoryUsage().heapUsed
  }
  const turns: Seconds[] = []
  let most = 0
  for (let turn = 0; turn < TURNS; turn++) {
    collect()
    const before = process.memoryUsage().heapUsed
    turns.push(timed(judge))
    most = Math.max(most, after - before)
  }
  const [wall, cpu] = [median(turns.map((turn) => turn.wall)), median(turns.map((turn) => turn.cpu))]
  let plain: number | null = null
  if (observations <= Number(values.plain)) {
    collect()
    let twin: Hash = ZERO_HASH
    plain = timed(() => {
      twin = referenceEpoch(crypto, ZERO_HASH, 0, [referenceRound(facts, packages, EQUAL_WEIGHTS, examine)], facts.parameters, REFERENCE_START, { machines: new Set(), trials: new Map() }).root
    }).cpu
    if (twin !== root) throw new Error(`the plain way has another root: ${twin}, not ${root}`)
  }
  const limit = LIMITS.get(observations)
  const mib = most / 2 ** 20
  if (limit !== undefined && (wall > limit.seconds || mib > limit.mib)) process.exitCode = 1
  rows.push({
    observations, machines: facts.machines.length, 'wall s': wall.toFixed(2), 'of the limit': limit === undefined ? '' : (wall / limit.seconds).toFixed(2), 'CPU s': cpu.toFixed(2), 'CPU µs an observation': ((cpu * 1e6) / observations).toFixed(1),
    'MiB at most': Math.ceil(mib), 'MiB of the limit': limit === undefined ? '' : (mib / limit.mib).toFixed(2), 'plain way, CPU s': plain?.toFixed(2) ?? '', 'plain / ours': plain === null ? '' : (plain / cpu).toFixed(1),
  })
  console.error(`${observations} observations: root ${root}`)
}
console.table(rows)
