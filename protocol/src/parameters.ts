// A network's parameters. PROTOCOL section 3.
import { codec as codecOf, type Codec, MalformedError, names, Reader, strict, struct, u128, u16, u32, u8 } from './codec.ts'
import { memoryOpeningsLimit } from './memory/coins.ts'
import { offsets } from './schedule.ts'
import { unprovenSteps } from './unproven.ts'
import { VERSIONS, versionsText } from './version.ts'

/** What a network agreed on. Block counts and offsets in blocks, amounts in planck, shares in millionths. */
export interface Parameters {
  /** Version of the protocol. */
  version: number
  /** What a block's randomness is: 0 the relay parent's storage root in its validation data, 1 its own hash. */
  randomness: number
  /** The network does not know events before this block. */
  origin: number
  /** First block of round 0. */
  start: number
  /** L. */
  roundBlocks: number
  /** c. */
  confirmations: number
  epochRounds: number
  /** F. */
  seedOffset: number
  /** C. */
  commitOffset: number
  /** V. */
  packageOffset: number
  /** Blocks that an identity or a role waits before it is eligible. */
  waitBlocks: number
  /** k, checkers a machine has in a round. */
  committee: number
  /** m, mirrors a package has. */
  mirrors: number
  /** W, the stopwatch of a job, in milliseconds. */
  windowMs: number
  /** Matrices are 2^log2n wide at least. */
  log2n: number
  /** Cells that a machine opens. */
  samples: number
  /** A machine must open if its u16 draw is at most this: 65535 is always. */
  openShare: number
  /** Most steps of a chain. */
  maxSteps: number
  /** Payload of a bandwidth measurement, each way. */
  bandwidthBytes: number
  /** How far a paid reading may lie from the median. */
  bandPpm: number
  poolPerEpoch: bigint
  /** The machines' part of the pool; the rest is the checkers'. */
  machineSharePpm: number
  /** Smaller amounts are carried to the next epoch. */
  minimumPayout: bigint
  /** Blocks after which the next member may open the settlement. */
  attemptBlocks: number
  /** Matrices are 2^log2nMax wide at most; a machine takes what suits its device. */
  log2nMax: number
  /** A round's job is of memory, not of multiplications, if the beacon's u16 draw is below this: 0 is never. */
  memoryShare: number
  /** A segment of memory has 2^memoryLog2 leaves of 1 KiB. */
  memoryLog2: number
  /** A label of that memory costs 8 * 2^memoryPasses rounds of ChaCha. */
  memoryPasses: number
  /** Fewest segments that a machine may show. */
  memorySegments: number
  /** Part of the memory that a machine claims which it must show, in millionths. */
  memoryPpm: number
  /** Multiply-accumulates that a scanned byte is paid as. */
  memoryWeight: number
  /** Whether two machines may name one device: see `CheckMode`. */
  deviceCheck: CheckMode
  /** Whether a machine's run of the model may differ from the others': see `CheckMode`. */
  modelCheck: CheckMode
  /** How far an output of the model may lie from the fleet's median, in millionths. */
  modelTolerance: number
  /** Whether a machine's standing changes its pay: see `CheckMode`. */
  standingCheck: CheckMode
  /** Blocks of an hour, the unit of a bench. */
  hourBlocks: number
  /** Rounds that a machine must pass to leave probation. */
  probationRounds: number
  /** Rounds that it must pass to be trusted. */
  trustedRounds: number
  /** Whether a checker's measured quality weighs its votes and its pay: see `CheckMode`. */
  calibrationCheck: CheckMode
  /** Epochs that a settlement committee serves; 0: the founders for ever. */
  termEpochs: number
}

const CHECKS = { off: 0, shadow: 1, enforce: 2 } as const

/** A check is not made (off), made and shown (shadow), or made and paid on (enforce). */
export type CheckMode = keyof typeof CHECKS
export const CHECK_MODES = Object.keys(CHECKS) as CheckMode[]

const checkMode: Codec<CheckMode> = names(CHECKS)

