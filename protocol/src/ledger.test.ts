import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Actor, actor, anchor, attribute, NETWORK, parametersItem, registration, reportEvent, role, signedIdentity, TestChain } from '../testing/chain.ts'
import { accountKey, crypto, hashOf, peerKey } from '../testing/crypto.ts'
import { beaconOf, coinsOf, committeeOf, jobSeed, mirrorsOf, mustOpen } from './beacon.ts'
import { type AccountId, concat, utf8, ZERO_HASH } from './bytes.ts'
import { applyBlock, eligibleCheckers, emptyLedger, evidenceHolders, type LedgerEvent, LedgerGapError, neededCheckers, NoRandomnessError, parametersFor, pruneLedger, registeredCheckers, registeredMachines, registrationOf, roundFacts, type RoundFacts, spokenAt, statementsOnChain, versionAt } from './ledger.ts'
import { devnetParameters, encodeParameters, type Parameters } from './parameters.ts'
import { encodeReportItem, heldBitmap, type ReportItem } from './report.ts'
import { judgementOfEpoch, schedule } from './schedule.ts'
import { PARAMETERS_KEY, reportKey, statementKey } from './storage-keys.ts'
import { blocksToNewer, NewerVersionError, newerNews } from './version.ts'

// Round 0: frozen with 118, so that 116 is the last block for newcomers; begins with 120, window 128 to 131. Rounds of 20 blocks, epochs of 2.
const parameters = devnetParameters(100, 120)
const LAST_BLOCK_TO_JOIN = 116
const checkers = ['carol', 'chris', 'cindy', 'colin', 'conny'].map((name) => actor('checker', name)).sort((a, b) => (a.account.public < b.account.public ? -1 : 1))
const [k0, k1, k2] = checkers as [Actor, Actor, Actor, Actor, Actor]
const machines = ['mary', 'mike'].map((name) => actor('machine', name)).sort((a, b) => (a.account.public < b.account.public ? -1 : 1))
const [m0, m1] = machines as [Actor, Actor]
const mallory = actor('machine', 'mallory')
const accounts = (of: readonly { account: AccountId }[]): AccountId[] => of.map(({ account }) => account)
const accountsOf = (of: readonly Actor[]): AccountId[] => of.map(({ account }) => account.public)

// A sr25519 signature takes milliseconds: each actor registers with the same bytes everywhere.
const registered = new Map([...checkers, ...machines, mallory].map((who) => [who, registration(who)] as const))
const register = (who: Actor): LedgerEvent[] => registered.get(who)!
const founding = (p: Parameters = parameters): LedgerEvent[] => [parametersItem(p), ...checkers.flatMap((checker) => [role(checker), ...register(checker)]), ...machines.flatMap(register)]
const network = (p: Parameters = parameters): TestChain => new TestChain(100).at(100, ...founding(p))
const factsOf = ({ ledger }: TestChain, round = 0): RoundFacts => roundFacts(crypto, ledger, round)!
const machinesIn = (chain: TestChain, round = 0): AccountId[] => accounts(factsOf(chain.to(schedule(parameters, round).freeze), round).machines)
const checkersIn = (chain: TestChain, round = 0): AccountId[] => accounts(factsOf(chain.to(schedule(parameters, round).freeze), round).checkers)

describe('the usual round', () => {
  const chain = network()
  test('has no facts before its freeze block', () => {
    chain.to(117)
    expect(roundFacts(crypto, chain.ledger, 0)).toBeNull()
    expect(roundFacts(crypto, chain.ledger, 50)).toBeNull()
    expect(roundFacts(crypto, chain.ledger, -1)).toBeNull()
    expect(Object.keys(chain.ledger.rounds)).toEqual([])
  })
  test('knows who takes part, once frozen', () => {
    const facts = factsOf(chain.to(118))
    expect(accounts(facts.machines)).toEqual(accountsOf(machines))
    expect(accounts(facts.checkers)).toEqual(accountsOf(checkers))
    expect(facts).toMatchObject({ network: NETWORK, round: 0, parameters, schedule: schedule(parameters, 0), beacon: null, openRandomness: null, complete: false })
    expect(facts.committee(m0.account.public)).toEqual([])
    expect(facts.mirrors(k0.account.public)).toEqual([])
    expect(facts.machines[0]).toMatchObject({ block: 100, identity: { kind: 'machine', account: m0.account.public, owner: m0.owner.public, peer: m0.peer.public } })
  })
  test('draws committee and mirrors from its first block', () => {
    expect(factsOf(chain.to(119)).beacon).toBeNull()
    const facts = factsOf(chain.to(120))
    const beacon = beaconOf(crypto, NETWORK, 0, chain.hash(120))
    expect(facts.beacon).toBe(beacon)
    expect(facts.committee(m0.account.public)).toEqual(committeeOf(crypto, beacon, m0.account.public, accountsOf(checkers), 3))
    expect(facts.mirrors(k0.account.public)).toEqual(mirrorsOf(crypto, beacon, k0.account.public, accountsOf(checkers), 2))
    expect(facts.committee(k0.account.public)).toEqual([])
    expect(facts.mirrors(m0.account.public)).toEqual([])
    expect(facts.seedOf(m0.account.public)).toBeNull()
  })
  test('seeds jobs from block F, coins from block O', () => {
    expect(factsOf(chain.to(123)).seedOf(m0.account.public)).toEqual(jobSeed(crypto, NETWORK, 0, chain.hash(123), m0.account.public))
    const before = factsOf(chain.to(132))
    expect([before.openRandomness, before.mustOpen(m0.account.public), before.coins(m0.account.public, hashOf('id'))]).toEqual([null, null, null])
    const facts = factsOf(chain.to(133))
    expect(facts.openRandomness).toBe(chain.hash(133))
    expect(facts.mustOpen(m0.account.public)).toBe(mustOpen(crypto, NETWORK, 0, chain.hash(133), m0.account.public, parameters.openShare))
    expect(facts.coins(m0.account.public, hashOf('id'))).toEqual(coinsOf(crypto, NETWORK, 0, chain.hash(133), m0.account.public, hashOf('id')))
  })
  test('is complete when the window of two rounds later is over', () => {
    expect(factsOf(chain.to(170)).complete).toBe(false)
    expect(factsOf(chain.to(171)).complete).toBe(true)
    expect(schedule(parameters, 0).judgement).toBe(171 + parameters.confirmations)
  })
  test('shares its lists with rounds in which nobody came or went', () => {
    const [first, fifth] = [factsOf(chain), factsOf(chain.to(220), 5)]
    expect(fifth.machines).toBe(first.machines)
    expect(fifth.checkers).toBe(first.checkers)
  })
})

