import { Subject } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { devnetParameters, emptyLedger, schedule, toHex } from '@assay/protocol'
import type { AccountId, Ledger } from '@assay/protocol'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { founds, ledgersUpTo, member, network, registers } from '../testing/ledger.ts'
import { roundOf, rounds$ } from './rounds.ts'
import type { ChainState } from './rounds.ts'

const parameters = devnetParameters(1, 20)
let machine: AccountId
/** ledgers[n]: after block n */
let ledgers: Ledger[]

beforeAll(async () => {
  await cryptoReady()
  const late = member('machine', 9)
  machine = late.account.id
  ledgers = ledgersUpTo(100, { 2: [founds(parameters), ...registers(member('checker', 1)), ...registers(member('checker', 2))], 25: registers(late) })
})

/** Plays best blocks; the ledger is one confirmation behind. */
function play() {
  const state$ = new Subject<ChainState>()
  const seen: string[] = []
  const views = new Map<number, { best: number, seed: string | null, open: boolean, committee: number }[]>()
  rounds$(state$, { crypto, machine }).subscribe({
    next: ({ round, view$ }) => {
      seen.push(`+${round}`)
      const list: { best: number, seed: string | null, open: boolean, committee: number }[] = []
      views.set(round, list)
      view$.subscribe({
        next: ({ facts, best }) => list.push({ best, seed: facts.seedOf(machine) && toHex(facts.seedOf(machine)!), open: facts.openRandomness !== null, committee: facts.committee(machine).length }),
        complete: () => seen.push(`-${round}`),
      })
    },
    complete: () => seen.push('end'),
  })
  return { state$, seen, views, best: (best: number) => state$.next({ ledger: ledgers[best - 1]!, best }) }
}

describe('rounds$', () => {
  it('gives each round in which the machine is eligible from its beacon to its packages, overlapping', () => {
    const t = play()
    for (let best = 2; best <= 100; best++) t.best(best)
    // Anchored in block 25, so eligible from round 1 (freeze 38, two blocks of waiting).
    expect(t.seen).toEqual(['+1', '-1', '+2', '-2', '+3', '-3'])
    const at = schedule(parameters, 2)
    const list = t.views.get(2)!
    expect(list[0]).toMatchObject({ best: at.beaconKnown, seed: null, open: false, committee: 2 })
    expect(list.find(({ seed }) => seed !== null)!.best).toBe(at.fire)
    expect(list.find(({ open }) => open)!.best).toBe(at.openKnown)
    expect(list.at(-1)!.best).toBe(at.packageBy + 1)
  })
  it('gives a round that is under way at the start, as long as packages are not due', () => {
    const at = schedule(parameters, 2)
    const t = play()
    t.best(at.packageBy)
    expect(t.seen).toEqual(['+2'])
    const late = play()
    late.best(at.packageBy + 1)
    expect(late.seen).toEqual([])
  })
  it('ends no round and begins none again when the best block falls back', () => {
    const at = schedule(parameters, 2)
    const t = play()
    for (const best of [at.fire, at.fire - 1, at.fire + 1, at.packageBy + 1, at.packageBy, at.packageBy + 1]) t.best(best)
    expect(t.seen).toEqual(['+2', '-2'])
  })
  it('ends what is open when the chain ends', () => {
    const t = play()
    t.best(schedule(parameters, 2).fire)
    t.state$.complete()
    expect(t.seen).toEqual(['+2', '-2', 'end'])
  })
})

it('roundOf is -1 before the network begins', () => {
  expect([roundOf({ ledger: emptyLedger(network), best: 50 }), roundOf({ ledger: ledgers[10]!, best: 10 }), roundOf({ ledger: ledgers[50]!, best: 61 })]).toEqual([-1, -1, 2])
})
