// The pure rules once more, short and obvious, from docs/PROTOCOL.md sections 8 to 10 and from nothing in protocol/src but encodings: what the fast ones must agree with.
import { type AccountId, concat, fromHex, type Hash, toHex, u32le, utf8 } from '../src/bytes.ts'
import type { Crypto } from '../src/crypto.ts'
import type { CountedObservation, Examine } from '../src/examine.ts'
import type { RoundFacts } from '../src/ledger.ts'
import type { Manifest } from '../src/manifest.ts'
import type { Parameters } from '../src/parameters.ts'
import { type ReasonCode, reasonByte } from '../src/reasons.ts'

export interface ReferenceVerdict {
  machine: AccountId
  owner: AccountId
  outcome: string
  reason: ReasonCode
  median: number
  steps: number
  work: bigint
  /** Checkers whose observation is paid. */
  paid: AccountId[]
}

export interface ReferenceRound {
  round: number
  facts: RoundFacts
  verdicts: ReferenceVerdict[]
  checkers: { checker: AccountId; owner: AccountId; counted: boolean }[]
}

/** Section 8, without facts and models (no openings that show them), in a round of multiplications. */
export function referenceRound(facts: RoundFacts, packages: ReadonlyMap<AccountId, Manifest>, weights: ReadonlyMap<AccountId, number>, examine: Examine): ReferenceRound {
  const weightOf = (checker: AccountId): number => weights.get(checker) ?? 1_000_000
  const verdicts = facts.machines.map((machine): ReferenceVerdict => {
    const committee = facts.committee(machine.account)
    const counted: CountedObservation[] = []
    for (const checker of committee) for (const observation of packages.get(checker)?.observations ?? []) if (observation.machine === machine.account) counted.push({ checker, observation })
    const voices = counted.filter(({ checker }) => weightOf(checker) > 0)
    const weigh = (some: readonly CountedObservation[]): number => some.reduce((sum, { checker }) => sum + weightOf(checker), 0)
    const same = (a: CountedObservation, b: CountedObservation): boolean => a.observation.outcome === b.observation.outcome && a.observation.reason === b.observation.reason && a.observation.commitment === b.observation.commitment
    const quorum = voices.length >= Math.floor(committee.length / 2) + 1
    const majority = quorum ? voices.find((one) => weigh(voices.filter((other) => same(one, other))) > weigh(voices) / 2) : undefined
    const named = majority?.observation.outcome === 'RAN' ? majority.observation.commitment : null
    const { commitments, chain } = examine(machine, named, counted)
    const found = (): [string, ReasonCode] => {
      if (!quorum) return ['NO_QUORUM', 'TOO_FEW']
      if (commitments > 1) return ['EQUIVOCATION', 'TWO_COMMITMENTS']
      if (majority === undefined) return ['NO_QUORUM', 'NO_MAJORITY']
      if (majority.observation.outcome !== 'RAN') return [majority.observation.outcome, majority.observation.reason]
      if (chain === null) return ['NO_QUORUM', 'NO_EVIDENCE']
      if (chain === 'BAD_COMMITMENT') return ['FAIL', 'BAD_COMMITMENT']
      return chain.opened === null ? ['PASS', 'OK'] : [chain.opened.outcome, chain.opened.reason]
    }
    const [outcome, reason] = found()
    const good = chain === null || chain === 'BAD_COMMITMENT' ? null : chain
    const creditOf = (checker: AccountId): number => good?.readings.get(checker)?.credited ?? 0
    const credits = voices.map(({ checker }) => ({ credit: creditOf(checker), weight: weightOf(checker) })).toSorted((a, b) => a.credit - b.credit)
    const median = credits.find((_, i) => credits.slice(0, i + 1).reduce((sum, { weight }) => sum + weight, 0) >= weigh(voices) / 2)?.credit ?? 0
    const unproven = good === null ? 0 : Math.ceil((good.steps * Math.ceil(13_862_944 / facts.parameters.samples)) / 1_000_000)
    const steps = outcome === 'PASS' ? Math.max(0, median - unproven) : 0
    const paid = voices.filter((one) => {
      const right = good?.readings.get(one.checker)?.reason === 'OK' && (majority === undefined || same(one, majority))
      return right && median > 0 && BigInt(Math.abs(creditOf(one.checker) - median)) * 1_000_000n <= BigInt(facts.parameters.bandPpm) * BigInt(median)
    })
    return { machine: machine.account, owner: machine.identity.owner, outcome, reason, median, steps, work: BigInt(steps) * 2n ** BigInt(3 * (good?.log2n ?? 0)), paid: paid.map(({ checker }) => checker) }
  })
  return { round: facts.round, facts, verdicts, checkers: facts.checkers.map(({ account, identity }) => ({ checker: account, owner: identity.owner, counted: packages.has(account) })) }
}

