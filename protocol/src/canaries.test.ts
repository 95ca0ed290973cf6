import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Actor, actor, NETWORK, parametersItem, registration, role, TestChain } from '../testing/chain.ts'
import { crypto, hashOf } from '../testing/crypto.ts'
import { type AccountId, concat, type Hash, ZERO_HASH } from './bytes.ts'
import {
  CANARIES_MOST, type CanaryLook, type CanaryOpening, canaryCommitment, consentMessage, decodeCanaryCommitment, decodeCanaryOpening, encodeCanaryCommitment, encodeCanaryOpening, isMuted, type NamedCanary, OPENING_BYTES, openingChunks, trialsOf,
} from './canaries.ts'
import { MalformedError } from './codec.ts'
import type { CountedObservation } from './examine.ts'
import { calibratorsOf, canariesOf, CanariesUnknownError, canaryChunksOf, canaryCommitmentOf, type LedgerEvent, pruneLedger } from './ledger.ts'
import { devnetParameters } from './parameters.ts'
import { judgementOfEpoch, schedule } from './schedule.ts'
import { calibratorRoleId, canariesChunkKey, canariesKey } from './storage-keys.ts'

// Epoch 0 is rounds 0 and 1, frozen with 118 and 138 and judged with 192; epoch 1 is frozen with 158.
const parameters = devnetParameters(100, 120)
const FREEZE = schedule(parameters, 0).freeze
const JUDGED = judgementOfEpoch(parameters, 0)
const machines = ['mary', 'mike'].map((name) => actor('machine', name)).sort((a, b) => (a.account.public < b.account.public ? -1 : 1))
const [m0, m1] = machines as [Actor, Actor]
const [q0, q1] = ['quentin', 'quinn'].map((name) => actor('checker', name).account.public).sort() as [AccountId, AccountId]
const salt = hashOf('salt')

const nothing: LedgerEvent[] = []
const calibrator = (user: AccountId, assigned = true, owner: AccountId = NETWORK): LedgerEvent => ({ kind: 'role', owner, role: calibratorRoleId(crypto), user, assigned })
const named = (who: Actor, mute: number, by = q0) => ({ machine: who.account.public, mute, consent: who.peer.sign(consentMessage({ network: NETWORK, calibrator: by, machine: who.account.public })) })
const openingOf = (by = q0, mute = 100, of: Actor[] = machines): CanaryOpening => ({ salt, canaries: of.map((who) => named(who, mute, by)) })
const commits = (by: AccountId, opening: Uint8Array, epoch = 0, update = false): LedgerEvent => ({ kind: 'item', who: by, key: canariesKey(NETWORK), value: encodeCanaryCommitment({ epoch, commitment: canaryCommitment(crypto, { network: NETWORK, epoch, calibrator: by }, opening) }), update })
const chunk = (by: AccountId, index: number, value: Uint8Array, epoch = 0, update = false): LedgerEvent => ({ kind: 'item', who: by, key: canariesChunkKey(NETWORK, epoch, index), value, update })
const opens = (by: AccountId, opening: Uint8Array, epoch = 0): LedgerEvent[] => openingChunks(opening).map((value, index) => chunk(by, index, value, epoch))
const registered = machines.flatMap((who) => registration(who))
const network = (): TestChain => new TestChain(100).at(100, parametersItem(parameters), calibrator(q0), calibrator(q1), ...registered)
const canaries = (chain: TestChain, epoch = 0) => canariesOf(crypto, chain.to(judgementOfEpoch(parameters, epoch)).ledger, epoch)
const bytes = encodeCanaryOpening(openingOf())
const both = new Map(machines.map(({ account }) => [account.public, { mute: 100, salt, calibrator: q0 }]))