/** Longest value of a storage item before peaq's spec 5. */
export const ITEM_BYTES = 128
/** Longest facts of a machine. */
export const FACTS_BYTES = 4096
/** Planck that an account must have to exist on peaq's first runtimes; later ones want more, and settlement then leaves smaller transfers out (PROTOCOL section 10). */
export const LEAST_MINIMUM_PAYOUT = 500n
/** No blob may be longer, whatever the parameters say. */
export const BLOB_BYTES_LIMIT = 64 * 2 ** 20

/** Those that this program knows. They have one layout. */
const knownVersion: Codec<number> = codecOf(u8.write, (from) => {
  const version = u8.read(from)
  if (version < VERSIONS.lowest || version > VERSIONS.highest) throw new MalformedError('BAD_VERSION', `version ${version}, this client knows ${versionsText(VERSIONS)}`)
  return version
})

/** With what the parameters of every version begin, for ever. */
const PREFIX = { randomness: u8, origin: u32, start: u32, roundBlocks: u16, confirmations: u8, epochRounds: u16, seedOffset: u16, commitOffset: u16, packageOffset: u16 } as const
const prefix = struct<ParametersPrefix>({ version: u8, ...PREFIX })

const codec = strict(
  'parameters',
  struct<Parameters>({
    version: knownVersion,
    ...PREFIX,
    waitBlocks: u16,
    committee: u8,
    mirrors: u8,
    windowMs: u32,
    log2n: u8,
    samples: u16,
    openShare: u16,
    maxSteps: u32,
    bandwidthBytes: u32,
    bandPpm: u32,
    poolPerEpoch: u128,
    machineSharePpm: u32,
    minimumPayout: u128,
    attemptBlocks: u16,
    log2nMax: u8,
    memoryShare: u16,
    memoryLog2: u8,
    memoryPasses: u8,
    memorySegments: u32,
    memoryPpm: u32,
    memoryWeight: u16,
    deviceCheck: checkMode,
    modelCheck: checkMode,
    modelTolerance: u32,
    standingCheck: checkMode,
    hourBlocks: u16,
    probationRounds: u16,
    trustedRounds: u16,
    calibrationCheck: checkMode,
    termEpochs: u16,
  }),
  { maxBytes: ITEM_BYTES },
)

/** The parameters as the chain stores them. @throws RangeError if a number does not fit its field */
export function encodeParameters(parameters: Parameters): Uint8Array {
  return codec.encode(parameters)
}

/** @throws MalformedError. Says nothing on sense: see `validateParameters`. */
export function decodeParameters(bytes: Uint8Array): Parameters {
  return codec.decode(bytes)
}

/** What can be read of the parameters of any version: it says when, and never changes in a network's life. */
export type ParametersPrefix = Pick<Parameters, 'version' | keyof typeof PREFIX>

/** The beginning of parameters of whatever version; null if these bytes cannot be any. */
export function readPrefix(bytes: Uint8Array): ParametersPrefix | null {
  if (bytes.length > ITEM_BYTES) return null
  try {
    return prefix.read(new Reader(bytes))
  } catch (error) {
    if (error instanceof MalformedError) return null
    throw error
  }
}

/** Whether these bytes may be an update of `founding` by a later version: in every version the prefix stays. */
export function continuesPrefix(founding: ParametersPrefix, next: ParametersPrefix): boolean {
  return (Object.keys(PREFIX) as (keyof typeof PREFIX)[]).every((name) => founding[name] === next[name])
}

/** Fields that an update must leave alone: everything that says when and from what a round is made. */
const FIXED = ['randomness', 'origin', 'start', 'roundBlocks', 'confirmations', 'epochRounds', 'seedOffset', 'commitOffset', 'packageOffset', 'termEpochs'] as const satisfies (keyof Parameters)[]