/** Of a machine. */
export interface Known {
  passed: number
  run: number
  rungs: [fail: number, notRun: number, unreachable: number]
  strikes: [notRun: number, unreachable: number]
  until: number
}

/** Trials, or what is remembered of them. */
type Four = [muted: number, falseAccepts: number, shown: number, falseRejects: number]

/** What an epoch leaves. */
export interface ReferenceState {
  known: Map<AccountId, Known>
  carried: Map<AccountId, bigint>
  calibrations: Map<AccountId, Four>
}

export const REFERENCE_START: ReferenceState = { known: new Map(), carried: new Map(), calibrations: new Map() }

/** Section 16: what a word weighs in the epoch after this state, where calibration is enforced. */
export function referenceWeights(calibrationCheck: Parameters['calibrationCheck'], { calibrations }: ReferenceState): Map<AccountId, number> {
  const of = ([muted, falseAccepts, shown, falseRejects]: Four): number => Number((1_000_000n * BigInt(shown - falseRejects + 256) * BigInt(muted - falseAccepts + 256)) / (BigInt(shown + 256) * BigInt(muted + 256)))
  return new Map(calibrationCheck === 'enforce' ? [...calibrations].map(([checker, four]) => [checker, of(four) < 500_000 ? 0 : of(four)]) : [])
}

