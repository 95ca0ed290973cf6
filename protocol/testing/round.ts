// A network in small, played out block by block: real keys, real proofs of 64 x 64 matrices, real manifests and blobs. Hooks let anybody in it lie.
import { type AccountId, type Hash, toHex, utf8, ZERO_HASH } from '../src/bytes.ts'
import { type Cell, firstKey, stepKey } from '../src/compute/chain.ts'
import { draw } from '../src/compute/coins.ts'
import { ReferenceProver } from '../src/compute/prove.ts'
import { type Facts, factsId } from '../src/device/facts.ts'
import { gatherEvidence, type LoadBlob, type RoundEvidence } from '../src/evidence.ts'
import { applyBlock, emptyLedger, type Ledger, type LedgerBlock, type LedgerEvent, roundFacts, type RoundFacts } from '../src/ledger.ts'
import { type BlobRef, blobId, encodeManifest, type MachineEvidence, type Manifest } from '../src/manifest.ts'
import { drawMemory } from '../src/memory/coins.ts'
import { devnetParameters, encodeParameters, type Parameters, validateParameters } from '../src/parameters.ts'
import { encodeReportItem, heldBitmap, type Observation, type ReportItem, reportRoot } from '../src/report.ts'
import { judgementOfEpoch, schedule } from '../src/schedule.ts'
import { checkerRoleId, PARAMETERS_KEY, reportKey } from '../src/storage-keys.ts'
import { chainSeed, commitmentDigest, encodeCommitmentBlob, encodeOpeningsBlob, type Fold, nonceMessage, nonceOf, type WorkCommitment } from '../src/work.ts'
import { accountOf, type Actor, actor, testCrypto as crypto } from './actors.ts'
import { actorFacts } from './actor-facts.ts'
import { LyingMemoryProver, type MemoryLies } from './memory.ts'
import { type Lie, LyingProver } from './prover.ts'

/** What a machine does in a round; all of it has honest defaults. */
export interface Behaviour {
  /** What its checkers see of it. */
  outcome?: Observation['outcome']
  /** Steps that it commits to, 12 by default. */
  steps?: number
  /** Steps that a checker sees within its window after its nonce; 4 fewer than all by default. */
  window?: number
  /** At which step it folds the nonce of the committee's member at a place; by default the place itself, null leaves it out. */
  foldAt?: (place: number) => number | null
  /** The last step that the committee's member at a place sees in time; by default what `window` says. */
  seen?: (place: number) => number
  /** What it commits to in place of honest rows. */
  lie?: Lie
  /** How it lies in a memory round, and how many segments it shows instead of the least. */
  memory?: MemoryLies & { segments?: number; fillSeed?: Uint8Array }
  /** Changes what it says of itself. */
  facts?: (facts: Facts) => Facts
  /** Changes the commitment before it is signed. */
  commitment?: (commitment: WorkCommitment) => WorkCommitment
  /** False if it falls silent when it should open. */
  opens?: boolean
  /** Changes its openings of these cells before it signs them. */
  opening?: (openings: Uint8Array, cells: readonly Cell[]) => Uint8Array
}

/** What a machine has shown of its work. */
export interface Work {
  commitment: WorkCommitment
  blob: Uint8Array
  id: Hash
  /** key_0 ... key_T. */
  keys: Uint8Array[]
  /** Steps within a checker's window. */
  window: number
  /** A signed openings blob for these coins. */
  open(coins: Uint8Array): Uint8Array
}

/** Who lies, and how. Each hook gets what an honest actor would say and returns what is said instead; null says nothing. */
export interface Hooks {
  machine?: (machine: Actor, round: number) => Behaviour
  observe?: (checker: Actor, round: number, observations: Observation[]) => Observation[]
  report?: (checker: Actor, round: number, item: ReportItem) => ReportItem | Uint8Array | null
  /** `put` stores a further blob. */
  publish?: (checker: Actor, round: number, manifest: Manifest, put: (bytes: Uint8Array) => BlobRef) => Manifest | Uint8Array | null
  /** Whether a mirror says that it holds a package. */
  holds?: (mirror: Actor, of: Actor, round: number) => boolean
  /** More events of a block. */
  events?: (block: number) => LedgerEvent[]
}

