// Rounds as a machine sees them: each one that it takes part in, from the beacon to the packages, with what the chain says of it as blocks come.
import { BehaviorSubject, Observable } from 'rxjs'
import { parametersFor, roundAt, roundFacts } from '@assay/protocol'
import type { AccountId, Crypto, Ledger, RoundFacts } from '@assay/protocol'

/** What is known at one moment: the confirmed ledger, and the height of the best block. */
export interface ChainState { ledger: Ledger, best: number }

/** A round at one moment. */
export interface RoundView { facts: RoundFacts, best: number }

/** A round that this machine takes part in; `view$` gives the present view at once and completes when the packages are due. */
export interface Round { round: number, view$: Observable<RoundView> }

/**
 * The rounds in which `machine` is eligible, each once, when its committee is known (also when it was known before the start, as long as packages are not due: a restarted
 * machine may still have to open). A best block that falls back ends no round and begins none again.
 */
export function rounds$(state$: Observable<ChainState>, { crypto, machine }: { crypto: Crypto, machine: AccountId }): Observable<Round> {
  return new Observable((subscriber) => {
    const live = new Map<number, BehaviorSubject<RoundView>>()
    let ended = -1
    const subscription = state$.subscribe({
      next: ({ ledger, best }) => {
        for (const facts of activeRounds(crypto, ledger, best, machine)) {
          const { round } = facts
          const known = live.get(round)
          if (known) known.next({ facts, best })
          else if (round > ended) {
            const views = new BehaviorSubject<RoundView>({ facts, best })
            live.set(round, views)
            subscriber.next({ round, view$: views.asObservable() })
          }
        }
        for (const [round, views] of live) {
          const { facts } = views.value
          if (best <= facts.schedule.packageBy) continue
          views.next({ facts, best })
          views.complete()
          live.delete(round)
          ended = Math.max(ended, round)
        }
      },
      error: (error: unknown) => subscriber.error(error),
      complete: () => {
        for (const views of live.values()) views.complete()
        subscriber.complete()
      },
    })
    return () => subscription.unsubscribe()
  })
}

/** The round of the best block, or -1 before the network begins. */
export function roundOf({ ledger, best }: ChainState): number {
  const founding = parametersFor(ledger, 0)
  return founding === null ? -1 : Math.max(-1, roundAt(founding, best))
}

function activeRounds(crypto: Crypto, ledger: Ledger, best: number, machine: AccountId): RoundFacts[] {
  const current = roundOf({ ledger, best })
  const founding = parametersFor(ledger, 0)
  if (founding === null) return []
  // Packages are due before the next round's commit window, so no more than two rounds are under way.
  return [current - 1, current].flatMap((round) => {
    const facts = round < 0 ? null : roundFacts(crypto, ledger, round)
    if (facts === null || facts.beacon === null || best > facts.schedule.packageBy) return []
    return facts.machines.some(({ account }) => account === machine) ? [facts] : []
  })
}