/** What keeps these parameters from founding a network: one sentence a problem, none if they are sound. */
export function validateParameters(parameters: Parameters): string[] {
  const p = parameters
  const at = offsets(p)
  const whole = (name: keyof Parameters, from: number, to: number): [boolean, string] => {
    const value = p[name]
    return [typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to, `${name} is ${value}; it must be an integer from ${from} to ${to}`]
  }
  const amount = (name: 'poolPerEpoch' | 'minimumPayout'): [boolean, string] => [p[name] >= 0n && p[name] < 1n << 96n, `${name} is ${p[name]}; it must be an amount in planck below 2^96, so that the sums of an epoch fit a u128`]
  const checks: [boolean, string][] = [
    whole('version', VERSIONS.lowest, VERSIONS.highest),
    whole('randomness', 0, 1),
    whole('origin', 0, 2 ** 32 - 1),
    whole('start', 0, 2 ** 32 - 1),
    whole('roundBlocks', 1, 65535),
    whole('confirmations', 0, 255),
    whole('epochRounds', 1, 65535),
    whole('seedOffset', 1, 65535),
    whole('commitOffset', 1, 65535),
    whole('packageOffset', 1, 65535),
    whole('waitBlocks', 0, 65535),
    whole('committee', 1, 255),
    whole('mirrors', 1, 255),
    whole('windowMs', 1, 600_000),
    whole('log2n', 6, 13),
    whole('samples', 1, 65535),
    whole('openShare', 0, 65535),
    whole('maxSteps', 1, 2 ** 18),
    whole('bandwidthBytes', 0, BLOB_BYTES_LIMIT),
    whole('bandPpm', 0, 1_000_000),
    whole('machineSharePpm', 0, 1_000_000),
    whole('attemptBlocks', 1, 65535),
    whole('log2nMax', p.log2n, 13),
    whole('memoryShare', 0, 65535),
    whole('memoryLog2', 6, 20),
    whole('memoryPasses', 0, 8),
    whole('memoryPpm', 0, 1_000_000),
    whole('memorySegments', 1, p.maxSteps),
    whole('memoryWeight', 0, 65535),
    [p.memoryShare === 0 || p.memorySegments <= mostSegments(p), `memorySegments is ${p.memorySegments}; with maxSteps ${p.maxSteps} and ${p.samples} samples no more than ${mostSegments(p)} segments can be proven in one chain`],
    whole('modelTolerance', 0, 2 ** 31 - 1),
    whole('hourBlocks', 1, 65535),
    whole('probationRounds', 0, 65535),
    whole('trustedRounds', p.probationRounds, 65535),
    whole('termEpochs', 0, 65535),
    amount('poolPerEpoch'),
    amount('minimumPayout'),
    [p.minimumPayout >= LEAST_MINIMUM_PAYOUT, `minimumPayout is ${p.minimumPayout}; it must be at least ${LEAST_MINIMUM_PAYOUT}, the least that an account can hold, so that no transfer fails for it`],
    [p.start + at.freeze >= p.origin, `start is ${p.start}; the first freeze, confirmations + 1 blocks before it, must not lie before origin ${p.origin}`],
    [at.seed > at.beaconKnown, `seedOffset is ${p.seedOffset}; it must be more than confirmations (${p.confirmations}), so that committees are known before the seed`],
    [at.commitTo >= at.commitFrom, `commitOffset is ${p.commitOffset}; it must be at least ${at.commitFrom}, or the commit window is empty`],
    [p.commitOffset <= p.roundBlocks, `commitOffset is ${p.commitOffset}; it must be at most roundBlocks (${p.roundBlocks}), so that commit windows do not overlap`],
    [at.packageBy > at.openKnown, `packageOffset is ${p.packageOffset}; it must be more than ${at.openKnown}, when the coins are known`],
    [at.packageBy < p.roundBlocks + at.commitFrom, `packageOffset is ${p.packageOffset}; it must be less than ${p.roundBlocks + at.commitFrom}, when the next round's commit window begins`],
    [openingsBytesLimit(p) <= BLOB_BYTES_LIMIT, `samples is ${p.samples}; with log2nMax ${p.log2nMax} and memoryLog2 ${p.memoryLog2} the openings could have ${openingsBytesLimit(p)} bytes, more than ${BLOB_BYTES_LIMIT}`],
  ]
  return checks.flatMap(([sound, problem]) => (sound ? [] : [problem]))
}

/** Segments that a chain of `maxSteps` steps can prove to have scanned, by what acceptance proves. */
export const mostSegments = ({ maxSteps, samples }: Pick<Parameters, 'maxSteps' | 'samples'>): number => (samples < 1 ? 0 : Math.max(0, maxSteps - unprovenSteps(maxSteps, samples)))