describe('a machine’s identity', () => {
  const joins = (...events: LedgerEvent[]): TestChain => new TestChain(100).at(100, parametersItem(parameters)).at(110, ...events)
  const document = (who: Actor): Uint8Array => (register(who)[0] as LedgerEvent & { kind: 'attribute' }).value
  const service = (who: Actor): Uint8Array => (register(who)[0] as LedgerEvent & { kind: 'attribute' }).identity!

  test('waits: the last block to join, and one later', () => {
    expect(machinesIn(new TestChain(100).at(100, parametersItem(parameters)).at(LAST_BLOCK_TO_JOIN, ...register(m0)))).toEqual(accountsOf([m0]))
    const late = new TestChain(100).at(100, parametersItem(parameters)).at(LAST_BLOCK_TO_JOIN + 1, ...register(m0))
    expect(machinesIn(late)).toEqual([])
    expect(accounts(registeredMachines(late.ledger))).toEqual(accountsOf([m0]))
    expect(machinesIn(late, 1)).toEqual(accountsOf([m0]))
  })
  test('stands whoever wrote the attribute, and in whatever order', () => {
    const [doc, anchored] = register(m0)
    expect(machinesIn(joins(anchored!, doc!))).toEqual(accountsOf([m0]))
    expect(machinesIn(joins(attribute(mallory.account.public, document(m0), service(m0), m0.account.public), anchored!))).toEqual(accountsOf([m0]))
  })
  test('squatting: a stranger’s attribute on the machine’s DID is nothing, before, with and after the machine’s own', () => {
    const squat = attribute(mallory.account.public, document(mallory), service(mallory), m0.account.public)
    expect(machinesIn(joins(squat))).toEqual([])
    expect(machinesIn(joins(squat, ...register(m0), squat).at(112, squat))).toEqual(accountsOf([m0]))
  })
  test('takeover: what becomes of the attribute later is nothing', () => {
    const chain = joins(...register(m0)).at(111, attribute(mallory.account.public, utf8('rubbish'), null, m0.account.public), attribute(mallory.account.public, document(mallory), service(mallory), m0.account.public))
    expect(machinesIn(chain)).toEqual(accountsOf([m0]))
    expect(factsOf(chain).machines[0]!.identity.peer).toBe(m0.peer.public)
  })
  test('nobody anchors it but its account', () => {
    const chain = joins(...register(m0).slice(0, 1), anchor(m0, crypto.blake2b256(document(m0)), mallory.account.public))
    expect(machinesIn(chain)).toEqual([])
    expect(registrationOf(chain.ledger, 'machine', mallory.account.public)).toBe('WRONG_ACCOUNT')
    expect(registrationOf(chain.ledger, 'machine', m0.account.public)).toBeNull()
  })
  test('needs its document in the same block', () => {
    const [doc, anchored] = register(m0)
    expect(machinesIn(joins(doc!).at(111, anchored!))).toEqual([])
    expect(machinesIn(joins(anchored!).at(111, doc!))).toEqual([])
    expect(machinesIn(joins(attribute(m0.account.public, document(m0), null), anchored!))).toEqual([])
  })
  test('needs good signatures, and the kind that its key says', () => {
    const forged = signedIdentity(m0)
    const bad = { ...forged, ownerSignature: forged.accountSignature }
    expect(machinesIn(joins(...registration(m0, bad)))).toEqual([])
    const [doc] = register(k0)
    const asMachine = anchor({ ...k0, kind: 'machine' }, crypto.blake2b256((doc as LedgerEvent & { kind: 'attribute' }).value))
    expect(machinesIn(joins(doc!, asMachine))).toEqual([])
  })
  test('does not come from garbage', () => {
    for (const garbage of [new Uint8Array(), utf8('x'), new Uint8Array(5000)]) {
      const chain = joins(attribute(m0.account.public, garbage, garbage), anchor(m0, crypto.blake2b256(garbage)), anchor(m0, garbage))
      expect(machinesIn(chain)).toEqual([])
    }
  })
  test('a newer anchor takes effect when it has waited, the older serves till then', () => {
    const moved = { ...m0, peer: peerKey('new peer') }
    const chain = joins(...register(m0)).at(117, ...registration(moved))
    expect(factsOf(chain.to(118)).machines[0]!.identity.peer).toBe(m0.peer.public)
    expect(factsOf(chain.to(138), 1).machines[0]!.identity.peer).toBe(moved.peer.public)
    expect(registeredMachines(chain.ledger)[0]!.identity.peer).toBe(moved.peer.public)
  })
  test('an anchor without a valid identity ends it at the next freeze, without waiting', () => {
    const empty = joins(...register(m0)).at(118, anchor(m0, new Uint8Array()))
    expect(machinesIn(empty)).toEqual([])
    expect(registrationOf(empty.ledger, 'machine', m0.account.public)).toBe('NO_DOCUMENT')
    expect(registeredMachines(empty.ledger)).toEqual([])
    const forged = signedIdentity(m0)
    const bad = joins(...register(m0)).at(111, ...registration(m0, { ...forged, peerSignature: forged.accountSignature }))
    expect(machinesIn(bad)).toEqual([])
    expect(registrationOf(bad.ledger, 'machine', m0.account.public)).toBe('BAD_PEER_SIGNATURE')
    // Who comes back waits again.
    const back = joins(...register(m0)).at(116, anchor(m0, new Uint8Array())).at(117, ...register(m0))
    expect(machinesIn(back)).toEqual([])
    expect(machinesIn(back, 1)).toEqual(accountsOf([m0]))
  })
  test('is the account’s last anchor of a block', () => {
    const moved = registration({ ...m0, peer: peerKey('moved') })
    expect(factsOf(joins(...register(m0), ...moved).to(118)).machines[0]!.identity.peer).toBe(peerKey('moved').public)
    expect(machinesIn(joins(...register(m0), anchor(m0, new Uint8Array())))).toEqual([])
    expect(machinesIn(joins(anchor(m0, new Uint8Array()), ...register(m0)))).toEqual(accountsOf([m0]))
  })
  test('of two accounts with one peer key the first counts, also after it anchors again', () => {
    const twin = { ...m1, peer: m0.peer }
    const twins = registration(twin)
    expect(machinesIn(joins(...register(m0)).at(111, ...twins))).toEqual(accountsOf([m0]))
    expect(machinesIn(joins(...register(m0), ...twins))).toEqual(accountsOf([m0]))
    expect(machinesIn(joins(...twins, ...register(m0)))).toEqual(accountsOf([twin]))
    expect(machinesIn(joins(...register(m0)).at(111, ...twins).at(112, ...register(m0)))).toEqual(accountsOf([m0]))
    const left = joins(...register(m0)).at(111, ...twins).at(112, ...registration({ ...m0, peer: peerKey('moved on') }))
    expect(machinesIn(left)).toEqual(accountsOf([m0, twin].sort((a, b) => (a.account.public < b.account.public ? -1 : 1))))
    // The later of two in one block, although its account is the older.
    const elsewhere = registration({ ...m0, peer: peerKey('elsewhere') })
    expect(machinesIn(joins(...elsewhere).at(112, ...twins, ...register(m0)))).toEqual(accountsOf([twin]))
    const asChecker = registration({ ...k0, peer: m0.peer })
    expect(checkersIn(joins(...register(m0), role(k0), ...asChecker))).toEqual([])
  })
})