describe('the canaries of an epoch', () => {
  test('are those that were committed to before and opened in time', () => {
    const chain = network().at(110, commits(q0, bytes)).at(JUDGED, ...opens(q0, bytes))
    expect(canaries(chain)).toEqual(both)
    expect(canaryCommitmentOf(chain.ledger, 0, q0)).toBe(canaryCommitment(crypto, { network: NETWORK, epoch: 0, calibrator: q0 }, bytes))
    expect(canaryCommitmentOf(chain.ledger, 0, q1)).toBeNull()
    expect([canaryChunksOf(chain.ledger, 0, q0).size, canaryChunksOf(chain.ledger, 0, q1).size]).toEqual([2, 0])
    expect(calibratorsOf(chain.ledger)).toEqual([q0, q1])
  })

  test('are not known before the judgement, nor of a pruned epoch', () => {
    const chain = network().at(110, commits(q0, bytes), ...opens(q0, bytes)).to(JUDGED - 1)
    expect(() => canariesOf(crypto, chain.ledger, 0)).toThrow(CanariesUnknownError)
    expect(() => canariesOf(crypto, new TestChain(100).to(101).ledger, 0)).toThrow(CanariesUnknownError)
    expect(canariesOf(crypto, chain.to(JUDGED).ledger, 0)).toEqual(both)
    chain.to(120 + 20 * 300)
    const pruned = pruneLedger(chain.ledger, 290)
    expect(() => canariesOf(crypto, pruned, 0)).toThrow(CanariesUnknownError)
    expect(pruned.canaries.size).toBe(0)
    expect(canariesOf(crypto, pruneLedger(chain.ledger, 127), 0)).toEqual(both)
  })

  test.each([
    ['the freeze block itself', FREEZE, 2],
    ['one block later', FREEZE + 1, 0],
  ])('a commitment in %s', (_, block, count) => {
    expect(canaries(network().at(block, commits(q0, bytes), ...opens(q0, bytes))).size).toBe(count)
  })

  test('an opening one block after the judgement is none, and one before its commitment is none', () => {
    const late = network().at(110, commits(q0, bytes)).at(JUDGED + 1, ...opens(q0, bytes))
    expect(canariesOf(crypto, late.to(JUDGED + 2).ledger, 0).size).toBe(0)
    expect(canaries(network().at(110, ...opens(q0, bytes), commits(q0, bytes))).size).toBe(0)
  })

  test('are what the first commitment and the first chunks say', () => {
    const other = encodeCanaryOpening(openingOf(q0, 7))
    const chain = network()
      .at(110, commits(q0, bytes))
      .at(111, commits(q0, other, 0, true))
      .at(112, ...opens(q0, bytes), ...opens(q0, other))
    expect(canaries(chain)).toEqual(both)
    expect(canaries(network().at(110, commits(q0, other), commits(q0, bytes, 0, true), ...opens(q0, bytes))).size).toBe(0)
  })

  test('may be committed to by an update, but not opened by one', () => {
    const [first, ...rest] = openingChunks(bytes)
    expect(canaries(network().at(110, commits(q0, bytes, 0, true), ...opens(q0, bytes)))).toEqual(both)
    expect(canaries(network().at(110, commits(q0, bytes), chunk(q0, 0, first!, 0, true), ...rest.map((value, i) => chunk(q0, i + 1, value)))).size).toBe(0)
  })

  test('of the epoch after next can be committed to as well, of later ones not', () => {
    const chain = network().at(110, commits(q0, bytes, 0), commits(q0, bytes, 1, true), commits(q0, bytes, 2, true)).at(130, ...opens(q0, bytes, 1))
    expect(canaries(chain, 1)).toEqual(both)
    expect(canaryCommitmentOf(chain.ledger, 2, q0)).toBeNull()
  })

  test.each<[string, LedgerEvent[], LedgerEvent[], LedgerEvent[]]>([
    ['never had the role', [calibrator(q0, false)], nothing, nothing],
    ['got it after its commitment', [calibrator(q0, false)], [calibrator(q0)], nothing],
    ['lost it before the freeze', nothing, [calibrator(q0, false)], [calibrator(q0)]],
    ['lost it before the opening', nothing, nothing, [calibrator(q0, false)]],
  ])('of one who %s are none', (_, before, between, after) => {
    const chain = network().at(105, ...before).at(110, commits(q0, bytes)).at(FREEZE, ...between).at(130, ...after).at(140, ...opens(q0, bytes))
    expect(canaries(chain).size).toBe(0)
  })

  test('a stranger’s role is none', () => {
    const mallory = actor('checker', 'mallory').account.public
    expect(canaries(network().at(110, calibrator(mallory, true, mallory), commits(mallory, encodeCanaryOpening(openingOf(mallory))), ...opens(mallory, encodeCanaryOpening(openingOf(mallory))))).size).toBe(0)
  })

  test('a network founded after the freeze has none', () => {
    const chain = new TestChain(100).at(119, parametersItem(parameters), calibrator(q0), ...registered, commits(q0, bytes)).at(140, ...opens(q0, bytes))
    expect(canaries(chain).size).toBe(0)
  })

  test('of an opening that lacks a chunk, is spoiled, too long or longer than it should be are none', () => {
    const [first, second] = openingChunks(bytes) as [Uint8Array, Uint8Array]
    const after = (...events: LedgerEvent[]) => canaries(network().at(110, commits(q0, bytes)).at(140, ...events)).size
    expect(after(chunk(q0, 0, first), chunk(q0, 1, second))).toBe(2)
    expect(after(chunk(q0, 0, first))).toBe(0)
    expect(after(chunk(q0, 1, second))).toBe(0)
    expect(after(chunk(q0, 0, first.with(0, first[0]! ^ 1)), chunk(q0, 1, second))).toBe(0)
    expect(after(chunk(q0, 0, concat(first, second.slice(0, 1))), chunk(q0, 1, second.slice(1)))).toBe(0)
    expect(after(chunk(q0, 0, first), chunk(q0, 1, second), chunk(q0, 2, new Uint8Array(1)))).toBe(0)
    // What lies behind a gap, or beyond the longest opening, is nothing.
    expect(after(chunk(q0, 0, first), chunk(q0, 1, second), chunk(q0, 3, new Uint8Array(1)), chunk(q0, 49, new Uint8Array(1)))).toBe(2)
  })

  test('that were committed to malformed are none', () => {
    const unsorted = concat(bytes.slice(0, 33), bytes.slice(33 + 97), bytes.slice(33, 33 + 97))
    for (const opening of [unsorted, new Uint8Array(), concat(bytes, Uint8Array.of(0))]) expect(canaries(network().at(110, commits(q0, opening), ...opens(q0, opening))).size).toBe(0)
    const item = { kind: 'item', who: q0, key: canariesKey(NETWORK), value: new Uint8Array(37), update: false } as const
    expect(canaryCommitmentOf(network().at(110, item).to(111).ledger, 0, q0)).toBeNull()
  })

  test('consented: nobody names another’s machine, or one that consented to another calibrator', () => {
    const bad = { salt, canaries: [named(m0, 5), { ...named(m1, 5), consent: named(m1, 5, q1).consent }] }
    const opening = encodeCanaryOpening(bad)
    expect([...canaries(network().at(110, commits(q0, opening), ...opens(q0, opening))).keys()]).toEqual([m0.account.public])
  })

  test('are eligible in one of its rounds', () => {
    const late = actor('machine', 'max')
    const opening = encodeCanaryOpening({ salt, canaries: [named(late, 5)] })
    const joining = (block: number) => canaries(network().at(110, commits(q0, opening), ...opens(q0, opening)).at(block, ...registration(late))).size
    expect([joining(136), joining(137)]).toEqual([1, 0])
  })

  test('of two calibrators that name one machine the smaller counts', () => {
    const second = encodeCanaryOpening({ salt: hashOf('other'), canaries: [named(m1, 9, q1)] })
    const first = encodeCanaryOpening(openingOf(q0, 100, [m1]))
    const chain = network().at(110, commits(q1, second), ...opens(q1, second), commits(q0, first), ...opens(q0, first))
    expect(canaries(chain)).toEqual(new Map([[m1.account.public, { mute: 100, salt, calibrator: q0 }]]))
  })
})