/** Sections 9 and 10 for rounds in ascending order, from what the epoch before left, and what canaries showed: the statement root, what each account earned, and what the epoch leaves. */
export function referenceEpoch(
  crypto: Crypto,
  network: AccountId,
  epoch: number,
  rounds: readonly ReferenceRound[],
  parameters: Parameters,
  before: ReferenceState,
  opened: { machines: ReadonlySet<AccountId>; trials: ReadonlyMap<AccountId, Four> },
): { root: Hash; earned: Map<string, bigint>; paid: bigint; carried: bigint; state: ReferenceState } {
  const enforced = parameters.standingCheck === 'enforce'
  const canaries = parameters.calibrationCheck === 'off' ? { machines: new Set<AccountId>(), trials: new Map<AccountId, Four>() } : opened
  const weights = referenceWeights(parameters.calibrationCheck, before)
  const known = structuredClone(before.known)
  const machines = new Map<AccountId, { owner: AccountId; rows: { level: number; verdict: ReferenceVerdict; round: number }[] }>()
  const startOf = (round: number): number => parameters.start + round * parameters.roundBlocks
  const bench = (of: Known, ladder: number, round: number): void => {
    of.rungs[ladder] = Math.min(4, of.rungs[ladder]! + 1)
    of.passed = of.run = 0
    of.until = startOf(round + 1) + 4 ** (of.rungs[ladder]! - 1) * parameters.hourBlocks
  }
  for (const { round, verdicts } of rounds)
    for (const verdict of verdicts) {
      const of = known.get(verdict.machine) ?? { passed: 0, run: 0, rungs: [0, 0, 0], strikes: [0, 0], until: 0 }
      known.set(verdict.machine, of)
      const trusted = of.passed >= parameters.trustedRounds && of.rungs.every((rung) => rung === 0)
      const level = parameters.standingCheck === 'off' ? 1 : startOf(round) < of.until ? 3 : of.passed < parameters.probationRounds ? 0 : trusted ? 2 : 1
      const machine = machines.get(verdict.machine) ?? { owner: verdict.owner, rows: [] }
      machines.set(verdict.machine, { owner: verdict.owner, rows: [...machine.rows, { level, verdict, round }] })
      if (parameters.standingCheck === 'off' || level === 3 || verdict.outcome === 'NO_QUORUM') continue
      if (verdict.outcome === 'PASS') {
        of.passed += 1
        of.run += 1
        of.strikes = [Math.max(0, of.strikes[0] - 1), Math.max(0, of.strikes[1] - 1)]
        if (of.run === 64) [of.run, of.rungs] = [0, [Math.max(0, of.rungs[0] - 1), Math.max(0, of.rungs[1] - 1), Math.max(0, of.rungs[2] - 1)]]
        continue
      }
      of.run = 0
      if (verdict.outcome === 'NOT_RUN' && (of.strikes[0] += 8) >= 64) [of.strikes[0]] = [0, bench(of, 1, round)]
      else if (verdict.outcome === 'UNREACHABLE' && (of.strikes[1] += 2) >= 64) [of.strikes[1]] = [0, bench(of, 2, round)]
      else if (!['NOT_RUN', 'UNREACHABLE'].includes(verdict.outcome)) bench(of, 0, round)
    }

  const forfeiting = ['FAIL', 'NOT_OPENED', 'EQUIVOCATION']
  const u = (value: bigint | number, bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n))
  const outcomes = ['PASS', 'FAIL', 'NOT_OPENED', 'EQUIVOCATION', 'NOT_RUN', 'UNREACHABLE', 'NO_QUORUM']
  interface Line {
    account: AccountId
    kind: number
    owner: AccountId
    score: bigint
    reason: ReasonCode
    rows: Uint8Array[]
  }
  const ascending = <T>(map: ReadonlyMap<AccountId, T>): [AccountId, T][] => [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const lines: Line[] = ascending(machines).map(([account, { owner, rows }]) => {
    const open = rows.filter(({ level }) => !(enforced && level === 3))
    const asked = open.filter(({ verdict }) => verdict.outcome !== 'NO_QUORUM').length
    const passed = open.filter(({ verdict }) => verdict.outcome === 'PASS').length
    const work = rows.reduce((sum, { level, verdict }) => sum + (enforced ? (verdict.work * [500_000n, 900_000n, 1_000_000n, 0n][level]!) / 1_000_000n : verdict.work), 0n)
    const forfeit = rows.find(({ verdict }) => forfeiting.includes(verdict.outcome))
    const canary = canaries.machines.has(account)
    const score = forfeit !== undefined || canary || asked === 0 ? 0n : (work * BigInt(passed)) / BigInt(asked)
    const reason = score > 0n ? 'OK' : (forfeit?.verdict.reason ?? (canary ? 'CANARY' : open.length < rows.length ? 'BENCHED' : (rows.find(({ verdict }) => verdict.reason !== 'OK')?.verdict.reason ?? 'NOTHING_PROVEN')))
    return { account, kind: 0, owner, score, reason, rows: rows.map(({ level, verdict, round }) => concat(u32le(round), u(outcomes.indexOf(verdict.outcome), 1), u(reasonByte(verdict.reason), 1), u(level, 1), u32le(verdict.median), u32le(verdict.steps), u(verdict.work, 16))) }
  })
  const checkers = new Map<AccountId, { owner: AccountId; rows: { round: number; paid: number; counted: boolean }[] }>()
  for (const [i, { round, verdicts, checkers: all }] of rounds.entries()) {
    const benched = new Set(enforced ? verdicts.filter((verdict) => machines.get(verdict.machine)!.rows.find((row) => row.round === rounds[i]!.round)!.level === 3) : [])
    const paid = verdicts.filter((verdict) => !benched.has(verdict) && !canaries.machines.has(verdict.machine)).flatMap((verdict) => verdict.paid)
    const counts = new Map<AccountId, number>()
    for (const checker of paid) counts.set(checker, (counts.get(checker) ?? 0) + 1)
    for (const { checker, owner, counted } of all) checkers.set(checker, { owner, rows: [...(checkers.get(checker)?.rows ?? []), { round, paid: counts.get(checker) ?? 0, counted }] })
  }
  for (const [account, { owner, rows }] of ascending(checkers)) {
    const weight = weights.get(account) ?? 1_000_000
    const score = rows.reduce((sum, { paid }) => sum + BigInt(paid * weight), 0n)
    const reason = score > 0n ? 'OK' : weight === 0 ? 'WEIGHTLESS' : rows.some(({ counted }) => !counted) ? 'NOT_HELD' : 'NOT_PAYABLE'
    lines.push({ account, kind: 1, owner, score, reason, rows: rows.map(({ round, paid, counted }) => concat(u32le(round), u32le(paid), u(reasonByte(counted ? 'OK' : 'NOT_HELD'), 1))) })
  }
  const machinePool = (parameters.poolPerEpoch * BigInt(parameters.machineSharePpm)) / 1_000_000n
  const pools = [machinePool, parameters.poolPerEpoch - machinePool]
  const totals = [0, 1].map((kind) => lines.filter((line) => line.kind === kind).reduce((sum, { score }) => sum + score, 0n))
  const earnedOf = ({ kind, score }: Line): bigint => (totals[kind] === 0n ? 0n : (pools[kind]! * score) / totals[kind]!)
  const owed = new Map(before.carried)
  for (const line of lines) owed.set(line.owner, (owed.get(line.owner) ?? 0n) + earnedOf(line))
  const greatest = new Set(ascending(owed).filter(([, amount]) => amount >= parameters.minimumPayout).toSorted(([, a], [, b]) => (a > b ? -1 : a < b ? 1 : 0)).slice(0, 100_000).map(([account]) => account))
  const payouts = ascending(owed).filter(([, amount]) => amount > 0n).map(([account, amount]) => ({ account, amount, paid: greatest.has(account) }))

  const S = (bytes: Uint8Array): Uint8Array => crypto.sha256(bytes)
  const tree = (leaves: readonly Uint8Array[]): Uint8Array => {
    if (leaves.length < 2) return leaves.length === 0 ? S(new Uint8Array()) : S(concat(Uint8Array.of(0), leaves[0]!))
    let half = 1
    while (half * 2 < leaves.length) half *= 2
    return S(concat(Uint8Array.of(1), tree(leaves.slice(0, half)), tree(leaves.slice(half))))
  }
  const scores = lines.map((line) => concat(fromHex(line.account), u(line.kind, 1), u(line.score, 16), u(reasonByte(line.reason), 1), u(earnedOf(line), 16), tree(line.rows)))
  const identities = lines.map(({ account, kind }) => {
    const { identity, anchor } = rounds.map(({ facts }) => (kind === 0 ? facts.machines : facts.checkers).find((one) => one.account === account)).findLast((one) => one !== undefined)!
    return concat(fromHex(account), u(kind, 1), fromHex(identity.owner), fromHex(identity.peer), fromHex(anchor))
  })
  const evidence = rounds.flatMap(({ facts, checkers: all }) =>
    all.filter(({ counted }) => counted).map(({ checker }) => concat(u32le(facts.round), fromHex(checker), fromHex(facts.reports.get(checker)!.item!.commitment), fromHex(facts.packageRoots.get(checker)!))),
  )
  const standings = ascending(known)
    .filter(([, of]) => of.passed + of.run + of.until + of.rungs[0] + of.rungs[1] + of.rungs[2] + of.strikes[0] + of.strikes[1] > 0)
    .map(([account, of]) => concat(fromHex(account), u32le(of.passed), Uint8Array.of(of.run, ...of.rungs, ...of.strikes), u32le(of.until)))
  const pays = payouts.map(({ account, amount, paid }) => concat(fromHex(account), u(amount - (before.carried.get(account) ?? 0n), 16), u(before.carried.get(account) ?? 0n, 16), u(paid ? amount : 0, 16), u(paid ? 0 : amount, 16)))
  const calibrations = new Map<AccountId, Four>()
  for (const checker of new Set([...before.calibrations.keys(), ...canaries.trials.keys()])) {
    const [old, more] = [before.calibrations.get(checker) ?? [0, 0, 0, 0], canaries.trials.get(checker) ?? [0, 0, 0, 0]]
    const four = old.map((value, i) => Math.floor((value * 7) / 8) + 256 * more[i]!) as Four
    if (four.some((value) => value > 0)) calibrations.set(checker, four)
  }
  const qualities = ascending(calibrations).map(([account, four]) => concat(fromHex(account), ...four.map(u32le)))
  const sumOf = (wanted: boolean): bigint => payouts.filter(({ paid }) => paid === wanted).reduce((sum, { amount }) => sum + amount, 0n)
  const statement = concat(Uint8Array.of(1), u32le(epoch), tree(scores), tree(pays), tree(identities), tree(evidence), tree(standings), tree(qualities), u(sumOf(true), 16), u(sumOf(false), 16))
  return { root: toHex(S(concat(utf8('assay/1/statement'), fromHex(network), statement))), earned: new Map(lines.map((line) => [`${line.kind} ${line.account}`, earnedOf(line)])), paid: sumOf(true), carried: sumOf(false), state: { known, carried: new Map(payouts.filter(({ paid }) => !paid).map(({ account, amount }) => [account, amount])), calibrations } }
}