describe('a checker', () => {
  const with_ = (...events: LedgerEvent[]): TestChain => new TestChain(100).at(100, parametersItem(parameters)).at(110, ...register(k0), ...events)
  test('needs the network’s role, assigned by the network', () => {
    expect(checkersIn(with_(role(k0)))).toEqual(accountsOf([k0]))
    expect(checkersIn(with_())).toEqual([])
    expect(checkersIn(with_(role(k0, true, mallory.account.public)))).toEqual([])
    expect(checkersIn(with_({ kind: 'role', owner: NETWORK, role: hashOf('cook'), user: k0.account.public, assigned: true }))).toEqual([])
  })
  test('needs an identity', () => {
    expect(checkersIn(new TestChain(100).at(100, parametersItem(parameters), role(k0)))).toEqual([])
  })
  test('is no machine', () => {
    expect(machinesIn(with_(role(k0)))).toEqual([])
  })
  test('waits with its role, and loses it at once', () => {
    const late = with_().at(LAST_BLOCK_TO_JOIN + 1, role(k0))
    expect(checkersIn(late)).toEqual([])
    expect(accounts(registeredCheckers(late.ledger))).toEqual(accountsOf([k0]))
    expect(checkersIn(late, 1)).toEqual(accountsOf([k0]))
    expect(checkersIn(with_().at(LAST_BLOCK_TO_JOIN, role(k0)))).toEqual(accountsOf([k0]))
    expect(checkersIn(with_(role(k0)).at(118, role(k0, false)))).toEqual([])
    expect(checkersIn(with_(role(k0)).at(119, role(k0, false)))).toEqual(accountsOf([k0]))
    const swapped = with_(role(k0)).at(117, role(k0, false), role(k0))
    expect(checkersIn(swapped)).toEqual([])
    expect(checkersIn(swapped, 1)).toEqual(accountsOf([k0]))
    const gone = with_(role(k0)).at(111, role(k0, false))
    expect(checkersIn(gone)).toEqual([])
    expect(registeredCheckers(gone.ledger)).toEqual([])
  })
  test('counts as eligible in the round at the head, and before the first freeze once it is registered', () => {
    expect(eligibleCheckers(emptyLedger(NETWORK))).toEqual([])
    expect(accounts(eligibleCheckers(with_(role(k0)).to(112).ledger))).toEqual(accountsOf([k0]))
    const late = with_().at(LAST_BLOCK_TO_JOIN + 1, role(k0))
    expect(eligibleCheckers(late.to(schedule(parameters, 0).start).ledger)).toEqual([])
    expect(accounts(eligibleCheckers(late.to(schedule(parameters, 1).start).ledger))).toEqual(accountsOf([k0]))
  })
  test('who has left is needed as long as a round that it was in', () => {
    const first = schedule(parameters, 0)
    const chain = network().at(first.start, anchor(k0, new Uint8Array())).to(first.commitFrom)
    const all = accountsOf(checkers)
    const without = all.filter((account) => account !== k0.account.public)
    expect(accounts(registeredCheckers(chain.ledger))).toEqual(without)
    expect([-1, 0, 1].map((from) => accounts(neededCheckers(chain.ledger, from)))).toEqual([all, all, without])
    expect(neededCheckers(chain.ledger, 0).find(({ account }) => account === k0.account.public)).toEqual(factsOf(chain).checkers.find(({ account }) => account === k0.account.public))
    // Its evidence is, until the epoch has a statement.
    const settles: LedgerEvent = { kind: 'item', who: NETWORK, key: statementKey(NETWORK, 0, 0), value: utf8('statement'), update: false }
    const judged = judgementOfEpoch(parameters, 0)
    expect(accounts(evidenceHolders(chain.to(judged).ledger))).toEqual(all)
    expect(accounts(evidenceHolders(chain.at(judged + 1, settles).to(judged + 1).ledger))).toEqual(without)
    expect([neededCheckers(emptyLedger(NETWORK), 0), evidenceHolders(emptyLedger(NETWORK))]).toEqual([[], []])
  })
  test('is not unseated by a stranger', () => {
    expect(checkersIn(with_(role(k0), role(k0, false, mallory.account.public)))).toEqual(accountsOf([k0]))
  })
})