describe('encodings', () => {
  test('are bounded', () => {
    const full: CanaryOpening = { salt, canaries: Array.from({ length: CANARIES_MOST }, (_, i) => ({ machine: `0x${i.toString(16).padStart(64, '0')}` as const, mute: 255, consent: new Uint8Array(64) })) }
    expect(encodeCanaryOpening(full).length).toBe(OPENING_BYTES)
    expect(() => encodeCanaryOpening({ salt, canaries: [...full.canaries, { machine: `0x${'f'.repeat(64)}`, mute: 0, consent: new Uint8Array(64) }] })).toThrow(RangeError)
    expect(() => encodeCanaryOpening({ salt, canaries: full.canaries.toReversed() })).toThrow(RangeError)
    expect(() => decodeCanaryOpening(new Uint8Array(OPENING_BYTES + 1))).toThrow(MalformedError)
    expect(openingChunks(encodeCanaryOpening(full)).map(({ length }) => length)).toEqual(Array.from({ length: 48 }, () => 128))
  })

  test('refuse any spoiled byte or read another value', () => {
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const spoiled = bytes.with(at, bytes[at]! ^ change)
        try {
          expect(encodeCanaryOpening(decodeCanaryOpening(spoiled))).toEqual(spoiled)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
    )
    expect(() => decodeCanaryCommitment(new Uint8Array(37))).toThrow(MalformedError)
  })
})