export interface NetworkOptions {
  checkers?: number
  machines?: number
  epochs?: number
  /** Name of the chain: another name, other blocks, and with them other chance. */
  chain?: string
  parameters?: Partial<Parameters>
  /** Name of an actor's owner. */
  ownerOf?: (name: string) => string
}

/** A network after its rounds were played, with all evidence. */
export interface PlayedNetwork {
  network: AccountId
  parameters: Parameters
  machines: Actor[]
  checkers: Actor[]
  ledger: Ledger
  /** All blocks of the ledger. */
  blocks: LedgerBlock[]
  blobs: Map<Hash, Uint8Array>
  load: LoadBlob
  /** What machines showed, by round and machine. */
  works: Map<number, Map<AccountId, Work>>
}

/** Deterministic randomness: the hash of block `number`. */
export const blockHash = (number: number, chain = 'block'): Hash => toHex(crypto.sha256(utf8(`${chain} ${number}`)))

/** Parameters with small, quick proofs. */
export const smallParameters = (change: Partial<Parameters> = {}): Parameters => ({ ...devnetParameters(1, 10), log2n: 6, log2nMax: 6, memoryLog2: 6, memorySegments: 3, maxSteps: 64, waitBlocks: 1, ...change })

/** Plays all rounds of the first epochs up to the block after the last judgement. */
export function playNetwork({ checkers: checkerCount = 3, machines: machineCount = 2, epochs = 1, chain = 'block', parameters: change = {}, ownerOf = (name) => `owner of ${name}` }: NetworkOptions = {}, hooks: Hooks = {}): PlayedNetwork {
  const parameters = smallParameters(change)
  const problems = validateParameters(parameters)
  if (problems.length > 0) throw new Error(problems.join('; '))
  const network = accountOf('network')
  const make = (kind: Actor['kind'], count: number): Actor[] => Array.from({ length: count }, (_, i) => actor(kind, `${kind} ${i}`, ownerOf(`${kind} ${i}`)))
  const [machines, checkers] = [make('machine', machineCount), make('checker', checkerCount)]
  const byAccount = new Map([...machines, ...checkers].map((one) => [one.account, one]))
  const blobs = new Map<Hash, Uint8Array>()
  const put = (bytes: Uint8Array): BlobRef => {
    const id = blobId(crypto, bytes)
    blobs.set(id, bytes)
    return { id, size: bytes.length }
  }

  const founding: LedgerEvent[] = [
    { kind: 'item', who: network, key: PARAMETERS_KEY, value: encodeParameters(parameters), update: false },
    ...checkers.map(({ account }): LedgerEvent => ({ kind: 'role', owner: network, role: checkerRoleId(crypto), user: account, assigned: true })),
    ...[...checkers, ...machines].flatMap((one) => one.registration(network)),
  ]
  // Nobody works in the two rounds after, whose reports carry the package roots and the bits.
  const endRound = epochs * parameters.epochRounds
  const works = new Map<number, Map<AccountId, Work>>()
  const observed = new Map<string, Observation[]>()
  const roots = new Map<string, Hash>()
  const key = (checker: Actor, round: number): string => `${round} ${checker.account}`
  let ledger = emptyLedger(network)
  const blocks: LedgerBlock[] = []
  const actorFacts = (round: number): RoundFacts => roundFacts(crypto, ledger, round)!
  const saltOf = (checker: Actor, round: number): Hash => toHex(crypto.sha256(utf8(`salt of ${checker.name} in ${round}`)))

  const workOf = (round: number): Map<AccountId, Work> => {
    const facts = actorFacts(round)
    return new Map(facts.machines.map(({ account }) => [account, work(facts, byAccount.get(account)!, (checker) => byAccount.get(checker)!, hooks.machine?.(byAccount.get(account)!, round) ?? {})]))
  }
  const observationsOf = (checker: Actor, round: number): Observation[] => {
    if (round >= endRound) return []
    const facts = actorFacts(round)
    const honest = facts.machines.filter(({ account }) => facts.committee(account).includes(checker.account)).map(({ account }): Observation => {
      const { outcome = 'RAN', seen: lastSeen } = hooks.machine?.(byAccount.get(account)!, round) ?? {}
      const seen = { machine: account, outcome, downKbps: 80_000, upKbps: 40_000, rttUs: 900 + checkers.indexOf(checker), firstUs: 300_000 + 100 * checkers.indexOf(checker) }
      if (outcome !== 'RAN') return { ...seen, reason: outcome === 'NOT_RUN' ? 'BUSY' : 'UNREACHABLE', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH }
      const { id, commitment, keys, window } = works.get(round)!.get(account)!
      const fold = commitment.folds.find((one) => one.checker === checker.account)
      const lastStep = lastSeen?.(facts.committee(account).indexOf(checker.account)) ?? Math.min((fold?.step ?? 0) + window, keys.length - 1)
      return { ...seen, reason: 'OK', commitment: id, lastStep, lastKey: toHex(keys[lastStep]!) }
    })
    return hooks.observe?.(checker, round, honest) ?? honest
  }
  /** The package root of a round, once its open block is known; zeros if there is no package. */
  const publish = (checker: Actor, round: number): Hash => {
    const facts = actorFacts(round)
    const evidence = observed.get(key(checker, round))!.filter(({ outcome }) => outcome === 'RAN').flatMap(({ machine }): MachineEvidence[] => {
      const shown = works.get(round)?.get(machine)
      if (shown === undefined) return []
      const { opens = true } = hooks.machine?.(byAccount.get(machine)!, round) ?? {}
      return [{ machine, commitments: [put(shown.blob)], openings: opens && facts.mustOpen(machine) ? [put(shown.open(facts.coins(machine, shown.id)!))] : [] }]
    })
    const honest: Manifest = { network, round, checker: checker.account, salt: saltOf(checker, round), observations: observed.get(key(checker, round))!, evidence }
    const said = hooks.publish === undefined ? honest : hooks.publish(checker, round, honest, put)
    if (said === null) return ZERO_HASH
    return put(said instanceof Uint8Array ? said : encodeManifest(said)).id
  }
  const report = (checker: Actor, round: number): LedgerEvent[] => {
    observed.set(key(checker, round), observationsOf(checker, round))
    const previousPackage = round > 0 ? publish(checker, round - 1) : ZERO_HASH
    roots.set(key(checker, round - 1), previousPackage)
    const places = round < 2 ? [] : actorFacts(round - 2).checkers.flatMap(({ account }, place) => {
      const of = byAccount.get(account)!
      const published = (roots.get(key(of, round - 2)) ?? ZERO_HASH) !== ZERO_HASH && actorFacts(round - 2).mirrors(account).includes(checker.account)
      return published && (hooks.holds?.(checker, of, round - 2) ?? true) ? [place] : []
    })
    const commitment = reportRoot(crypto, { network, round, checker: checker.account, salt: saltOf(checker, round) }, observed.get(key(checker, round))!)
    const honest: ReportItem = { round, commitment, previousPackage, held: heldBitmap(actorFacts(Math.max(0, round - 2)).checkers.length, places) }
    const said = hooks.report === undefined ? honest : hooks.report(checker, round, honest)
    if (said === null) return []
    return [{ kind: 'item', who: checker.account, key: reportKey(network), value: said instanceof Uint8Array ? said : encodeReportItem(said), update: round > 0 }]
  }

  const played = new Map(Array.from({ length: endRound + 2 }, (_, round) => [schedule(parameters, round).commitTo, round]))
  for (let number = 1; number <= judgementOfEpoch(parameters, epochs - 1); number++) {
    const round = played.get(number)
    if (round !== undefined && round < endRound) works.set(round, workOf(round))
    const events = [...(number === 1 ? founding : []), ...(round === undefined ? [] : checkers.flatMap((checker) => report(checker, round))), ...(hooks.events?.(number) ?? [])]
    const block: LedgerBlock = { number, hash: blockHash(number, chain), parentHash: blockHash(number - 1, chain), relayRoot: null, events }
    blocks.push(block)
    ledger = applyBlock(crypto, ledger, block)
  }
  return { network, parameters, machines, checkers, ledger, blocks, blobs, load: async (id) => blobs.get(id), works }
}