const item = (change: Partial<ReportItem> = {}): ReportItem => ({ round: 0, commitment: hashOf('report'), previousPackage: ZERO_HASH, held: new Uint8Array(), ...change })

describe('a report', () => {
  const reportsOf = (chain: TestChain, round = 0): RoundFacts['reports'] => factsOf(chain.to(round * 20 + 131), round).reports
  const [from, to] = [128, 131]

  test('counts in its window, by add or by update', () => {
    const added = { ...reportEvent(k1, item()), update: false } as LedgerEvent
    const reports = reportsOf(network().at(from, reportEvent(k0, item())).at(to, added))
    expect(reports).toEqual(new Map([[k0.account.public, { block: from, item: item() }], [k1.account.public, { block: to, item: item() }]]))
  })
  test('before or after its window does not exist', () => {
    const chain = network().at(from - 1, reportEvent(k0, item())).at(to + 1, reportEvent(k1, item()))
    expect(factsOf(chain.to(140)).reports.size).toBe(0)
    const again = network().at(from - 1, reportEvent(k0, item())).at(from, reportEvent(k0, item({ commitment: hashOf('second') })))
    expect(reportsOf(again).get(k0.account.public)!.item!.commitment).toBe(hashOf('second'))
  })
  test('is the first event in the window, even if that is malformed or of another round', () => {
    const malformed: LedgerEvent = { kind: 'item', who: k1.account.public, key: reportKey(NETWORK), value: utf8('rubbish'), update: true }
    const chain = network()
      .at(from, reportEvent(k0, item({ commitment: hashOf('first') })), reportEvent(k0, item({ commitment: hashOf('second') })), malformed)
      .at(from + 1, reportEvent(k0, item({ commitment: hashOf('third') })), reportEvent(k1, item()), reportEvent(k2, item({ round: 1 })))
      .at(from + 2, reportEvent(k2, item()))
    expect(reportsOf(chain)).toEqual(new Map([
      [k0.account.public, { block: from, item: item({ commitment: hashOf('first') }) }],
      [k1.account.public, { block: from, item: null }],
      [k2.account.public, { block: from + 1, item: null }],
    ]))
  })
  test('of a stranger, of a machine, or under another network’s key is none', () => {
    const elsewhere: LedgerEvent = { kind: 'item', who: k0.account.public, key: reportKey(hashOf('another')), value: encodeReportItem(item()), update: true }
    const chain = network().at(from, reportEvent(mallory, item()), reportEvent(m0, item()), elsewhere)
    expect(reportsOf(chain).size).toBe(0)
    expect(chain.ledger.rounds).toEqual(network().to(to).ledger.rounds)
  })
  test('of a checker that is no longer eligible still speaks of the rounds before', () => {
    const chain = network().at(119, role(k0, false)).at(from, reportEvent(k0, item())).at(148, reportEvent(k0, item({ round: 1, previousPackage: hashOf('package') })))
    expect(reportsOf(chain, 1).size).toBe(0)
    expect(factsOf(chain).packageRoots).toEqual(new Map([[k0.account.public, hashOf('package')]]))
  })
})

