// A round's one report: made of what was read, kept before anything is signed, sent until the chain has it. After a crash at any point the same report goes on.
import type { Log } from '@assay/kit/log'
import { type AccountId, boundedVec, type Crypto, decodeReportItem, encodeReportItem, type Hash, heldBitmap, MalformedError, type Observation, observationCodec, type Parameters, roundAt, type RoundFacts, reportKey, reportRoot, schedule, strict, toHex, ZERO_HASH } from '@assay/protocol'
import { type Chain, putItem, readItem, type Sender, type TxResult } from '@assay/runtime-bindings'
import type { Store, StoredReport } from './store.ts'

/** The little that a report needs of the chain. */
export interface ReportChain {
  /** The value of an item of this checker's account in the best block; null if there is none. */
  readItem(item: string): Promise<Uint8Array | null>
  /**
   * Writes an item of this checker's account, added or updated as the chain needs it. The same `key` is the same deed: signed bytes are kept before they are sent, and after a crash
   * they are looked up on chain and taken up again. Resolves when the item is confirmed, or when it is sure that this deed never takes effect, or that it may only after `timeoutBlocks`.
   */
  putItem(item: string, value: Uint8Array, options: { key: string, label: string, timeoutBlocks: number }): Promise<TxResult>
}

/** The real one: items of the sender's account, results `confirmations` deep. */
export function reportChain(chain: Chain, sender: Sender, confirmations: number): ReportChain {
  const me = sender.account.id
  return {
    readItem: (item) => readItem(chain, me, item),
    putItem: async (item, value, options) => sender.send(await putItem(chain, me, item, value), { ...options, confirmations }),
  }
}

export interface ReportTools {
  crypto: Crypto
  me: AccountId
  store: Store
  random: (bytes: number) => Uint8Array
  chain: ReportChain
  log: Log
}

const observations = strict('observations', boundedVec(observationCodec, 2 ** 20))

/** The observations of a stored report, ascending by machine. */
export const observationsOf = (report: StoredReport): Observation[] => observations.decode(report.observations)

/**
 * What this checker saw of its machines in a round, ascending by machine. A machine whose window this checker did not watch to its end (it was down, or late) is left out: that is the
 * checker's fault, and must not be held against the machine.
 */
export function observe(store: Store, round: number, machines: Iterable<AccountId>): Observation[] {
  const readings = store.readings(round)
  const commitments = store.commitments(round)
  return [...machines].toSorted().flatMap((machine): Observation[] => {
    const reading = readings.get(machine)
    if (reading === undefined) return []
    const { reached, declined, lastStep, lastKey, firstUs, rttUs, downKbps, upKbps } = reading
    const commitment = commitments.get(machine)?.[0]?.id
    const outcome = commitment !== undefined ? 'RAN' : declined !== null || reached ? 'NOT_RUN' : 'UNREACHABLE'
    const reason = outcome === 'RAN' ? 'OK' : outcome === 'NOT_RUN' ? (declined ?? 'NO_COMMITMENT') : 'UNREACHABLE'
    return [{ machine, outcome, reason, commitment: commitment ?? ZERO_HASH, lastStep, lastKey, downKbps, upKbps, rttUs, firstUs }]
  })
}

/** Facts of a round and of the two before it, of which its report speaks too; null where there is no such round. */
export interface ReportFacts { now: RoundFacts, heldOf: RoundFacts | null }

/**
 * The report of a round, kept on disk; the one that is there already if there is one. Null if this checker has nothing to say: it is not eligible and was not in the two rounds before.
 * Speaks of this round's observations, the package of the round before, and the packages of the round before that which this checker holds as their mirror.
 */
export function prepareReport({ crypto, me, store, random }: ReportTools, { now, heldOf }: ReportFacts): StoredReport | null {
  const { network, round } = now
  const kept = store.report(round)
  if (kept) return kept
  const mine = now.machines.flatMap(({ account }) => (now.committee(account).includes(me) ? [account] : []))
  const places = heldOf?.checkers.flatMap(({ account }, place) => (heldOf.mirrors(account).includes(me) && store.package(heldOf.round, account) ? [place] : [])) ?? []
  const previous = store.package(round - 1, me)
  if (!now.checkers.some(({ account }) => account === me) && previous === undefined && places.length === 0) return null
  const seen = observe(store, round, mine)
  const salt = random(32)
  const item = encodeReportItem({
    round,
    commitment: reportRoot(crypto, { network, round, checker: me, salt: toHex(salt) }, seen),
    previousPackage: previous?.root ?? ZERO_HASH,
    held: heldBitmap(heldOf?.checkers.length ?? 0, places),
  })
  return store.keepReport({ round, salt, observations: observations.encode(seen), item })
}

/**
 * True if the chain has a report of this account for the round (or a later one) that this data folder knows nothing of: the folder was lost or restored from a backup, or the key is in use
 * elsewhere. Then nothing may be said: it could only be a second commitment.
 */
export async function isForeign({ store, chain }: ReportTools, network: AccountId, round: number): Promise<boolean> {
  if (store.report(round)) return false
  const value = await chain.readItem(reportKey(network))
  try {
    return value !== null && decodeReportItem(value).round >= round
  } catch (error) {
    if (error instanceof MalformedError) return false // whatever it is, it is no report
    throw error
  }
}

/** What became of a try to bring a report on chain; `attempt` is the number of the next one. */
export type Sent = { kind: 'landed', block: number, hash: Hash } | { kind: 'again', attempt: number }

/**
 * Sends a report and waits until it is confirmed. `again` after a failure that a later block may mend; it has been told to the operator. All tries carry the same item, and a new one begins
 * only when the one before can never take effect.
 */
export async function sendReport({ store, chain, log }: ReportTools, network: AccountId, report: StoredReport, attempt: number, blocksLeft: number): Promise<Sent> {
  const { round } = report
  const result = await chain.putItem(reportKey(network), report.item, { key: `report/${round}/${attempt}`, label: `report of round ${round}`, timeoutBlocks: blocksLeft })
  if (result.ok) {
    store.reportLanded(round, result.block)
    return { kind: 'landed', block: result.block, hash: result.hash }
  }
  // Who stops this checker knows it; the next life takes the same bytes up again.
  if (result.code !== 'STOPPED') log.warn('report not sent', { round, code: result.code, reason: result.message, advice: result.advice ?? 'It is tried again with the next block.' })
  return { kind: 'again', attempt: result.final ? attempt + 1 : attempt }
}

/** Whether a report should be on its way at this height and is not on chain yet: whatever else this account has to send waits. */
export function isReportDue(store: Store, parameters: Parameters, best: number): boolean {
  const round = roundAt(parameters, best)
  if (round < 0) return false
  const { commitmentBy, commitTo } = schedule(parameters, round)
  return best >= commitmentBy && best < commitTo && (store.report(round)?.landed ?? null) === null
}
