// One machine through the rounds of an epoch: what befalls it is drawn, what it counts as and is paid is by the protocol's own rules. A run of rounds without an event is one step.
import { afterRound, forfeits, levelIn, NEW_STANDING, type Level, type Outcome, type Parameters, type Standing, workPaidOn } from '@assay/protocol'
import type { Random } from './random.ts'

/** How a machine behaves; chances are of one round. */
export interface Behaviour {
  name: string
  /** A single round is lost on the way: UNREACHABLE. */
  loss: number
  /** An outage begins, and its mean length in rounds: UNREACHABLE. */
  outage: number
  outageRounds: number
  /** The machine is busy or its engine fails: NOT_RUN. */
  decline: number
  /** It skips `skipped` of its rows, and saves as much work. */
  cheat: number
  skipped: number
  /** It serves so many names by turns: in all rounds but its own it declines. */
  turns: number
  /** It computes for so many names at once, for each a part. */
  names: number
  /** A benched name is left for a new one. */
  whitewash: boolean
  /** In league with malicious checkers. */
  league: boolean
}

export const HONEST: Behaviour = { name: 'honest', loss: 0.002, outage: 0.0005, outageRounds: 5, decline: 0.001, cheat: 0, skipped: 0, turns: 1, names: 1, whitewash: false, league: false }

/** What the committee draw does to a machine; chances are of one round. */
export interface Committees {
  /** Liars hold the majority. */
  captured: number
  /** By how much a captured committee reads an accomplice high: it counts what comes after the window. */
  overread: number
}

/** A machine's account, its past, and what became of it. */
export interface Actor {
  behaviour: Behaviour
  /** Of work, relative to the slowest class. */
  speed: number
  standing: Standing
  /** Rounds left of an outage. */
  down: number
  /** Rounds in which a new name is not eligible yet. */
  waiting: number
  /** Which turn is its own. */
  turn: number
}

export interface Tally {
  rounds: number
  passed: number
  asked: number
  /** In units of `WORK` a full round of speed 1. */
  work: bigint
  /** Device-rounds that it computed. */
  spent: number
  benched: number
  benches: number
  cheats: number
  caught: number
  framed: number
  level: Level
}

/** Work of a machine of speed 1 in a round. */
export const WORK = 1_000_000

/** The chance that a share of bad rows shows in `samples` openings. */
export const catchChance = (skipped: number, samples: number): number => 1 - (1 - skipped) ** samples

/** Plays one epoch of `rounds` rounds from round `first` on. Forfeited epochs have no work. */
export function playEpoch(random: Random, parameters: Parameters, actor: Actor, { captured, overread }: Committees, first: number, rounds: number): Tally {
  const { behaviour } = actor
  const tally: Tally = { rounds: 0, passed: 0, asked: 0, work: 0n, spent: 0, benched: 0, benches: 0, cheats: 0, caught: 0, framed: 0, level: 'PROBATION' }
  const caughtBy = catchChance(behaviour.skipped, parameters.samples)
  // A captured committee says of an honest machine that it was not there, of an accomplice that it did more.
  const frame = behaviour.league ? 0 : captured
  const share = 1 / behaviour.names
  const own = (round: number): boolean => round % behaviour.turns === actor.turn
  // Whatever can happen in a round, at once: most rounds nothing does.
  const eventful = 1 - (1 - behaviour.loss) * (1 - behaviour.outage) * (1 - behaviour.decline) * (1 - behaviour.cheat) * (1 - frame)
  let forfeited = false
  const fold = (round: number, outcome: Outcome, done: number): void => {
    const level = levelIn(parameters, actor.standing, round)
    tally.level = level
    const after = afterRound(parameters, actor.standing, round, outcome)
    if (after.benchedUntil > actor.standing.benchedUntil) tally.benches++
    actor.standing = after
    if (level === 'BENCHED') return void tally.benched++
    tally.asked++
    if (forfeits(outcome)) {
      forfeited = true
      tally.work = 0n
    }
    if (outcome !== 'PASS') return
    tally.passed++
    if (forfeited) return
    tally.work += workPaidOn(parameters.standingCheck, level, BigInt(Math.floor(done)))
  }
  let quiet = random.skip(eventful)
  for (let at = 0; at < rounds; at++) {
    const round = first + at
    if (actor.waiting > 0) {
      actor.waiting--
      continue
    }
    tally.rounds++
    if (actor.down > 0) {
      actor.down--
      fold(round, 'UNREACHABLE', 0)
      continue
    }
    if (!own(round)) {
      fold(round, 'NOT_RUN', 0)
      continue
    }
    const full = actor.speed * WORK * share
    tally.spent += share
    if (quiet > 0) {
      quiet--
      fold(round, 'PASS', full * (behaviour.league && random.next() < captured ? overread : 1))
    } else {
      quiet = random.skip(eventful)
      event(round, full)
    }
    if (behaviour.whitewash && actor.standing.benchedUntil > 0) {
      actor.standing = NEW_STANDING
      actor.waiting = Math.ceil(parameters.waitBlocks / parameters.roundBlocks) + 1
      forfeited = false
    }
  }
  return tally

  function event(round: number, full: number): void {
    const { loss, outage, decline, cheat } = behaviour
    let draw = random.next() * (loss + outage + decline + cheat + frame)
    if ((draw -= loss) < 0) return fold(round, 'UNREACHABLE', 0)
    if ((draw -= outage) < 0) {
      actor.down = random.skip(1 / behaviour.outageRounds)
      return fold(round, 'UNREACHABLE', 0)
    }
    if ((draw -= decline) < 0) return fold(round, 'NOT_RUN', 0)
    if ((draw -= frame) < 0) {
      tally.framed++
      return fold(round, 'UNREACHABLE', 0)
    }
    tally.cheats++
    tally.spent -= behaviour.skipped / behaviour.names
    if (random.next() >= caughtBy) return fold(round, 'PASS', full)
    tally.caught++
    fold(round, 'FAIL', 0)
  }
}