describe('a package counts', () => {
  const root = hashOf('package of k0')
  const beacon = beaconOf(crypto, NETWORK, 0, new TestChain(100).hash(120))
  const place = checkers.indexOf(k0)
  const mirrors = mirrorsOf(crypto, beacon, k0.account.public, accountsOf(checkers), 2)
  const isMirror = (who: Actor): boolean => mirrors.includes(who.account.public)
  const [mirror] = checkers.filter(isMirror) as [Actor]
  const [other] = checkers.filter((who) => who !== k0 && !isMirror(who)) as [Actor]
  const held = heldBitmap(5, [place])
  const countedIn = (reported: ReportItem, posted: ReportItem | null, bits: [Actor, ReportItem][]): RoundFacts['counted'] => {
    const chain = network().at(128, reportEvent(k0, reported)).at(168, ...bits.map(([who, bitmap]) => reportEvent(who, bitmap)))
    if (posted !== null) chain.at(148, reportEvent(k0, posted))
    return factsOf(chain.to(171)).counted
  }
  const posted = item({ round: 1, previousPackage: root })
  const bitmap = item({ round: 2, held })
  const COUNTED = new Map([[k0.account.public, root]])

  test('with report, root and the bit of one of two mirrors', () => {
    expect(countedIn(item(), posted, [[mirror, bitmap]])).toEqual(COUNTED)
  })
  test('not without a good report of its round', () => {
    expect(countedIn(item({ round: 3 }), posted, [[mirror, bitmap]]).size).toBe(0)
  })
  test('not without a root in the next window', () => {
    expect(countedIn(item(), null, [[mirror, bitmap]]).size).toBe(0)
    expect(countedIn(item(), item({ round: 1 }), [[mirror, bitmap]]).size).toBe(0)
    expect(countedIn(item(), { ...posted, round: 2 }, [[mirror, bitmap]]).size).toBe(0)
  })
  test('not with the bits of itself, of others that are no mirrors, or with other bits', () => {
    expect(countedIn(item(), posted, [[k0, bitmap], [other, bitmap]]).size).toBe(0)
    expect(countedIn(item(), posted, [[mirror, item({ round: 2, held: heldBitmap(5, [0, 1, 2, 3, 4].filter((i) => i !== place)) })]]).size).toBe(0)
    expect(countedIn(item(), posted, [[mirror, item({ round: 2 })]]).size).toBe(0)
  })
  test('not with a bitmap that speaks of another round', () => {
    expect(countedIn(item(), posted, [[mirror, { ...bitmap, round: 1 }]]).size).toBe(0)
  })
  test('with as many mirrors as the rule says: more than a third', () => {
    const many = { ...parameters, mirrors: 4 }
    for (const [bits, counts] of [[1, false], [2, true], [4, true]] as const) {
      const chain = network(many).at(128, reportEvent(k0, item())).at(148, reportEvent(k0, posted))
      chain.at(168, ...checkers.filter((who) => who !== k0).slice(0, bits).map((who) => reportEvent(who, bitmap)))
      expect(factsOf(chain.to(171)).counted.has(k0.account.public)).toBe(counts)
    }
  })
  test('never where there is no mirror', () => {
    const alone = new TestChain(100).at(100, parametersItem(parameters), role(k0), ...register(k0)).at(128, reportEvent(k0, item())).at(148, reportEvent(k0, posted)).at(168, reportEvent(k0, item({ round: 2, held: heldBitmap(1, [0]) })))
    expect(factsOf(alone.to(171)).counted.size).toBe(0)
  })
})

