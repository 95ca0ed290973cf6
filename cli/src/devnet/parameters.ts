// What a development network runs on.
import { devnetParameters, type Parameters } from '@assay/protocol'

/**
 * Parameters of a network whose first round begins at block `start`. Rounds are as short as the schedule of one confirmation allows, so that an epoch
 * is paid soon; every other checker is a mirror, so that a third of liars cannot vouch for a package that nobody else holds; a quarter of the rounds are of memory.
 */
export const networkParameters = (origin: number, start: number): Parameters => ({ ...devnetParameters(origin, start), roundBlocks: 13, commitOffset: 10, packageOffset: 15, mirrors: 255, memoryShare: 16384 })
