import { Subject } from 'rxjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { CHECKER_KEY, MACHINE_KEY, PARAMETERS_KEY, applyBlock, checkerRoleId, devnetParameters, emptyLedger, encodeParameters, encodeSignedIdentity, identityDigest, schedule, toHex } from '@assay/protocol'
import type { AccountId, Hash, Identity, Ledger, LedgerBlock, LedgerEvent } from '@assay/protocol'
import { accountFromSecret, cryptoReady, nodeCrypto as crypto, peerKey } from '@assay/runtime-bindings'
import { roundOf, rounds$ } from './rounds.ts'
import type { ChainState } from './rounds.ts'

const network = `0x${'aa'.repeat(32)}` as AccountId
const parameters = devnetParameters(1, 20)
const hash = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`
let machine: AccountId
/** ledgers[n]: after block n */
const ledgers: Ledger[] = []

beforeAll(async () => {
  await cryptoReady()
  const register = (kind: 'machine' | 'checker', n: number): LedgerEvent[] => {
    const account = accountFromSecret(`//${kind}${n}`)
    const peer = peerKey(new Uint8Array(32).fill(n))
    const identity: Identity = { kind, network, account: account.id, owner: account.id, peer: peer.publicKey, addresses: kind === 'checker' ? ['/ip4/127.0.0.1/tcp/1'] : [], evidence: [] }
    const digest = identityDigest(crypto, identity)
    const signed = encodeSignedIdentity({ identity, accountSignature: account.pair.sign(digest), ownerSignature: account.pair.sign(digest), peerSignature: peer.sign(digest) })
    if (kind === 'machine') machine = account.id
    return [
      { kind: 'attribute', who: account.id, subject: account.id, value: signed, identity: signed },
      { kind: 'item', who: account.id, key: kind === 'machine' ? MACHINE_KEY : CHECKER_KEY, value: crypto.blake2b256(signed), update: false },
      ...(kind === 'checker' ? [{ kind: 'role', owner: network, role: checkerRoleId(crypto), user: account.id, assigned: true } as const] : []),
    ]
  }
  let ledger = emptyLedger(network)
  for (let number = 1; number <= 100; number++) {
    const events: LedgerEvent[] =
      number === 2 ? [{ kind: 'item', who: network, key: PARAMETERS_KEY, value: encodeParameters(parameters), update: false }, ...register('checker', 1), ...register('checker', 2)] : number === 25 ? register('machine', 9) : []
    const block: LedgerBlock = { number, hash: hash(number), parentHash: hash(number - 1), relayRoot: null, events }
    ledger = applyBlock(crypto, ledger, block)
    ledgers[number] = ledger
  }
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