describe('a version that the reader does not know', () => {
  const later = (version: number, change: Partial<Parameters> = {}, tail = 40): LedgerEvent => ({ kind: 'item', who: NETWORK, key: PARAMETERS_KEY, update: true, value: concat(encodeParameters({ ...parameters, ...change }).slice(0, 21).with(0, version), new Uint8Array(tail).fill(0xee)) })
  const old = (chain: TestChain): TestChain => Object.assign(chain, { ledger: emptyLedger(NETWORK, { lowest: 1, highest: 1 }) })

  test('is told with its epoch, and what was agreed on before holds until then', () => {
    // Written in epoch 0, which is rounds 0 and 1, blocks 120 to 159: in force from epoch 2, block 200.
    const { ledger } = network().at(130, later(3)).to(131)
    expect(ledger.newer).toEqual({ version: 3, epoch: 2, block: 130, start: 200, unreadable: schedule(parameters, 4).commitFrom })
    expect([0, 3, 4, 99].map((round) => parametersFor(ledger, round)?.committee ?? null)).toEqual([3, 3, null, null])
    expect([versionAt(ledger, 131), versionAt(ledger, 500)]).toEqual([1, 1])
  })
  test('ends the ledger before anything may be said in it; the rounds before are whole until their packages are due', () => {
    const chain = network().at(130, later(3))
    chain.to(schedule(parameters, 3).packageBy)
    expect(factsOf(chain, 3)).toMatchObject({ round: 3, beacon: expect.any(String), openRandomness: expect.any(String) })
    expect(roundFacts(crypto, chain.ledger, 4)).toBeNull()
    const { unreadable } = chain.ledger.newer!
    expect(unreadable).toBeGreaterThan(schedule(parameters, 3).packageBy)
    chain.to(unreadable - 1)
    expect(() => chain.to(unreadable)).toThrow(NewerVersionError)
    expect(() => chain.to(unreadable)).toThrow('version 3 of the protocol took effect with epoch 2, at block 200, and this program knows versions up to 2')
    expect(chain.ledger.head!.number).toBe(unreadable - 1)
  })
  test('is none if a stranger says it, if it is not of this network’s times, or too short or long', () => {
    const stranger = { ...later(3), who: mallory.account.public }
    for (const event of [stranger, later(3, { start: 121 }), later(3, { epochRounds: 3 }), later(3, { packageOffset: 17 }), later(3, {}, 108), { ...later(3), value: later(3).kind === 'item' ? new Uint8Array(20).fill(3) : new Uint8Array() } as LedgerEvent])
      expect(network().at(130, event).to(131).ledger.newer).toBeNull()
  })
  test('stays, whatever is written after it', () => {
    const { ledger } = network().at(130, later(3)).at(131, later(4)).at(161, parametersItem({ ...parameters, version: 2, committee: 1 })).to(162)
    expect(ledger.newer).toMatchObject({ version: 3, epoch: 2 })
    expect(parametersFor(ledger, 4)).toBeNull()
  })
  test('cannot be read at all where it founds the network', () => {
    const chain = new TestChain(100).at(101, later(3))
    expect(() => chain.to(102)).toThrow(NewerVersionError)
    // Of a block before its own origin it is nothing.
    expect(new TestChain(100).at(101, later(3, { origin: 110 })).to(102).ledger.newer).toBeNull()
  })
  test('is the second, for who knows the first alone; who knows both goes on', () => {
    const raised = parametersItem({ ...parameters, version: 2 })
    const known = network().at(130, raised).to(300)
    expect(known.ledger.newer).toBeNull()
    expect([199, 200].map((height) => versionAt(known.ledger, height))).toEqual([1, 2])
    // What was begun in the last round before is ended in it.
    const { commitFrom } = schedule(parameters, 4)
    expect(commitFrom).toBeGreaterThan(schedule(parameters, 3).packageBy)
    expect([commitFrom - 1, commitFrom].map((height) => spokenAt(known.ledger, height))).toEqual([1, 2])
    expect(parametersFor(known.ledger, 4)).toEqual({ ...parameters, version: 2 })
    const chain = old(new TestChain(100).at(100, parametersItem(parameters)).at(130, raised)).to(199)
    expect(chain.ledger.newer).toMatchObject({ version: 2, epoch: 2 })
    expect(() => chain.to(300)).toThrow(NewerVersionError)
  })
  test('is not left again', () => {
    const { ledger } = network().at(130, parametersItem({ ...parameters, version: 2 })).at(131, parametersItem({ ...parameters, committee: 1 })).to(132)
    expect(parametersFor(ledger, 4)).toEqual({ ...parameters, version: 2 })
  })
  test('draws no settlers', () => {
    const chain = new TestChain(100).at(100, parametersItem({ ...parameters, termEpochs: 1 })).at(130, later(3))
    expect(chain.to(schedule(parameters, 4).start + 1).ledger.terms.has(2)).toBe(false)
  })
  test('is news at once and with each epoch', () => {
    const news = newerNews()
    const chain = network().at(130, later(3)).to(131)
    expect(news(network().to(131).ledger, 131)).toBeNull()
    expect(news(chain.ledger, 132)).toEqual({ version: 3, epoch: 2, start: 200, reason: 'version 3 of the protocol takes effect with epoch 2, at block 200, in 68 blocks, and this program knows versions up to 2' })
    expect(news(chain.ledger, 133)).toBeNull()
    expect(news(chain.ledger, 161)?.reason).toContain('in 39 blocks')
    expect([blocksToNewer(network().to(131).ledger, 131), blocksToNewer(chain.ledger, 150), blocksToNewer(chain.ledger, 250)]).toEqual([-1, 50, 0])
  })
})

