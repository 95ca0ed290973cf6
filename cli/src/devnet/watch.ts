// Follows a network through its indexer, as any explorer would, and tells what is new.
import { concatMap, exhaustMap, from, lastValueFrom, takeWhile, timer, toArray } from 'rxjs'
import { takeUntilAborted } from '@assay/kit/streams'
import type { AccountId, Hash, Parameters } from '@assay/protocol'
import { toAccountId, type Chain } from '@assay/runtime-bindings'
import type { DevnetEvent } from './events.ts'
import { readSettlement } from './settlement.ts'

interface Reason {
  code: string
}

// What is read of the indexer's answers; its OpenAPI document has the rest.
interface NetworkAnswer {
  network: AccountId
  head: { number: number } | null
  round: { round: number; epoch: number; stage: string } | null
}
interface Page<T> {
  items: T[]
  next: string | null
}
type EligibleMachine = { account: AccountId }
type EligibleChecker = { account: AccountId; report: { block: number } | null; judged: { paidObservations: number; reason: Reason } | null }
interface VerdictAnswer { machine: AccountId; outcome: string; reason: Reason; provenSteps: number; work: string; downKbps: number | null; upKbps: number | null; rttUs: number | null; relayUs: number | null; memoryKiB: number; flags: Reason[] }
interface EpochAnswer {
  state: 'running' | 'waiting' | 'scored'
  totals: { root: Hash; paid: string; onChain: { state: 'not_yet' | 'match' | 'mismatch'; block: number | null } } | null
}
type ScoreAnswer = { account: AccountId; kind: 'machine' | 'checker'; score: string; earned: string; reason: Reason }
type PayoutAnswer = { account: AccountId; paid: string }

export interface WatchOptions {
  indexer: string
  chain: Chain
  parameters: Parameters
  /** End when this many epochs are paid. */
  epochs: number | undefined
  show: (event: DevnetEvent) => void
  signal: AbortSignal
  /** Called after each payment with what left the pot, so that it never runs dry. */
  topUp: (planck: bigint) => Promise<void>
}

const POLL_MS = 500

/** Tells what happens until the signal fires or `epochs` are paid. */
export async function watchNetwork(options: WatchOptions): Promise<void> {
  const look = createLook(options)
  // exhaustMap: a look that takes longer than the pause is not doubled; what it missed the next one finds.
  await lastValueFrom(
    timer(0, POLL_MS).pipe(
      exhaustMap(() => from(look())),
      concatMap((paid) => [paid]),
      takeWhile((paid) => options.epochs === undefined || paid < options.epochs),
      takeUntilAborted(options.signal),
      toArray(),
    ),
  )
}

