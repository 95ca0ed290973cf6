// Rounds of any size without keys and proofs: what evidence proves is made up, everything else is as a ledger has it. For property tests and benchmarks of the judgement.
import { type AccountId, type Hash, toHex, u32le, utf8, ZERO_HASH } from '../src/bytes.ts'
import { committeeOf } from '../src/beacon.ts'
import type { Crypto } from '../src/crypto.ts'
import type { Examine, Reading } from '../src/examine.ts'
import type { Registered, RoundFacts } from '../src/ledger.ts'
import type { Manifest } from '../src/manifest.ts'
import { devnetParameters, type Parameters } from '../src/parameters.ts'
import type { Observation } from '../src/report.ts'
import { schedule } from '../src/schedule.ts'

/** Numbers from 0 to below `below`, the same ones for the same seed (Marsaglia's xorshift32). */
export function numbers(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** An account from a name and a number. */
export const account = (crypto: Crypto, name: string, n: number): AccountId => toHex(crypto.sha256(Uint8Array.of(...utf8(name), ...u32le(n))))

/** Who is there, ascending. */
export const people = (crypto: Crypto, kind: 'machine' | 'checker', count: number, owners = count): Registered[] =>
  Array.from({ length: count }, (_, n): Registered => {
    const own = account(crypto, kind, n)
    return { account: own, anchor: account(crypto, 'anchor', n), block: 1, identity: { kind, network: ZERO_HASH, account: own, owner: account(crypto, 'owner', n % owners), peer: account(crypto, `peer of ${kind}`, n), addresses: [], evidence: [] } }
  }).toSorted((a, b) => (a.account < b.account ? -1 : 1))

export interface SyntheticOptions {
  crypto: Crypto
  round: number
  machines: readonly Registered[]
  checkers: readonly Registered[]
  parameters?: Partial<Parameters>
  seed?: number
  /** Of 1000 observations: how many say UNREACHABLE, NOT_RUN, or name another commitment; how many packages do not count; of 1000 machines: how many have bad openings. */
  unreachable?: number
  notRun?: number
  otherwise?: number
  withheld?: number
  bad?: number
}

export interface SyntheticRound {
  facts: RoundFacts
  packages: Map<AccountId, Manifest>
  examine: Examine
}

/** A round in which each machine did about 500 steps, and its checkers read about that. */
export function syntheticRound({ crypto, round, machines, checkers, parameters: change = {}, seed = 1, unreachable = 10, notRun = 10, otherwise = 2, withheld = 10, bad = 5 }: SyntheticOptions): SyntheticRound {
  const next = numbers(seed * 1_000_003 + round * 7919)
  const parameters = { ...devnetParameters(0, 100), ...change }
  const beacon = account(crypto, `beacon ${seed}`, round)
  const accounts = checkers.map((one) => one.account)
  const committee = (machine: AccountId): AccountId[] => committeeOf(crypto, beacon, machine, accounts, parameters.committee)
  const observations = new Map(accounts.map((checker) => [checker, [] as Observation[]]))
  const verdicts = new Map<AccountId, { commitment: Hash; bad: boolean }>()
  for (const { account: machine } of machines) {
    const commitment = account(crypto, machine, round)
    verdicts.set(machine, { commitment, bad: next(1000) < bad })
    const steps = 400 + next(200)
    const gone = next(1000) < unreachable
    const idle = next(1000) < notRun
    for (const checker of committee(machine)) {
      const rates = { machine, downKbps: 80_000 + next(100), upKbps: 40_000 + next(100), rttUs: 900 + next(100), firstUs: 300_000 }
      const absent = { commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH }
      const own = observations.get(checker)!
      if (gone || next(1000) < unreachable) own.push({ ...rates, outcome: 'UNREACHABLE', reason: 'UNREACHABLE', ...absent })
      else if (idle || next(1000) < notRun) own.push({ ...rates, outcome: 'NOT_RUN', reason: 'BUSY', ...absent })
      else own.push({ ...rates, outcome: 'RAN', reason: 'OK', commitment: next(1000) < otherwise ? account(crypto, 'other', round) : commitment, lastStep: Math.floor((steps * (950 + next(100))) / 1000), lastKey: ZERO_HASH })
    }
  }
  const packages = new Map<AccountId, Manifest>()
  for (const [checker, own] of observations) if (next(1000) >= withheld) packages.set(checker, { network: ZERO_HASH, round, checker, salt: ZERO_HASH, observations: own, evidence: [] })
  const facts: RoundFacts = {
    network: ZERO_HASH, round, parameters, schedule: schedule(parameters, round), machines, checkers, beacon, kind: 'COMPUTE', fillSeedOf: () => null, seedOf: () => null, openRandomness: null, committee, mirrors: () => [], mustOpen: () => true, coins: () => null,
    reports: new Map(accounts.map((checker) => [checker, { block: 1, item: { round, commitment: account(crypto, 'report', round), previousPackage: ZERO_HASH, held: new Uint8Array() } }])),
    packageRoots: new Map(accounts.map((checker) => [checker, account(crypto, 'root', round)])),
    counted: new Map(),
    complete: true,
  }
  const examine: Examine = (machine, named, counted) => {
    const { commitment, bad } = verdicts.get(machine.account)!
    if (named !== commitment) return { commitments: 1, chain: null }
    const readings = new Map<AccountId, Reading>()
    for (const { checker, observation } of counted) if (observation.commitment === named) readings.set(checker, { credited: observation.lastStep, reason: 'OK' })
    return { commitments: 1, chain: { log2n: 9, segments: 0, steps: 700, readings, opened: bad ? { outcome: 'FAIL', reason: 'WRONG_PRODUCT', shown: null } : null } }
  }
  return { facts, packages, examine }
}
