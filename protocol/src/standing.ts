// What a machine's past is worth: a fold over the outcomes of its rounds, PROTOCOL section 9.1. It never changes a verdict, only what is paid for one.
import type { Outcome } from './judge.ts'
import type { CheckMode, Parameters } from './parameters.ts'
import { roundStart } from './schedule.ts'

/** What a machine counts as in a round. */
export type Level = 'PROBATION' | 'STANDARD' | 'TRUSTED' | 'BENCHED'

/**
 * What is remembered of a machine. Each ladder has rungs 0 to 4; a rung is climbed with each bench of its kind and sets the next one's length.
 * All zero is a machine of which nothing is known.
 */
export interface Standing {
  /** Rounds passed since the last bench, or ever. */
  passed: number
  /** Of these, the last in a row without any other outcome, since a rung was climbed down. */
  run: number
  failRung: number
  notRunRung: number
  unreachableRung: number
  notRunStrikes: number
  unreachableStrikes: number
  /** First block at which the machine is no longer benched; 0 if it never was. */
  benchedUntil: number
}

export const NEW_STANDING: Readonly<Standing> = { passed: 0, run: 0, failRung: 0, notRunRung: 0, unreachableRung: 0, notRunStrikes: 0, unreachableStrikes: 0, benchedUntil: 0 }

/** Hours of a bench by rung, from rung 1. */
const BENCH_HOURS = [1, 4, 16, 64] as const
const TOP_RUNG = BENCH_HOURS.length
/** Strikes that bench. A round passed takes one away, so whoever misses fewer than one round in 9 (NOT_RUN) or in 3 (UNREACHABLE) drifts down. */
const STRIKES = 64
const NOT_RUN_STRIKES = 8
const UNREACHABLE_STRIKES = 2
/** Rounds passed in a row by which every ladder is climbed down a rung. */
const CLEAN_RUN = 64
const MOST_PASSED = 2 ** 32 - 1

/** Parameters that standing depends on. */
export type StandingParameters = Pick<Parameters, 'start' | 'roundBlocks' | 'standingCheck' | 'hourBlocks' | 'probationRounds' | 'trustedRounds'>

/** What a machine counts as in round `round`, by what was remembered of it before that round. */
export function levelIn(parameters: StandingParameters, standing: Standing, round: number): Level {
  if (roundStart(parameters, round) < standing.benchedUntil) return 'BENCHED'
  if (standing.passed < parameters.probationRounds) return 'PROBATION'
  const clean = standing.failRung + standing.notRunRung + standing.unreachableRung === 0
  return clean && standing.passed >= parameters.trustedRounds ? 'TRUSTED' : 'STANDARD'
}

/**
 * What is remembered after a round. Rounds must come in ascending order, each once. In a round in which the machine was benched nothing counts, and NO_QUORUM never does:
 * what its checkers failed at costs it nothing. A bench begins with the next round, so that rounds already under way climb no further rung.
 */
export function afterRound(parameters: StandingParameters, standing: Standing, round: number, outcome: Outcome): Standing {
  if (outcome === 'NO_QUORUM' || levelIn(parameters, standing, round) === 'BENCHED') return standing
  switch (outcome) {
    case 'PASS':
      return passed(standing)
    case 'NOT_RUN': {
      const notRunStrikes = standing.notRunStrikes + NOT_RUN_STRIKES
      return notRunStrikes < STRIKES ? { ...standing, run: 0, notRunStrikes } : benched(parameters, { ...standing, notRunStrikes: 0 }, 'notRunRung', round)
    }
    case 'UNREACHABLE': {
      const unreachableStrikes = standing.unreachableStrikes + UNREACHABLE_STRIKES
      return unreachableStrikes < STRIKES ? { ...standing, run: 0, unreachableStrikes } : benched(parameters, { ...standing, unreachableStrikes: 0 }, 'unreachableRung', round)
    }
    case 'FAIL':
    case 'NOT_OPENED':
    case 'EQUIVOCATION':
      return benched(parameters, standing, 'failRung', round)
  }
}

const down = (value: number): number => Math.max(0, value - 1)

function passed(standing: Standing): Standing {
  const run = standing.run + 1
  const counted = { ...standing, passed: Math.min(MOST_PASSED, standing.passed + 1), notRunStrikes: down(standing.notRunStrikes), unreachableStrikes: down(standing.unreachableStrikes) }
  if (run < CLEAN_RUN) return { ...counted, run }
  return { ...counted, run: 0, failRung: down(standing.failRung), notRunRung: down(standing.notRunRung), unreachableRung: down(standing.unreachableRung) }
}

function benched(parameters: StandingParameters, standing: Standing, ladder: 'failRung' | 'notRunRung' | 'unreachableRung', round: number): Standing {
  const rung = Math.min(TOP_RUNG, standing[ladder] + 1)
  return { ...standing, [ladder]: rung, passed: 0, run: 0, benchedUntil: roundStart(parameters, round + 1) + BENCH_HOURS[rung - 1]! * parameters.hourBlocks }
}

const FACTORS: Readonly<Record<Level, bigint>> = { PROBATION: 500_000n, STANDARD: 900_000n, TRUSTED: 1_000_000n, BENCHED: 0n }
const MILLION = 1_000_000n

/** What of its work a machine is paid on, in the unit of `work`: a part by its level where standing is enforced, else all. */
export const workPaidOn = (mode: CheckMode, level: Level, work: bigint): bigint => (mode === 'enforce' ? (work * FACTORS[level]) / MILLION : work)

/** True if nothing is remembered that a new machine would not have. */
export const isNewStanding = (standing: Standing): boolean => Object.values(standing).every((value) => value === 0)