/** A function that looks once, tells what is new since the last look, and returns how many epochs are paid. */
function createLook({ indexer, chain, show, signal, topUp }: WatchOptions): () => Promise<number> {
  const told = new Set<string>()
  let block = -1
  let judged = 0
  let scored = 0
  let paid = 0

  const ask = async <T>(path: string): Promise<T | null> => {
    try {
      const answer = await fetch(indexer + path, { signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) })
      return answer.ok ? ((await answer.json()) as T) : null
    } catch {
      return null // The next look asks again; an indexer that died is told by its exit.
    }
  }

  /** All entries of a list; null if one of its pages is not to be had. */
  const all = async <T>(path: string): Promise<T[] | null> => {
    const items: T[] = []
    for (let cursor = ''; ;) {
      const page = await ask<Page<T>>(`${path}?limit=1000${cursor}`)
      if (page === null) return null
      items.push(...page.items)
      if (page.next === null) return items
      cursor = `&cursor=${page.next}`
    }
  }

  const tellRunning = async (round: number): Promise<void> => {
    const isNew = (account: AccountId): boolean => !told.has(`${round} ${account}`) && told.add(`${round} ${account}`) !== undefined
    for (const { account } of (await all<EligibleMachine>(`/rounds/${round}/machines`)) ?? []) if (isNew(account)) show({ event: 'eligible', round, machine: account })
    for (const { account, report } of (await all<EligibleChecker>(`/rounds/${round}/checkers`)) ?? []) if (report !== null && isNew(account)) show({ event: 'report', round, checker: account, block: report.block })
  }

  const tellJudged = async (): Promise<void> => {
    for (;;) {
      if ((await ask<{ stage: string }>(`/rounds/${judged}`))?.stage !== 'JUDGED') return
      const [verdicts, checkers] = [await all<VerdictAnswer>(`/rounds/${judged}/verdicts`), await all<EligibleChecker>(`/rounds/${judged}/checkers`)]
      if (verdicts === null || checkers === null) return
      for (const { machine, outcome, reason, provenSteps, work, downKbps, upKbps, rttUs, relayUs, memoryKiB, flags } of verdicts)
        show({ event: 'verdict', round: judged, machine, outcome, reason: plain(reason), steps: provenSteps, work, kbpsDown: downKbps, kbpsUp: upKbps, rttUs, relayUs, memoryKiB, flags: flags.map(plain) })
      for (const { account, judged: became } of checkers) if (became !== null) show({ event: 'observations', round: judged, checker: account, paid: became.paidObservations, reason: plain(became.reason) })
      judged += 1
    }
  }

  const tellScored = async (): Promise<void> => {
    const answer = await ask<EpochAnswer>(`/epochs/${scored}`)
    if (answer?.state !== 'scored') return
    const scores = await all<ScoreAnswer>(`/epochs/${scored}/scores`)
    if (scores === null) return
    for (const { account, kind, score, earned, reason } of scores) show({ event: 'score', epoch: scored, account, kind, score, earned, reason: plain(reason) })
    scored += 1
  }

  const tellPaid = async (pot: AccountId): Promise<void> => {
    if (paid >= scored) return
    const totals = (await ask<EpochAnswer>(`/epochs/${paid}`))?.totals
    const payouts = await all<PayoutAnswer>(`/epochs/${paid}/payouts`)
    if (!totals || !payouts || totals.onChain.state === 'not_yet' || totals.onChain.block === null) return
    show({ event: 'statement', epoch: paid, root: totals.root, matchesChain: totals.onChain.state === 'match' })
    const settlement = await readSettlement(chain, pot, totals.onChain.block)
    if (settlement === null) return
    for (const { to, planck, before, after } of settlement.transfers)
      show({ event: 'payout', epoch: paid, payee: to, planck: String(planck), before: String(before), after: String(after), extrinsic: settlement.extrinsic, block: settlement.block })
    const due = new Map(payouts.filter((payout) => payout.paid !== '0').map((payout) => [payout.account, BigInt(payout.paid)]))
    const total = BigInt(totals.paid)
    const exact = totals.onChain.state === 'match' && settlement.potPaid === total && settlement.transfers.length === due.size && settlement.transfers.every(({ to, planck }) => due.get(to) === planck)
    show({ event: 'paid', epoch: paid, total: String(total), block: settlement.block, extrinsic: settlement.extrinsic, exact })
    paid += 1
    await topUp(total)
  }

  return async () => {
    const network = await ask<NetworkAnswer>('/network')
    if (network === null) return paid
    if (network.head !== null && network.head.number !== block) {
      block = network.head.number
      show({ event: 'block', number: block, round: network.round?.round ?? null, epoch: network.round?.epoch ?? null, phase: network.round?.stage.toLowerCase() ?? 'before the first round' })
      if (network.round !== null) for (let round = Math.max(judged, network.round.round - 1); round <= network.round.round; round++) await tellRunning(round)
      await tellJudged()
      await tellScored()
    }
    await tellPaid(toAccountId(network.network))
    return paid
  }
}

/** OK needs no word. */
const plain = ({ code }: Reason): string => (code === 'OK' ? 'NONE' : code)
