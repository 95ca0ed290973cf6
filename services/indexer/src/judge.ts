// From the ledger to verdicts, scores and the statement: each round at its judgement block, each epoch when its rounds are judged, each statement against the one on chain.
import type { Kysely, Transaction } from 'kysely'
import { type BehaviorSubject, concatMap, ignoreElements, map, merge, mergeMap, type Observable, Subject } from 'rxjs'
import { isOperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { takeUntilAborted } from '@assay/kit/streams'
import {
  buildStatement, canariesBy, canariesOf, encodeCalibrationLeaf, encodeEvidenceLeaf, encodePayoutLeaf, encodeRegistryLeaf, encodeScoreLeaf, encodeStandingLeaf, epochOf, FIRST_STATE, gatherEvidence, judgeRound, looksAt, NEW_CALIBRATION, NO_CANARIES, parametersFor, PART_PAYEES, roundFacts, roundsOf, schedule, scoreEpoch, settledAs, stateOfLeaves, statementBytes, statementRoot, statementsOnChain, weightsOf,
  type AccountId, type BuiltStatement, type Canaries, type CanaryLook, type Crypto, type EpochResult, type EpochState, type Hash, type Ledger, type Parameters, type RoundFacts, type RoundJudgement, type Score,
} from '@assay/protocol'
import { formatAmount } from '@assay/runtime-bindings'
import type { EvidenceSource } from './evidence.ts'
import type { ChainState } from './follow.ts'
import { chunks, loadJudgement, saveJudgement } from './judgements.ts'
import type { IndexerMetrics } from './metrics.ts'
import { sumUpEpoch, sumUpRound } from './summaries.ts'
import type { LeafRow, ScoreRow, Tables, Tree } from './tables.ts'

export interface JudgeDeps {
  db: Kysely<Tables>
  crypto: Crypto
  network: AccountId
  state$: BehaviorSubject<ChainState>
  evidence: EvidenceSource
  metrics: IndexerMetrics
  log: Log
  signal: AbortSignal
}

// A round whose evidence hangs on slow servers takes one of these places, so that it does not hold up the others.
const ROUNDS_AT_ONCE = 4
/** Blocks until a round that lacks evidence is tried again: doubling up to this. */
const LONGEST_RETRY = 600

type Finding = { state: 'judged', judgement: RoundJudgement } | { state: 'waiting', missing: Hash[] } | { state: 'failed', error: unknown }

type RoundState = 'judged' | 'running' | { tries: number, retryAt: number }

/** Judges as the ledger grows; all it knows is in the database, so it may be killed at any point. */
export class Judge {
  readonly #deps: JudgeDeps
  /** Rounds from `#floor` on that have been looked at; all below are judged. */
  readonly #rounds = new Map<number, RoundState>()
  #floor = 0
  #nextEpoch = 0
  #toldLacking = ''
  readonly #scored = new Subject<void>()
  /** Epochs whose statement was not on chain when we last looked. */
  readonly #unconfirmed = new Set<number>()

  private constructor(deps: JudgeDeps) {
    this.#deps = deps
  }

  /** A judge that goes on where the last one ended. */
  static async open(deps: JudgeDeps): Promise<Judge> {
    const judge = new Judge(deps)
    for (const { round, state, tries, retry_at } of await deps.db.selectFrom('rounds').selectAll().execute()) judge.#rounds.set(round, state === 'judged' ? 'judged' : { tries, retryAt: retry_at ?? 0 })
    const epochs = await deps.db.selectFrom('epochs').select(['epoch', 'chain_state']).execute()
    judge.#nextEpoch = epochs.length
    for (const { epoch, chain_state } of epochs) if (chain_state === 'not_yet') judge.#unconfirmed.add(epoch)
    await judge.#count()
    return judge
  }

  /** Judges until the signal fires, and completes when what was begun is written or left; errors with what the database or the disk throws. Evidence that is missing never stops it. */
  run(): Observable<never> {
    const { state$, signal } = this.#deps
    const heads$ = state$.pipe(map(({ ledger }) => ledger), takeUntilAborted(signal))
    // An epoch that was scored lets the rounds of the next be judged.
    const ledgers$ = merge(heads$, this.#scored.pipe(map(() => state$.value.ledger), takeUntilAborted(signal)))
    const attempts$ = ledgers$.pipe(
      concatMap((ledger) => this.#due(ledger)),
      mergeMap((round) => this.#attempt(round), ROUNDS_AT_ONCE),
    )
    // One after the other: an epoch needs what the one before carried out.
    return merge(heads$, attempts$).pipe(concatMap(() => this.#settle()), ignoreElements())
  }

  /** Rounds that can be judged now and are not: new ones, and those whose time to be tried again has come. */
  #due(ledger: Ledger): number[] {
    const due: number[] = []
    const head = ledger.head?.number ?? -1
    for (; this.#rounds.get(this.#floor) === 'judged'; this.#floor++) this.#rounds.delete(this.#floor)
    for (let round = this.#floor; ; round++) {
      const parameters = parametersFor(ledger, round)
      if (!parameters || schedule(parameters, round).judgement > head) break
      const state = this.#rounds.get(round)
      if (state === 'judged' || state === 'running' || (state && state.retryAt > head)) continue
      // What its checkers' words weigh is not known before the epoch before is scored.
      if (parameters.calibrationCheck === 'enforce' && epochOf(parameters, round) > this.#nextEpoch) break
      this.#rounds.set(round, 'running')
      due.push(round)
    }
    return due
  }

  /** Judges one round if its evidence is to be had, and writes what came of it. */
  async #attempt(round: number): Promise<void> {
    const { db, crypto, state$, metrics, log } = this.#deps
    const { ledger } = state$.value
    const facts = roundFacts(crypto, ledger, round)
    if (!facts || !ledger.head) throw new Error(`round ${round} is past its judgement block and has no facts`)
    const head = ledger.head.number
    const epoch = epochOf(facts.parameters, round)
    const finding = await this.#judge(facts, epoch)
    if (finding === null) return
    const before = await db.selectFrom('rounds').select('tries').where('round', '=', round).executeTakeFirst()
    const tries = (before?.tries ?? 0) + 1
    const retryAt = head + Math.min(LONGEST_RETRY, 2 ** Math.min(tries - 1, 10))
    const judged = finding.state === 'judged'
    const row = { round, epoch, state: finding.state, tries, retry_at: judged ? null : retryAt, judged_at: judged ? head : null }
    const missing = finding.state === 'waiting' ? finding.missing : []
    await db.transaction().execute(async (trx) => {
      await trx.insertInto('rounds').values(row).onConflict((conflict) => conflict.column('round').doUpdateSet(row)).execute()
      await trx.deleteFrom('missing_blobs').where('round', '=', round).$if(missing.length > 0, (query) => query.where('id', 'not in', missing)).execute()
      if (missing.length > 0) await trx.insertInto('missing_blobs').values(missing.map((id) => ({ round, id, since: head }))).onConflict((conflict) => conflict.doNothing()).execute()
      if (finding.state !== 'judged') return
      await saveJudgement(trx, finding.judgement)
      await sumUpRound(trx, round)
    })
    this.#rounds.set(round, judged ? 'judged' : { tries, retryAt })
    await this.#count()
    switch (finding.state) {
      case 'waiting':
        log.warn('evidence missing', { round, epoch, missing: missing.length, tries, retryAt, first: missing[0] })
        break
      case 'failed':
        log.error('round not judged', { round, epoch, tries, retryAt, error: finding.error })
        break
      case 'judged': {
        const { verdicts, checkers } = finding.judgement
        const outcomes = Object.fromEntries([...Map.groupBy(verdicts, ({ outcome }) => outcome)].map(([outcome, list]) => [outcome, list.length]))
        metrics.rounds.inc()
        for (const [outcome, count] of Object.entries(outcomes)) metrics.verdicts.inc({ outcome }, count)
        log.info('round judged', { round, epoch, head, outcomes, packages: checkers.filter(({ packageCounted }) => packageCounted).length, work: sum(verdicts.map(({ work }) => work)) })
      }
    }
  }

  /** What can be said of a round now; null if the signal fired before it was known. Throws OperatorError DISK. */
  async #judge(facts: RoundFacts, epoch: number): Promise<Finding | null> {
    const { db, crypto, evidence, metrics, signal } = this.#deps
    if (signal.aborted) return null
    try {
      const { evidence: gathered, missing } = await gatherEvidence(crypto, facts, evidence.loader(epoch))
      if (missing.length > 0) return { state: 'waiting', missing }
      const { calibrationCheck } = facts.parameters
      const weights = weightsOf(calibrationCheck, calibrationCheck === 'enforce' ? (await stateBefore(db, epoch)).calibrations : FIRST_STATE.calibrations)
      const done = metrics.judgeSeconds.startTimer()
      const judgement = judgeRound(crypto, facts, gathered, weights)
      done()
      return { state: 'judged', judgement }
    } catch (error) {
      if (signal.aborted) return null
      if (isOperatorError(error)) throw error
      // A fault of ours in one round must not stop the others: it is shown, and a later version tries again.
      return { state: 'failed', error }
    }
  }

  async #settle(): Promise<void> {
    const { ledger } = this.#deps.state$.value
    while (await this.#score(ledger)) {
      this.#nextEpoch++
      this.#scored.next()
    }
    for (const epoch of this.#unconfirmed) await this.#compare(ledger, epoch)
  }

  /** Scores the next epoch if all its rounds are judged. */
  async #score(ledger: Ledger): Promise<boolean> {
    const { db, crypto, network, metrics, log } = this.#deps
    const epoch = this.#nextEpoch
    const parameters = parametersOfEpoch(ledger, epoch)
    if (!parameters) return false
    const rounds = roundsOf(parameters, epoch)
    if (rounds.some((round) => round >= this.#floor && this.#rounds.get(round) !== 'judged')) return false
    const before = await stateBefore(db, epoch)
    const canaries = await this.#canaries(ledger, epoch, before)
    if (canaries === null) return false
    const judged = []
    for (const round of rounds) judged.push({ facts: roundFacts(crypto, ledger, round)!, judgement: await loadJudgement(db, round) })
    const result = scoreEpoch(epoch, judged.map(({ judgement }) => judgement), parameters, before, canaries)
    const built = buildStatement(crypto, network, result, judged)
    await db.transaction().execute((trx) => saveEpoch(trx, { result, built, parameters, head: ledger.head!.number }))
    this.#unconfirmed.add(epoch)
    metrics.epochs.inc()
    log.info('epoch scored', { epoch, root: built.root, paid: formatAmount(result.paid), carried: formatAmount(result.carried), machines: result.scores.filter(({ kind }) => kind === 'machine').length, payouts: result.payouts.filter(({ paid }) => paid > 0n).length })
    return true
  }

  /** What the epoch's canaries showed; null while evidence of its rounds that was had before cannot be had again, or the signal has fired. Throws OperatorError DISK. */
  async #canaries(ledger: Ledger, epoch: number, before: EpochState): Promise<Canaries | null> {
    const { crypto, evidence, log, signal } = this.#deps
    const parameters = parametersOfEpoch(ledger, epoch)!
    const named = canariesOf(crypto, ledger, epoch)
    if (named.size === 0) return NO_CANARIES
    const machines = new Set(named.keys())
    const looks: CanaryLook[] = []
    for (const round of roundsOf(parameters, epoch)) {
      if (signal.aborted) return null
      const facts = roundFacts(crypto, ledger, round)!
      const { evidence: gathered, missing } = await gatherEvidence(crypto, facts, evidence.loader(epoch))
      if (missing.length > 0) {
        const lacks = `${round} ${missing.length}`
        // It is looked at with each block, and told when something changed.
        if (lacks !== this.#toldLacking) log.warn('epoch not scored', { round, epoch, missing: missing.length, first: missing[0] })
        this.#toldLacking = lacks
        return null
      }
      looks.push(...looksAt(crypto, facts, gathered, machines))
    }
    return canariesBy(crypto, named, looks, weightsOf(parameters.calibrationCheck, before.calibrations))
  }

  /** Looks whether the network's statement of an epoch is on chain, and whether it is ours. */
  async #compare(ledger: Ledger, epoch: number): Promise<void> {
    const { db, crypto, network, metrics, log } = this.#deps
    const onChain = statementsOnChain(ledger).get(epoch)
    if (!onChain) return
    const { statement, root } = await db.selectFrom('epochs').select(['statement', 'root']).where('epoch', '=', epoch).executeTakeFirstOrThrow()
    const payouts = await db.selectFrom('payouts').select(['account', 'paid']).where('epoch', '=', epoch).where('paid', '>', 0n).orderBy('position').execute()
    const settled = settledAs(crypto, network, { epoch, bytes: statement, payouts: payouts.map(({ account, paid }) => [account, paid]) }, onChain)
    if (settled.kind === 'nothing' || settled.kind === 'partly') return
    const { block } = settled
    const bytes = statementBytes(onChain)
    const result = settled.kind === 'whole' ? 'match' : 'mismatch'
    await db.updateTable('epochs').set({ chain_state: result, chain_block: block, chain_bytes: bytes }).where('epoch', '=', epoch).execute()
    this.#unconfirmed.delete(epoch)
    metrics.statements.inc({ result })
    if (result === 'match') {
      log.info('statement agrees', { epoch, root, block })
    } else {
      const advice = `Run: assay replay --epoch ${epoch}`
      if (settled.kind === 'other part') log.error('payment differs', { epoch, root, part: settled.part, block, advice })
      else log.error('statement differs', { epoch, root, onChain: statementRoot(crypto, network, bytes), block, advice })
    }
  }

  async #count(): Promise<void> {
    const { db, metrics } = this.#deps
    const waiting = await db.selectFrom('rounds').select(({ fn }) => fn.countAll<number>().as('count')).where('state', '!=', 'judged').executeTakeFirstOrThrow()
    const missing = await db.selectFrom('missing_blobs').select(({ fn }) => fn.count<number>('id').distinct().as('count')).executeTakeFirstOrThrow()
    metrics.waitingRounds.set(waiting.count)
    metrics.missingBlobs.set(missing.count)
  }
}

/** The parameters of an epoch: those of its first round. Undefined where the ledger does not reach it. */
export function parametersOfEpoch(ledger: Ledger, epoch: number): Parameters | null {
  const { epochRounds } = parametersFor(ledger, 0) ?? {}
  return epochRounds === undefined ? null : parametersFor(ledger, epoch * epochRounds)
}

/** What the epoch before left, from the leaves of its statement. */
async function stateBefore(db: Kysely<Tables>, epoch: number): Promise<EpochState> {
  if (epoch === 0) return FIRST_STATE
  const leavesOf = async (tree: Tree) => (await db.selectFrom('leaves').select('leaf').where('epoch', '=', epoch - 1).where('tree', '=', tree).orderBy('position').execute()).map(({ leaf }) => leaf)
  return stateOfLeaves({ payouts: await leavesOf('payouts'), standings: await leavesOf('standings'), calibrations: await leavesOf('calibrations') })
}

async function saveEpoch(trx: Transaction<Tables>, { result, built, parameters, head }: { result: EpochResult, built: BuiltStatement, parameters: Parameters, head: number }): Promise<void> {
  const { epoch, scores, payouts, paid, carried, state } = result
  const pool = parameters.poolPerEpoch
  const remainder = pool - sum(scores.map(({ earned }) => earned))
  await trx.insertInto('epochs').values({ epoch, root: built.root, statement: built.bytes, pool, paid, carried, remainder, scored_at: head, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
  const trees: Record<Tree, Uint8Array[]> = {
    scores: built.scoreLeaves.map(encodeScoreLeaf),
    payouts: built.payoutLeaves.map(encodePayoutLeaf),
    registry: built.registryLeaves.map(encodeRegistryLeaf),
    evidence: built.evidenceLeaves.map(encodeEvidenceLeaf),
    standings: built.standingLeaves.map(encodeStandingLeaf),
    calibrations: built.calibrationLeaves.map(encodeCalibrationLeaf),
  }
  const leaves = (Object.entries(trees) as [Tree, Uint8Array[]][]).flatMap(([tree, list]) => list.map((leaf, position): LeafRow => ({ epoch, tree, position, leaf })))
  for (const rows of chunks(leaves)) await trx.insertInto('leaves').values(rows).execute()
  for (const rows of chunks(scores.map((score, position) => scoreRow(epoch, position, score, state)))) await trx.insertInto('scores').values(rows).execute()
  const counted = scores.flatMap(({ kind, account, rows }) => (kind === 'machine' ? rows.map(({ round, standing }) => ({ machine: account, round, standing })) : []))
  for (const alike of Map.groupBy(counted, ({ round, standing }) => `${round} ${standing}`).values()) {
    const { round, standing } = alike[0]!
    for (const some of chunks(alike)) await trx.updateTable('verdicts').set({ standing }).where('round', '=', round).where('machine', 'in', some.map(({ machine }) => machine)).execute()
  }
  const partOf = new Map(payouts.filter(({ paid }) => paid > 0n).map(({ account }, i) => [account, Math.floor(i / PART_PAYEES)]))
  for (const rows of chunks(payouts.map(({ account, earned, carriedIn, paid, carriedOut }, position) => ({ epoch, position, account, earned, carried_in: carriedIn, paid, carried_out: carriedOut, part: partOf.get(account) ?? null })))) await trx.insertInto('payouts').values(rows).execute()
  await sumUpEpoch(trx, epoch)
}

function scoreRow(epoch: number, position: number, score: Score, { standings, calibrations }: EpochState): ScoreRow {
  const { account, owner, kind, reason, earned } = score
  const row = { epoch, position, account, owner, kind, score: score.score, reason, earned, passed: null, asked: null, standing: null, benched_until: null, weight: null, calibration: null }
  if (score.kind === 'machine') return { ...row, ...score.availability, standing: score.rows.at(-1)!.standing, benched_until: standings.get(account)?.benchedUntil || null }
  const { muted, falseAccepts, shown, falseRejects } = calibrations.get(account) ?? NEW_CALIBRATION
  return { ...row, weight: score.weight, calibration: [muted, falseAccepts, shown, falseRejects] }
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)