describe('parameters', () => {
  const inRound = (chain: TestChain, round: number): Parameters | null => parametersFor(chain.ledger, round)
  const next = { ...parameters, committee: 1, poolPerEpoch: 5n }

  test('found a network once, if they are sound', () => {
    expect(inRound(new TestChain(100).to(110), 0)).toBeNull()
    expect(roundFacts(crypto, new TestChain(100).to(130).ledger, 0)).toBeNull()
    expect(inRound(new TestChain(100).at(101, parametersItem({ ...parameters, committee: 0 })).to(102), 0)).toBeNull()
    expect(inRound(new TestChain(100).at(101, { kind: 'item', who: NETWORK, key: PARAMETERS_KEY, value: utf8('rubbish'), update: false }).to(102), 0)).toBeNull()
    expect(inRound(new TestChain(100).at(101, parametersItem(parameters)).to(102), 0)).toEqual(parameters)
  })
  test('of a stranger are nothing, first or later', () => {
    expect(inRound(new TestChain(100).at(101, parametersItem(parameters, mallory.account.public)).to(102), 0)).toBeNull()
    expect(inRound(network().at(101, parametersItem(next, mallory.account.public)).to(300), 9)).toEqual(parameters)
  })
  test('change with the second epoch after, for good', () => {
    // Epoch 0 is rounds 0 and 1, blocks 120 to 159.
    const chain = network().at(159, parametersItem(next)).to(160)
    expect([0, 3, 4, 5, 99].map((round) => inRound(chain, round)!.committee)).toEqual([3, 3, 1, 1, 1])
    const later = network().at(160, parametersItem(next)).to(161)
    expect([4, 5, 6].map((round) => inRound(later, round)!.committee)).toEqual([3, 3, 1])
    expect(factsOf(later.to(300), 6).parameters).toEqual(next)
  })
  test('changed twice in one epoch: the last word holds', () => {
    const chain = network().at(130, parametersItem(next)).at(131, parametersItem({ ...next, committee: 2 })).to(132)
    expect(inRound(chain, 4)!.committee).toBe(2)
  })
  test('written before the start hold from epoch 0 or 1 on, with the same notice', () => {
    expect(inRound(network().at(110, parametersItem(next)).to(111), 2)!.committee).toBe(1)
    expect(inRound(network().at(110, parametersItem(next)).to(111), 1)!.committee).toBe(3)
    const early = new TestChain(10).at(10, parametersItem({ ...parameters, origin: 10 })).at(11, parametersItem({ ...next, origin: 10 })).to(12)
    expect(inRound(early, 0)!.committee).toBe(1)
  })
  test('that would move the schedule, or are unsound, are ignored', () => {
    for (const change of [{ start: 140 }, { roundBlocks: 21 }, { confirmations: 2 }, { epochRounds: 3 }, { seedOffset: 2 }, { commitOffset: 12 }, { packageOffset: 19 }, { origin: 99 }, { randomness: 0 }, { committee: 0 }])
      expect(inRound(network().at(130, parametersItem({ ...next, ...change })).to(131), 50), JSON.stringify(change)).toEqual(parameters)
  })
  test('that come later than the first rounds leave these empty', () => {
    const chain = new TestChain(100).at(145, ...founding())
    chain.to(250)
    for (const round of [0, 1]) expect(factsOf(chain, round)).toMatchObject({ machines: [], checkers: [], complete: true })
    expect(factsOf(chain, 2).machines).toHaveLength(2)
  })
  test('with an origin that is still to come are none', () => {
    expect(inRound(new TestChain(100).at(105, parametersItem({ ...parameters, origin: 106 })).to(110), 0)).toBeNull()
  })
  test('make everything before their origin unhappen', () => {
    const chain = new TestChain(90).at(95, role(k0), role(k1), ...register(k0), ...register(m0)).at(105, parametersItem(parameters), ...register(k1)).at(106, role(k0))
    expect(machinesIn(chain)).toEqual([])
    expect(checkersIn(chain)).toEqual([])
    expect(registeredCheckers(chain.ledger)).toEqual([])
  })
})

describe('randomness', () => {
  test('is the relay parent’s storage root where the parameters say so', () => {
    const chain = network({ ...parameters, randomness: 0 }).to(120)
    expect(factsOf(chain).beacon).toBe(beaconOf(crypto, NETWORK, 0, hashOf('chain relay 120')))
  })
  test('cannot be missing', () => {
    const { ledger } = network({ ...parameters, randomness: 0 }).to(119)
    const block = { number: 120, hash: hashOf('x'), parentHash: ledger.head!.hash, relayRoot: null, events: [] }
    expect(() => applyBlock(crypto, ledger, block)).toThrow(NoRandomnessError)
    expect(() => applyBlock(crypto, network().to(119).ledger, block)).not.toThrow()
  })
})