/** Facts and evidence of one played round: what `judgeRound` takes. */
export async function roundOf({ ledger, load }: PlayedNetwork, round: number): Promise<{ facts: RoundFacts; evidence: RoundEvidence; missing: Hash[] }> {
  const facts = roundFacts(crypto, ledger, round)!
  return { facts, ...(await gatherEvidence(crypto, facts, load)) }
}

/** What a machine commits to and opens in a round. */
export function work(facts: RoundFacts, machine: Actor, actorOf: (checker: AccountId) => Actor, { steps = 12, window = steps - 4, foldAt = (place) => place, lie, memory, facts: say, commitment: change = (same) => same, opening = (same) => same }: Behaviour = {}): Work {
  const { network, round, kind, parameters: { log2n, memoryLog2, memoryPasses, memorySegments, samples } } = facts
  const seed = facts.seedOf(machine.account)!
  const folds = facts
    .committee(machine.account)
    .flatMap((checker, place): Fold[] => {
      const step = foldAt(place)
      return step === null ? [] : [{ checker, step, signature: actorOf(checker).sign(nonceMessage(network, round, facts.beacon!, machine.account, checker)) }]
    })
    .toSorted((a, b) => a.step - b.step || (a.checker < b.checker ? -1 : 1))
  const noncesAt = (step: number): Uint8Array[] => folds.filter((fold) => fold.step === step).map(({ signature }) => nonceOf(crypto, signature))
  const scanned = kind === 'MEMORY' ? new LyingMemoryProver(crypto, { fillSeed: facts.fillSeedOf(machine.account)!, log2Leaves: memoryLog2, log2Passes: memoryPasses, segments: memorySegments, ...memory }, memory) : undefined
  const multiplied = scanned !== undefined ? undefined : lie === undefined ? new ReferenceProver(crypto, seed, log2n) : new LyingProver(crypto, seed, log2n, lie)
  const fill = [...(scanned?.fillRoots ?? [])]
  const keys = [firstKey(crypto, chainSeed(crypto, seed, fill), noncesAt(0))]
  const roots: Uint8Array[] = []
  for (let step = 1; step <= steps; step++) {
    roots.push((scanned ?? multiplied!).step(keys.at(-1)!))
    keys.push(stepKey(crypto, keys.at(-1)!, roots.at(-1)!, noncesAt(step)))
  }
  const shown = actorFacts(machine.name, say)
  const commitment = change({ network, round, machine: machine.account, log2n: scanned === undefined ? log2n : memoryLog2, facts: factsId(crypto, shown), fill, folds, roots })
  const blob = signCommitment(machine, commitment)
  const id = blobId(crypto, blob)
  const opened = new Map<Hash, Uint8Array>()
  const open = (coins: Uint8Array): Uint8Array => {
    const openings = (): Uint8Array => {
      if (scanned !== undefined) return opening(scanned.open(drawMemory(crypto, coins, memoryLog2, commitment.roots.length, samples)), [])
      const { cells } = draw(crypto, coins, 2 ** log2n, commitment.roots.length, samples)
      return opening(multiplied!.open(cells), cells)
    }
    const known = opened.get(toHex(coins)) ?? openingsBlob(machine, facts, id, openings(), { facts: shown })
    opened.set(toHex(coins), known)
    return known
  }
  return { commitment, blob, id, keys, window, open }
}

/** A commitment blob signed by a machine, whatever it says. */
export const signCommitment = (machine: Actor, commitment: WorkCommitment): Uint8Array => encodeCommitmentBlob(commitment, machine.sign(commitmentDigest(crypto, commitment)))

/** An openings blob signed by `signer` in the name of itself or another machine. */
export const openingsBlob = (signer: Actor, { network, round }: Pick<RoundFacts, 'network' | 'round'>, commitment: Hash, openings: Uint8Array, { machine = signer.account, facts = actorFacts(signer.name) }: { machine?: AccountId; facts?: Uint8Array } = {}): Uint8Array =>
  encodeOpeningsBlob(crypto, { network, round, machine, commitment, facts, openings }, (digest) => signer.sign(digest))
