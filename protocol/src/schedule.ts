// When what happens, in block heights. PROTOCOL section 4.
import type { Parameters } from './parameters.ts'

/** What the schedule depends on. It never changes in a network's life. */
export type ScheduleParameters = Pick<Parameters, 'start' | 'roundBlocks' | 'confirmations' | 'epochRounds' | 'seedOffset' | 'commitOffset' | 'packageOffset'>

/** Blocks after G in which a checker still takes a commitment. */
const COMMITMENT_BLOCKS = 3

/** The blocks of one round; as heights from `schedule`, as distances from S_r from `offsets`. "c deep" means that c blocks stand on it. */
export interface Schedule {
  /** S_r - (c+1): registry and parameters are frozen with this block. May be below 0 for round 0. */
  freeze: number
  /** S_r, the beacon block. */
  start: number
  /** S_r + c: the beacon is c deep at this best block. */
  beaconKnown: number
  /** The seed block. */
  seed: number
  /** G: the seed is c deep at this best block; nonces go out. */
  fire: number
  /** Last best block at which a checker takes a commitment. */
  commitmentBy: number
  /** First block of the commit window. */
  commitFrom: number
  /** Last block of the commit window, itself in it. */
  commitTo: number
  /** O: the open block. */
  open: number
  /** Coins are c deep at this best block. */
  openKnown: number
  /** V: packages are complete and published at this best block. */
  packageBy: number
  /** J: the commit window of r+2 is c deep at this best block; everything the judgement needs is on chain. */
  judgement: number
}

/** Distances of a round's blocks from its first block. */
export function offsets({ roundBlocks, confirmations: c, seedOffset, commitOffset, packageOffset }: ScheduleParameters): Schedule {
  const fire = seedOffset + c
  const open = commitOffset + c + 1
  return {
    freeze: -(c + 1),
    start: 0,
    beaconKnown: c,
    seed: seedOffset,
    fire,
    commitmentBy: fire + COMMITMENT_BLOCKS,
    commitFrom: fire + COMMITMENT_BLOCKS + 1,
    commitTo: commitOffset,
    open,
    openKnown: open + c,
    packageBy: packageOffset,
    judgement: commitOffset + 2 * roundBlocks + c,
  }
}

/** Heights of the blocks of round `round`. */
export function schedule(parameters: ScheduleParameters, round: number): Schedule {
  const from = roundStart(parameters, round)
  const { freeze, start, beaconKnown, seed, fire, commitmentBy, commitFrom, commitTo, open, openKnown, packageBy, judgement } = offsets(parameters)
  return {
    freeze: from + freeze,
    start: from + start,
    beaconKnown: from + beaconKnown,
    seed: from + seed,
    fire: from + fire,
    commitmentBy: from + commitmentBy,
    commitFrom: from + commitFrom,
    commitTo: from + commitTo,
    open: from + open,
    openKnown: from + openKnown,
    packageBy: from + packageBy,
    judgement: from + judgement,
  }
}

/** S_r, the first block of a round. */
export function roundStart({ start, roundBlocks }: Pick<ScheduleParameters, 'start' | 'roundBlocks'>, round: number): number {
  return start + round * roundBlocks
}

/** The round in which a block stands; negative before `start`. */
export function roundAt({ start, roundBlocks }: Pick<ScheduleParameters, 'start' | 'roundBlocks'>, block: number): number {
  return Math.floor((block - start) / roundBlocks)
}

/** The round whose commit window holds a block, or null. Windows never overlap. */
export function commitRoundAt(parameters: ScheduleParameters, block: number): number | null {
  const { commitFrom, commitTo } = offsets(parameters)
  const round = Math.floor((block - parameters.start - commitFrom) / parameters.roundBlocks)
  return round >= 0 && block <= roundStart(parameters, round) + commitTo ? round : null
}

/** The epoch of a round. */
export function epochOf({ epochRounds }: Pick<ScheduleParameters, 'epochRounds'>, round: number): number {
  return Math.floor(round / epochRounds)
}

/** The rounds of an epoch, ascending. */
export function roundsOf({ epochRounds }: Pick<ScheduleParameters, 'epochRounds'>, epoch: number): number[] {
  return Array.from({ length: epochRounds }, (_, i) => epoch * epochRounds + i)
}

/** J of the epoch's last round: the first best block at which the epoch can be settled. */
export function judgementOfEpoch(parameters: ScheduleParameters, epoch: number): number {
  return schedule(parameters, (epoch + 1) * parameters.epochRounds - 1).judgement
}