/** What keeps `next` from being an update of `current`, the newest before it: one sentence a problem, none if it takes effect. */
export function updateProblems(current: Parameters, next: Parameters): string[] {
  const lowered = next.version < current.version ? [`version is ${current.version} and cannot become ${next.version} again`] : []
  return [...lowered, ...FIXED.filter((name) => current[name] !== next[name]).map((name) => `${name} is ${current[name]} for the network's life and cannot become ${next[name]}`), ...validateParameters(next)]
}

/** What bounds the messages of a round. */
const WIDTHS = ['committee', 'maxSteps', 'log2nMax', 'memoryLog2', 'samples', 'bandwidthBytes'] as const satisfies (keyof Parameters)[]

/** The first of a ledger's parameters, with the greatest of all in each that bounds a message: who speaks by them understands whoever speaks by one of them. */
export function widestParameters(all: readonly { readonly parameters: Parameters }[]): Parameters {
  return { ...all[0]!.parameters, ...Object.fromEntries(WIDTHS.map((name) => [name, Math.max(...all.map(({ parameters }) => parameters[name]))])) }
}

/** Whether a message by `next` may be longer than any by `now`. */
export const isWider = (next: Parameters, now: Parameters): boolean => WIDTHS.some((name) => next[name] > now[name])

/** Bytes that a commitment blob of a network can have at most. */
export function commitmentBytesLimit({ committee, maxSteps }: Pick<Parameters, 'committee' | 'maxSteps'>): number {
  return 1 + 32 + 4 + 32 + 1 + 32 + 4 + maxSteps * 32 + 4 + committee * (32 + 64 + 4) + 4 + maxSteps * 32 + 64
}

/** Bytes that an openings blob of a network can have at most. */
export function openingsBytesLimit({ log2nMax, memoryLog2, samples }: Pick<Parameters, 'log2nMax' | 'memoryLog2' | 'samples'>): number {
  const cells = Math.max(samples * 2 * (4 * 2 ** log2nMax + 32 * log2nMax), memoryOpeningsLimit(samples, memoryLog2))
  return 16 + 32 + 4 + 32 + 32 + 2 + FACTS_BYTES + cells + 64
}

/** Bytes that a manifest can have at most with observations of, and evidence for, `machines` machines. */
export function manifestBytesLimit(_parameters: Parameters, machines: number): number {
  const observation = 32 + 1 + 1 + 32 + 4 + 32 + 4 + 4 + 4 + 4
  const evidence = 32 + 1 + 2 * 36 + 1 + 36
  return 1 + 32 + 4 + 32 + 32 + 4 + 4 + machines * (observation + evidence)
}

/** Parameters of a small network on a development chain with its own clock: rounds of 20 blocks, epochs of 2 rounds. */
export function devnetParameters(origin: number, start: number): Parameters {
  return {
    version: VERSIONS.lowest,
    randomness: 1,
    origin,
    start,
    roundBlocks: 20,
    confirmations: 1,
    epochRounds: 2,
    seedOffset: 3,
    commitOffset: 11,
    packageOffset: 18,
    waitBlocks: 2,
    committee: 3,
    mirrors: 2,
    windowMs: 2000,
    log2n: 9,
    samples: 64,
    openShare: 65535,
    maxSteps: 4096,
    bandwidthBytes: 2 ** 20,
    bandPpm: 300_000,
    poolPerEpoch: 1000n * 10n ** 18n,
    machineSharePpm: 800_000,
    minimumPayout: 10n ** 15n,
    attemptBlocks: 4,
    log2nMax: 9,
    memoryShare: 0,
    memoryLog2: 12,
    memoryPasses: 3,
    memorySegments: 4,
    memoryPpm: 1000,
    memoryWeight: 4,
    deviceCheck: 'shadow',
    modelCheck: 'shadow',
    modelTolerance: 1000,
    standingCheck: 'shadow',
    hourBlocks: 300,
    probationRounds: 8,
    trustedRounds: 128,
    calibrationCheck: 'shadow',
    termEpochs: 0,
  }
}