describe('the draw', () => {
  const checkers = Array.from({ length: 4096 }, (_, i) => hashOf(`checker ${i}`))
  const muted = (mute: number, round = 3): number => checkers.filter((checker) => isMuted(crypto, { mute, salt }, round, m0.account.public, checker)).length

  test('mutes nobody with 0 and about its share with more', () => {
    expect(muted(0)).toBe(0)
    // Binomial(4096, 1/2): five standard deviations are 160.
    expect(Math.abs(muted(128) - 2048)).toBeLessThan(160)
    expect(muted(255)).toBeGreaterThan(4000)
  })

  test('is another for another round, machine or salt', () => {
    const drawn = (round: number, machine: Hash, of: Hash): string => checkers.slice(0, 64).map((checker) => (isMuted(crypto, { mute: 128, salt: of }, round, machine, checker) ? 1 : 0)).join('')
    expect(new Set([drawn(0, m0.account.public, salt), drawn(1, m0.account.public, salt), drawn(0, m1.account.public, salt), drawn(0, m0.account.public, hashOf('other'))]).size).toBe(4)
  })
})

describe('trials', () => {
  const machine = m0.account.public
  const RAN = hashOf('commitment')
  const OTHER = hashOf('another')
  const canary: NamedCanary = { mute: 128, salt, calibrator: q0 }
  const all = Array.from({ length: 40 }, (_, i) => hashOf(`member ${i}`))
  const mutedOnes = all.filter((checker) => isMuted(crypto, canary, 0, machine, checker))
  const open = all.filter((checker) => !mutedOnes.includes(checker))
  const [a, b, c] = open as [AccountId, AccountId, AccountId]
  const [x, y] = mutedOnes as [AccountId, AccountId]
  const says = (checker: AccountId, commitment: Hash | null): CountedObservation => ({
    checker,
    observation: { machine, outcome: commitment === null ? 'NOT_RUN' : 'RAN', reason: commitment === null ? 'NO_COMMITMENT' : 'OK', commitment: commitment ?? ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH, downKbps: 0, upKbps: 0, rttUs: 0, firstUs: 0 },
  })
  const look = (counted: CountedObservation[], change: Partial<CanaryLook> = {}): CanaryLook => ({ round: 0, machine, committee: counted.map(({ checker }) => checker), counted, folded: () => new Set(), ...change })
  const equal = () => 1_000_000
  const trials = (looks: CanaryLook[], weigh: (checker: AccountId) => number = equal) => trialsOf(crypto, new Map([[machine, canary]]), looks, weigh)
  const SHOWN = { muted: 0, falseAccepts: 0, shown: 1, falseRejects: 0 }
  const MUTED = { muted: 1, falseAccepts: 0, shown: 0, falseRejects: 0 }

  test('honest checkers make no mistakes: the muted say NOT_RUN, the others RAN', () => {
    expect(trials([look([says(a, RAN), says(b, RAN), says(x, null), says(y, null)])])).toEqual(new Map([[a, SHOWN], [b, SHOWN], [x, MUTED], [y, MUTED]]))
  })

  test('RAN of a muted checker is a false accept, whatever commitment it names', () => {
    for (const named of [RAN, OTHER]) expect(trials([look([says(a, RAN), says(b, RAN), says(x, named)])]).get(x)).toEqual({ ...MUTED, falseAccepts: 1 })
  })

  test('but not if the machine’s commitment holds its nonce: the machine answered it', () => {
    const answered = look([says(a, RAN), says(b, RAN), says(x, RAN)], { folded: (commitment) => new Set(commitment === RAN ? [a, b, x] : []) })
    expect(trials([answered])).toEqual(new Map([[a, SHOWN], [b, SHOWN]]))
  })

  test('anything but the commitment is a false reject of who was not muted', () => {
    for (const named of [null, OTHER]) expect(trials([look([says(a, RAN), says(b, RAN), says(c, named)])]).get(c)).toEqual({ ...SHOWN, falseRejects: 1 })
  })

  test('none where the canary was down, or nobody was left to see it', () => {
    expect(trials([look([says(a, null), says(b, null), says(c, RAN), says(x, RAN)])]).size).toBe(0)
    expect(trials([look([says(a, RAN), says(b, null)])]).size).toBe(0)
    expect(trials([look([says(x, RAN), says(y, RAN)])]).size).toBe(0)
  })

  test('none by a commitment that the canary did not sign, whoever names it', () => {
    const counted = [says(a, OTHER), says(b, OTHER), says(c, RAN), says(x, RAN)]
    expect(trials([look(counted)]).get(c)).toEqual({ ...SHOWN, falseRejects: 1 })
    expect(trials([look(counted, { folded: (commitment) => (commitment === RAN ? new Set() : null) })]).size).toBe(0)
  })

  test('none without a quorum, and none of who is not counted', () => {
    expect(trials([look([says(a, RAN), says(b, RAN)], { committee: [a, b, c, x] })]).size).toBe(0)
    expect(trials([look([says(a, RAN), says(b, RAN), says(x, null)], { committee: [a, b, c, x] })]).has(c)).toBe(false)
  })

  test('who weighs nothing does not decide whether the canary ran, but is still tried', () => {
    const looks = [look([says(a, RAN), says(b, null), says(c, null)])]
    expect(trials(looks).size).toBe(0)
    expect(trials(looks, (checker) => (checker === a ? 1_000_000 : 0))).toEqual(new Map([[a, SHOWN], [b, { ...SHOWN, falseRejects: 1 }], [c, { ...SHOWN, falseRejects: 1 }]]))
  })

  test('add up over rounds in any order; of a machine that is no canary there are none', () => {
    const looks = [0, 1, 2, 3].map((round) => look(all.map((checker) => says(checker, RAN)), { round }))
    const sums = trials(looks)
    expect(trials(looks.toReversed())).toEqual(sums)
    const drawn = [0, 1, 2, 3].filter((round) => isMuted(crypto, canary, round, machine, a)).length
    expect(sums.get(a)).toEqual({ muted: drawn, falseAccepts: drawn, shown: 4 - drawn, falseRejects: 0 })
    expect(trials([look([says(a, RAN)], { machine: m1.account.public })]).size).toBe(0)
  })
})

test('a checker’s role is no calibrator’s', () => {
  expect(calibratorsOf(network().at(105, role(actor('checker', 'carol')), calibrator(q1, false)).to(106).ledger)).toEqual([q0])
})