describe('blocks', () => {
  const chain = network().to(125)
  const block = { number: 126, hash: hashOf('126'), parentHash: chain.hash(125), relayRoot: null, events: [] }
  test('must follow one another', () => {
    expect(applyBlock(crypto, chain.ledger, block).head).toEqual({ number: 126, hash: hashOf('126') })
    for (const wrong of [{ ...block, number: 127 }, { ...block, number: 125 }, { ...block, parentHash: hashOf('other') }]) expect(() => applyBlock(crypto, chain.ledger, wrong)).toThrow(LedgerGapError)
  })
  test('may begin anywhere', () => {
    expect(applyBlock(crypto, emptyLedger(NETWORK), block).head?.number).toBe(126)
  })
  test('leave the states before alone: two futures of one past', () => {
    const past = network().to(127)
    const before = past.ledger
    const one = applyBlock(crypto, before, { number: 128, hash: hashOf('a'), parentHash: past.hash(127), relayRoot: null, events: [reportEvent(k0, item())] })
    const two = applyBlock(crypto, before, { number: 128, hash: hashOf('b'), parentHash: past.hash(127), relayRoot: null, events: [reportEvent(k1, item()), ...register(mallory), role(mallory), parametersItem({ ...parameters, committee: 1 })] })
    expect(roundFacts(crypto, before, 0)!.reports.size).toBe(0)
    expect([...roundFacts(crypto, one, 0)!.reports.keys()]).toEqual([k0.account.public])
    expect([...roundFacts(crypto, two, 0)!.reports.keys()]).toEqual([k1.account.public])
    expect(registeredMachines(one)).toHaveLength(2)
    expect(registeredMachines(two)).toHaveLength(3)
    expect(parametersFor(one, 99)!.committee).toBe(3)
  })
})

describe('statements', () => {
  const chunk = (epoch: number, n: number, value: Uint8Array, who = NETWORK, update = false): LedgerEvent => ({ kind: 'item', who, key: statementKey(NETWORK, epoch, n), value, update })
  test('are what the network’s account wrote first', () => {
    const chain = network()
      .at(180, chunk(0, 0, utf8('a')), chunk(0, 1, utf8('b')))
      .at(181, chunk(0, 0, utf8('x')), chunk(0, 1, utf8('y'), NETWORK, true), chunk(1, 0, utf8('z'), mallory.account.public), chunk(0, 16, utf8('far')), chunk(0, 3, utf8('late'), NETWORK, true), chunk(0, 2, new Uint8Array(129)))
      .to(182)
    expect(statementsOnChain(chain.ledger)).toEqual(new Map([[0, { block: 180, chunks: new Map([[0, utf8('a')], [1, utf8('b')]]), parts: new Map() }]]))
  })
})

test('pruned rounds have no facts, later ones lose nothing', () => {
  const chain = network().to(120 + 20 * 300)
  const pruned = pruneLedger(chain.ledger, 290)
  expect(roundFacts(crypto, pruned, 100)).toBeNull()
  expect(roundFacts(crypto, pruned, 290)).toMatchObject({ beacon: factsOf(chain, 290).beacon, complete: true })
  expect(roundFacts(crypto, chain.ledger, 100)).not.toBeNull()
})

// What a reader that started early knows is what a reader that started at the origin knows, whatever was written before and after.
test('the same facts from the origin and from before it', () => {
  const everyone = [...checkers, ...machines]
  // A twin with another's peer key makes it matter who came first.
  const twin = registration({ ...m1, peer: m0.peer })
  const event: fc.Arbitrary<LedgerEvent[]> = fc.oneof(
    fc.constantFrom(...everyone).map(register),
    fc.constantFrom(register(m0), twin),
    fc.constantFrom(...everyone).map((who) => [anchor(who, new Uint8Array())]),
    fc.record({ who: fc.constantFrom(...checkers), assigned: fc.boolean() }).map(({ who, assigned }) => [role(who, assigned)]),
    fc.constantFrom(3, 2, 1).map((committee) => [parametersItem({ ...parameters, committee })]),
    fc.record({ who: fc.constantFrom(...everyone), round: fc.nat(3) }).map(({ who, round }) => [reportEvent(who, item({ round, previousPackage: hashOf('p'), held: Uint8Array.of(255) }))]),
  )
  const history = fc.array(fc.tuple(fc.integer({ min: 90, max: 200 }), event), { maxLength: 40 })
  const told = ({ ledger }: TestChain): unknown =>
    [0, 1, 2, 3].map((round) => {
      const facts = roundFacts(crypto, ledger, round)
      if (facts === null) return null
      const { machines, checkers, parameters, beacon, reports, packageRoots, counted, complete } = facts
      return { machines, checkers, parameters, beacon, reports, packageRoots, counted, complete }
    })
  fc.assert(
    fc.property(history, (events) => {
      const [early, late] = [new TestChain(90), new TestChain(100)]
      for (const [block, batch] of [[103, [parametersItem(parameters)]] as const, ...events]) {
        early.at(block, ...batch)
        if (block >= 100) late.at(block, ...batch)
      }
      expect(told(early.to(200))).toEqual(told(late.to(200)))
    }),
    { numRuns: 60 },
  )
})

test('a stranger’s account is worth nothing', () => {
  // Everything that M, K and N do, done by somebody else.
  const stranger = accountKey('stranger').public
  const copy = (event: LedgerEvent): LedgerEvent => (event.kind === 'role' ? { ...event, owner: stranger } : { ...event, who: stranger })
  const chain = network().at(101, ...founding().map(copy)).at(128, copy(reportEvent(k0, item())))
  const clean = network()
  for (const each of [chain, clean]) each.to(171)
  expect(registeredMachines(chain.ledger)).toEqual(registeredMachines(clean.ledger))
  expect(registeredCheckers(chain.ledger)).toEqual(registeredCheckers(clean.ledger))
  expect(factsOf(chain).reports).toEqual(factsOf(clean).reports)
  expect(parametersFor(chain.ledger, 50)).toEqual(parameters)
})
