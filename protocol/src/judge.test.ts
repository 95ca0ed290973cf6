import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accountOf, type Actor, actor, testCrypto as crypto } from '../testing/actors.ts'
import { actorFacts } from '../testing/actor-facts.ts'
import { everyOtherRow } from '../testing/prover.ts'
import { openingsBlob, playNetwork, roundOf, signCommitment, work } from '../testing/round.ts'
import { type AccountId, concat, type Hash, toHex, utf8, ZERO_HASH } from './bytes.ts'
import { decodeFacts, type Facts, factsId } from './device/facts.ts'
import type { RoundEvidence } from './evidence.ts'
import { judgeRound, type MachineVerdict } from './judge.ts'
import { JudgementTooEarlyError } from './examine.ts'
import type { RoundFacts } from './ledger.ts'
import { type BlobRef, blobId, type MachineEvidence, type Manifest } from './manifest.ts'
import type { Parameters } from './parameters.ts'
import type { Observation } from './report.ts'
import { unprovenSteps } from './unproven.ts'
import { decodeOpeningsBlob, encodeWorkCommitment, nonceMessage, type WorkCommitment } from './work.ts'

// One honest round of two machines and four checkers, three of them in each committee; each test bends what was said of machine 0.
const net = playNetwork({ checkers: 4, machines: 2, parameters: { epochRounds: 1 } })
const { facts, evidence: honest } = await roundOf(net, 0)
const [machine, other] = net.machines as [Actor, Actor]
const shown = net.works.get(0)!.get(machine.account)!
const committee = facts.committee(machine.account) as [AccountId, AccountId, AccountId]
const [first, second, third] = committee
const outsider = net.checkers.find(({ account }) => !committee.includes(account))!
const actorOf = (account: AccountId): Actor => net.checkers.find((checker) => checker.account === account)!
const coins = facts.coins(machine.account, shown.id)!
const opened = shown.open(coins)

/** Where the folds begin in the bytes of a commitment, 100 bytes each. */
const FOLDS = 1 + 32 + 4 + 32 + 1 + 32 + 1 + 1

type Edit = (manifest: Manifest) => Manifest | null

/** The honest evidence with some packages changed or gone, and further blobs to be had. */
function told(edits: Record<AccountId, Edit>, blobs: Uint8Array[] = []): RoundEvidence {
  const packages = [...honest.packages].flatMap(([checker, manifest]): [AccountId, Manifest][] => {
    const edited = (edits[checker] ?? ((same) => same))(manifest)
    return edited === null ? [] : [[checker, edited]]
  })
  return { packages: new Map(packages), refused: new Map(), blobs: new Map([...honest.blobs, ...blobs.map((bytes): [Hash, Uint8Array] => [blobId(crypto, bytes), bytes])]) }
}

const all = (edit: Edit): Record<AccountId, Edit> => Object.fromEntries(net.checkers.map(({ account }) => [account, edit]))
const gone: Edit = () => null
const ref = (bytes: Uint8Array): BlobRef => ({ id: blobId(crypto, bytes), size: bytes.length })

/** Changes what a package observes of machine 0. */
const seeing =
  (change: (observation: Observation) => Partial<Observation> | null): Edit =>
  (manifest) => ({
    ...manifest,
    observations: manifest.observations.flatMap((observation) => {
      if (observation.machine !== machine.account) return observation
      const changed = change(observation)
      return changed === null ? [] : { ...observation, ...changed }
    }),
  })

/** Changes what a package shows of machine 0. */
const showing =
  (change: (entry: MachineEvidence) => Partial<MachineEvidence> | null): Edit =>
  (manifest) => {
    const entry = manifest.evidence.find((one) => one.machine === machine.account) ?? { machine: machine.account, commitments: [], openings: [] }
    const changed = change(entry)
    const rest = manifest.evidence.filter((one) => one.machine !== machine.account)
    return { ...manifest, evidence: changed === null ? rest : [...rest, { ...entry, ...changed }].toSorted((a, b) => (a.machine < b.machine ? -1 : 1)) }
  }

const both =
  (...edits: Edit[]): Edit =>
  (manifest) => edits.reduce((edited: Manifest | null, edit) => edited && edit(edited), manifest)

const unreachable = seeing(() => ({ outcome: 'UNREACHABLE', reason: 'UNREACHABLE', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH }))
const notRun = (reason: Observation['reason']): Edit => seeing(() => ({ outcome: 'NOT_RUN', reason, commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH }))

const verdictOf = (evidence: RoundEvidence, of: RoundFacts = facts, account = machine.account): MachineVerdict => judgeRound(crypto, of, evidence).verdicts.find((verdict) => verdict.machine === account)!
const findingOf = (evidence: RoundEvidence, of: RoundFacts = facts): string => {
  const { outcome, reason } = verdictOf(evidence, of)
  return `${outcome}(${reason})`
}
const reasonsOf = ({ observations }: MachineVerdict): Record<AccountId, string> => Object.fromEntries(observations.map(({ checker, reason }) => [checker, reason]))
const withParameters = (change: Partial<Parameters>): RoundFacts => ({ ...facts, parameters: { ...facts.parameters, ...change } })

/** Everybody names and shows this blob as machine 0's commitment, with the openings of the honest one. */
const everybodyNames = (blob: Uint8Array): RoundEvidence => told(all(both(seeing(() => ({ commitment: blobId(crypto, blob) })), showing(() => ({ commitments: [ref(blob)] })))), [blob])

describe('an honest round', () => {
  test('passes and credits the proven part of the median', () => {
    expect(verdictOf(honest)).toMatchObject({
      outcome: 'PASS',
      reason: 'OK',
      owner: machine.owner,
      commitment: shown.id,
      counted: 3,
      committee,
      medianSteps: 8,
      provenSteps: 5,
      work: 5n * 64n ** 3n,
      opened: true,
      downKbps: 80_000,
      upKbps: 40_000,
    })
  })

  test('pays each observation of the committee, and nobody else', () => {
    const { verdicts, checkers } = judgeRound(crypto, facts, honest)
    expect(verdicts.flatMap(({ observations }) => observations.map(({ paid, reason }) => [paid, reason]))).toEqual(Array.from({ length: 6 }, () => [true, 'OK']))
    for (const { checker, paidObservations, packageCounted, reported, reason } of checkers) {
      const expected = verdicts.filter(({ committee }) => committee.includes(checker)).length
      expect({ paidObservations, packageCounted, reported, reason }).toEqual({ paidObservations: expected, packageCounted: true, reported: true, reason: 'OK' })
    }
  })

  test('verifies openings that three packages hold once', () => {
    const seen: string[] = []
    const counting = { ...crypto, ed25519Verify: (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => (seen.push(toHex(message)), crypto.ed25519Verify(signature, message, key)) }
    judgeRound(counting, facts, honest)
    const digest = toHex(crypto.sha256(opened.subarray(0, -64)))
    expect(seen.filter((message) => message === digest)).toHaveLength(1)
    expect([...honest.packages.values()].filter(({ evidence }) => evidence.some(({ openings }) => openings[0]?.id === blobId(crypto, opened)))).toHaveLength(3)
  })

  test('is judged the same in whatever order packages and blobs came', () => {
    // Something of everything: a second commitment of machine 1, bad openings beside good ones, a liar, a package that is not there.
    const twice = signCommitment(other, { ...net.works.get(0)!.get(other.account)!.commitment, roots: net.works.get(0)!.get(other.account)!.commitment.roots.slice(0, 9) })
    const bad = [openingsBlob(machine, facts, shown.id, new Uint8Array(5)), openingsBlob(machine, facts, shown.id, new Uint8Array(6))]
    const evidence = told(
      {
        [first]: showing(() => ({ openings: [ref(bad[0]!)] })),
        [second]: both(showing(() => ({ openings: [ref(bad[1]!)] })), seeing(() => ({ lastStep: 3 }))),
        [third]: (manifest) => ({ ...manifest, evidence: manifest.evidence.map((entry) => (entry.machine === other.account ? { ...entry, commitments: [...entry.commitments, ref(twice)] } : entry)) }),
      },
      [...bad, twice],
    )
    const judgement = judgeRound(crypto, facts, evidence)
    const shuffled = <K, V>(map: ReadonlyMap<K, V>): fc.Arbitrary<Map<K, V>> => fc.shuffledSubarray([...map], { minLength: map.size }).map((entries) => new Map(entries))
    fc.assert(
      fc.property(shuffled(evidence.packages), shuffled(evidence.blobs), (packages, blobs) => {
        expect(judgeRound(crypto, facts, { packages, blobs, refused: new Map() })).toEqual(judgement)
      }),
      { numRuns: 20 },
    )
  })
})

describe('quorum', () => {
  test('wants more than half of the committee', () => {
    expect(findingOf(told({ [first]: gone }))).toBe('PASS(OK)')
    expect(findingOf(told({ [first]: gone, [second]: gone }))).toBe('NO_QUORUM(TOO_FEW)')
    expect(findingOf(told(all(gone)))).toBe('NO_QUORUM(TOO_FEW)')
  })

  test('a counted package without an observation of the machine does not count for it', () => {
    expect(verdictOf(told({ [first]: seeing(() => null) })).counted).toBe(2)
    expect(findingOf(told({ [first]: seeing(() => null), [second]: seeing(() => null) }))).toBe('NO_QUORUM(TOO_FEW)')
  })

  test('nobody outside the committee votes', () => {
    const observation = honest.packages.get(first)!.observations.find((one) => one.machine === machine.account)!
    const joins: Edit = (manifest) => ({ ...manifest, observations: [...manifest.observations, observation].toSorted((a, b) => (a.machine < b.machine ? -1 : 1)) })
    expect(findingOf(told({ [first]: gone, [second]: gone, [outsider.account]: joins }))).toBe('NO_QUORUM(TOO_FEW)')
  })

  test('an even committee wants half and one', () => {
    const four: RoundFacts = { ...facts, committee: () => net.checkers.map(({ account }) => account).toSorted() }
    expect(findingOf(honest, four)).toBe('PASS(OK)')
    expect(findingOf(told({ [first]: gone }), four)).toBe('NO_QUORUM(TOO_FEW)')
  })

  test('a network without checkers, or without machines, has rounds', () => {
    const nobody: RoundFacts = { ...facts, checkers: [], committee: () => [], counted: new Map(), reports: new Map() }
    const empty: RoundEvidence = { packages: new Map(), refused: new Map(), blobs: new Map() }
    expect(judgeRound(crypto, nobody, empty).verdicts.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['NO_QUORUM', 'TOO_FEW'],
      ['NO_QUORUM', 'TOO_FEW'],
    ])
    expect(judgeRound(crypto, { ...facts, machines: [] }, empty).verdicts).toEqual([])
  })

  test('facts that are not complete are not judged', () => {
    expect(() => judgeRound(crypto, { ...facts, complete: false }, honest)).toThrow(JudgementTooEarlyError)
  })
})

describe('two commitments', () => {
  const shorter = signCommitment(machine, { ...shown.commitment, roots: shown.commitment.roots.slice(0, 9) })

  test('forfeit, if one counted package shows both', () => {
    expect(findingOf(told({ [first]: showing((entry) => ({ commitments: [...entry.commitments, ref(shorter)] })) }, [shorter]))).toBe('EQUIVOCATION(TWO_COMMITMENTS)')
  })

  test('forfeit, if the second stands in one package only, even of a checker outside the committee', () => {
    const verdict = verdictOf(told({ [outsider.account]: showing(() => ({ commitments: [ref(shorter)] })) }, [shorter]))
    expect(verdict).toMatchObject({ outcome: 'EQUIVOCATION', reason: 'TWO_COMMITMENTS', provenSteps: 0, work: 0n })
    // The committee saw the cheat through and is paid for it.
    expect(reasonsOf(verdict)).toEqual({ [first]: 'OK', [second]: 'OK', [third]: 'OK' })
  })

  test('forfeit where each checker saw another and none has a majority', () => {
    const [a, b] = [shorter, signCommitment(machine, { ...shown.commitment, roots: shown.commitment.roots.slice(0, 8) })]
    const saw = (blob: Uint8Array): Edit => both(seeing(() => ({ commitment: blobId(crypto, blob) })), showing(() => ({ commitments: [ref(blob)] })))
    const verdict = verdictOf(told({ [first]: saw(a), [second]: saw(b) }, [a, b]))
    expect(verdict).toMatchObject({ outcome: 'EQUIVOCATION', commitment: null })
    expect(verdict.observations.some(({ paid }) => paid)).toBe(false)
  })

  test('prove nothing below the quorum', () => {
    expect(findingOf(told({ [first]: gone, [second]: gone, [third]: showing((entry) => ({ commitments: [...entry.commitments, ref(shorter)] })) }, [shorter]))).toBe('NO_QUORUM(TOO_FEW)')
  })

  const forged: Record<string, Uint8Array> = {
    'of another round': signCommitment(machine, { ...shown.commitment, round: 1, roots: shown.commitment.roots.slice(0, 9) }),
    'of another network': signCommitment(machine, { ...shown.commitment, network: accountOf('network 2') }),
    'of another machine': net.works.get(0)!.get(other.account)!.blob,
    'signed by another': signCommitment(other, { ...shown.commitment, roots: shown.commitment.roots.slice(0, 9) }),
    'that is garbage': utf8('garbage'),
    'with trailing bytes': concat(shown.blob, Uint8Array.of(0)),
    'that is empty': new Uint8Array(),
  }
  test.for(Object.entries(forged))('are not a commitment and one %s', ([, blob]) => {
    const shows = showing((entry) => ({ commitments: [...entry.commitments, ref(blob)] }))
    expect(findingOf(told(all(shows), [blob]))).toBe('PASS(OK)')
    expect(findingOf(told({ [first]: showing(() => ({ commitments: [ref(blob)] })) }, [blob]))).toBe('PASS(OK)')
  })

  test('are not there if the reference promises another size than the bytes have', () => {
    for (const size of [0, shorter.length - 1, shorter.length + 1])
      expect(findingOf(told({ [first]: showing((entry) => ({ commitments: [...entry.commitments, { id: blobId(crypto, shorter), size }] })) }, [shorter]))).toBe('PASS(OK)')
    // Another package that says the right size offers the same bytes.
    const lies = showing((entry) => ({ commitments: [...entry.commitments, { id: blobId(crypto, shorter), size: 1 }] }))
    const tells = showing((entry) => ({ commitments: [...entry.commitments, ref(shorter)] }))
    expect(findingOf(told({ [first]: lies, [second]: tells }, [shorter]))).toBe('EQUIVOCATION(TWO_COMMITMENTS)')
  })

  test('of one machine in the entry of another prove nothing', () => {
    const evidence = told(
      all((manifest) => ({ ...manifest, evidence: manifest.evidence.map((entry) => (entry.machine === other.account ? { ...entry, commitments: [...entry.commitments, ref(shorter)] } : entry)) })),
      [shorter],
    )
    expect([verdictOf(evidence).outcome, verdictOf(evidence, facts, other.account).outcome]).toEqual(['PASS', 'PASS'])
  })
})

describe('votes', () => {
  test('one checker that denies what the majority saw costs itself', () => {
    for (const denial of [unreachable, notRun('BUSY'), seeing(() => ({ commitment: toHex(crypto.sha256(utf8('another'))) }))]) {
      const verdict = verdictOf(told({ [first]: denial }))
      expect(verdict).toMatchObject({ outcome: 'PASS', provenSteps: 5, counted: 3 })
      expect(reasonsOf(verdict)).toEqual({ [first]: 'VOTED_OTHERWISE', [second]: 'OK', [third]: 'OK' })
    }
  })

  test('a majority that could not reach the machine, or saw it not run, decides', () => {
    expect(findingOf(told({ [first]: unreachable, [second]: unreachable }))).toBe('UNREACHABLE(UNREACHABLE)')
    expect(findingOf(told({ [first]: notRun('BUSY'), [second]: notRun('BUSY') }))).toBe('NOT_RUN(BUSY)')
    expect(verdictOf(told(all(notRun('PAUSED')))).observations.map(({ paid, reason }) => [paid, reason])).toEqual(Array.from({ length: 3 }, () => [false, 'NOT_PAYABLE']))
  })

  test('a split committee decides nothing', () => {
    const split: Record<AccountId, Edit>[] = [
      { [first]: unreachable, [second]: notRun('BUSY') },
      { [first]: unreachable, [second]: gone },
      { [first]: notRun('BUSY'), [second]: notRun('PAUSED'), [third]: notRun('TIMED_OUT') },
    ]
    for (const edits of split) {
      const verdict = verdictOf(told(edits))
      expect(verdict).toMatchObject({ outcome: 'NO_QUORUM', reason: 'NO_MAJORITY', commitment: null, work: 0n })
      expect(verdict.observations.some(({ paid }) => paid)).toBe(false)
    }
  })

  test('all who could not reach it agree, whatever reason they give', () => {
    const reason = (code: Observation['reason']): Edit => both(unreachable, seeing(() => ({ reason: code })))
    expect(findingOf(told({ [first]: reason('NOT_CONNECTED'), [second]: reason('TIMED_OUT') }))).toBe('UNREACHABLE(UNREACHABLE)')
  })
})

describe('the commitment that the majority names', () => {
  test('may stand in one counted package only, of whichever checker', () => {
    const nothing = showing(() => null)
    const keeps = showing(() => ({ commitments: [ref(shown.blob)], openings: [ref(opened)] }))
    expect(findingOf(told({ ...all(nothing), [third]: (same) => same }))).toBe('PASS(OK)')
    expect(findingOf(told({ ...all(nothing), [outsider.account]: keeps }))).toBe('PASS(OK)')
    expect(findingOf(told(all(nothing)))).toBe('NO_QUORUM(NO_EVIDENCE)')
  })

  const unsigned: Record<string, Uint8Array> = {
    'garbage': utf8('garbage'),
    'of another round': signCommitment(machine, { ...shown.commitment, round: 1 }),
    'of another network': signCommitment(machine, { ...shown.commitment, network: accountOf('network 2') }),
    'of another machine': signCommitment(machine, { ...shown.commitment, machine: other.account }),
    'signed by another machine': signCommitment(other, shown.commitment),
    'signed by nobody': concat(encodeWorkCommitment(shown.commitment), new Uint8Array(64)),
    'with two folds of one checker': resigned(shown.commitment, (bytes) => bytes.copyWithin(FOLDS + 100, FOLDS, FOLDS + 32)),
  }
  test.for(Object.entries(unsigned))('cannot frame the machine with a blob %s', ([, blob]) => {
    const verdict = verdictOf(everybodyNames(blob))
    expect(verdict).toMatchObject({ outcome: 'NO_QUORUM', reason: 'NO_EVIDENCE' })
    expect(verdict.observations.map(({ paid, reason }) => [paid, reason])).toEqual(Array.from({ length: 3 }, () => [false, 'NOT_PAYABLE']))
  })

  const signatureOf = (checker: Actor, change: Partial<RoundFacts> = {}): Uint8Array => {
    const { network, round, beacon } = { ...facts, ...change }
    return checker.sign(nonceMessage(network, round, beacon!, machine.account, checker.account))
  }
  const folded = (change: (fold: WorkCommitment['folds'][number], place: number) => Partial<WorkCommitment['folds'][number]>): WorkCommitment => ({
    ...shown.commitment,
    folds: shown.commitment.folds.map((fold, place) => ({ ...fold, ...change(fold, place) })),
  })
  const faulty: Record<string, WorkCommitment> = {
    'another size of matrix': { ...shown.commitment, log2n: 7 },
    'a fold with a forged signature': folded((_, place) => (place === 1 ? { signature: new Uint8Array(64).fill(9) } : {})),
    'a fold signed for another round': folded((fold) => ({ signature: signatureOf(actorOf(fold.checker), { round: 1 }) })),
    'a fold signed for another network': folded((fold) => ({ signature: signatureOf(actorOf(fold.checker), { network: accountOf('network 2') }) })),
    'a fold signed on another beacon': folded((fold) => ({ signature: signatureOf(actorOf(fold.checker), { beacon: ZERO_HASH }) })),
    'a fold of a checker outside the committee': folded((_, place) => (place === 2 ? { checker: outsider.account, signature: signatureOf(outsider) } : {})),
    'a fold of a stranger': { ...shown.commitment, folds: [{ checker: accountOf('stranger'), signature: signatureOf(actor('checker', 'stranger')), step: 0 }] },
  }
  test.for(Object.entries(faulty))('fails with %s', ([, commitment]) => {
    const verdict = verdictOf(everybodyNames(signCommitment(machine, commitment)))
    expect(verdict).toMatchObject({ outcome: 'FAIL', reason: 'BAD_COMMITMENT', medianSteps: 0, provenSteps: 0, work: 0n })
    expect(verdict.observations.some(({ paid }) => paid)).toBe(false)
  })

  test('fails with more steps than the network allows, and not with as many', () => {
    expect(findingOf(honest, withParameters({ maxSteps: 11 }))).toBe('FAIL(BAD_COMMITMENT)')
    expect(findingOf(honest, withParameters({ maxSteps: 12 }))).toBe('PASS(OK)')
  })
})

describe('openings', () => {
  const flipped = (at: number): Uint8Array => {
    const { openings } = decodeOpeningsBlob(opened)
    openings[at]! ^= 1
    return openings
  }
  const badPath = openingsBlob(machine, facts, shown.id, flipped(0))
  const short = openingsBlob(machine, facts, shown.id, flipped(0).subarray(1))
  const only = (blob: Uint8Array | null): RoundEvidence => told(all(showing((entry) => (entry.commitments.length === 0 ? null : { openings: blob === null ? [] : [ref(blob)] }))), blob === null ? [] : [blob])

  const absent: Record<string, Uint8Array | null> = {
    'that nobody has': null,
    'that nobody signed': concat(opened.subarray(0, -64), new Uint8Array(64)),
    'that another machine signed': openingsBlob(other, facts, shown.id, flipped(0), { machine: machine.account }),
    'of another machine': openingsBlob(machine, facts, shown.id, flipped(0), { machine: other.account }),
    'of another commitment': openingsBlob(machine, facts, toHex(crypto.sha256(utf8('another'))), flipped(0)),
    'of another round': openingsBlob(machine, { ...facts, round: 1 }, shown.id, flipped(0)),
    'of another network': openingsBlob(machine, { ...facts, network: accountOf('network 2') }, shown.id, flipped(0)),
    'that are garbage': utf8('garbage'),
  }
  test('with other facts than committed, or none, fail', () => {
    const { openings } = decodeOpeningsBlob(opened)
    for (const facts_ of [new Uint8Array(), actorFacts('another'), actorFacts(machine.name).with(5, 0)])
      expect(verdictOf(only(openingsBlob(machine, facts, shown.id, openings, { facts: facts_ })))).toMatchObject({ outcome: 'FAIL', reason: 'BAD_FACTS', facts: null })
    expect(verdictOf(honest).facts).toEqual(decodeFacts(actorFacts(machine.name)))
    // Malformed facts that the machine did commit to.
    const junk = Uint8Array.of(7)
    const committed = signCommitment(machine, { ...shown.commitment, facts: factsId(crypto, junk) })
    const own = openingsBlob(machine, facts, blobId(crypto, committed), openings, { facts: junk })
    const shows = both(seeing(() => ({ commitment: blobId(crypto, committed) })), showing(() => ({ commitments: [ref(committed)], openings: [ref(own)] })))
    expect(verdictOf(told(all(shows), [committed, own]))).toMatchObject({ outcome: 'FAIL', reason: 'BAD_FACTS' })
  })
  test.for(Object.entries(absent))('%s are no openings', ([, blob]) => {
    const verdict = verdictOf(only(blob))
    expect(verdict).toMatchObject({ outcome: 'NOT_OPENED', reason: 'NO_OPENINGS', opened: false, medianSteps: 8, provenSteps: 0, work: 0n })
    expect(reasonsOf(verdict)).toEqual({ [first]: 'OK', [second]: 'OK', [third]: 'OK' })
  })

  test.for(Object.entries(absent))('%s beside good ones harm nobody', ([, blob]) => {
    expect(findingOf(told({ [first]: showing(() => ({ openings: blob === null ? [] : [ref(blob)] })) }, blob === null ? [] : [blob]))).toBe('PASS(OK)')
  })

  test('that are bad beside good ones pass: one package with good ones suffices', () => {
    const edits = { [first]: showing(() => ({ openings: [ref(badPath)] })), [second]: showing(() => ({ openings: [ref(short)] })) }
    expect(findingOf(told(edits, [badPath, short]))).toBe('PASS(OK)')
  })

  test('of another size than promised are no openings', () => {
    expect(findingOf(told(all(showing(() => ({ openings: [{ id: blobId(crypto, opened), size: opened.length - 1 }] })))))).toBe('NOT_OPENED(NO_OPENINGS)')
  })

  test('that are bad fail, with the fault of the one with the smallest id', () => {
    expect(findingOf(only(badPath))).toBe('FAIL(BAD_PATH)')
    expect(findingOf(only(short))).toBe('FAIL(BAD_LENGTH)')
    const smallest = blobId(crypto, badPath) < blobId(crypto, short) ? 'BAD_PATH' : 'BAD_LENGTH'
    expect(findingOf(told({ [first]: showing(() => ({ openings: [ref(badPath)] })), [second]: showing(() => ({ openings: [ref(short)] })), [third]: showing(() => ({ openings: [] })) }, [badPath, short]))).toBe(`FAIL(${smallest})`)
  })

  test('are not asked of a machine that need not open, and bad ones then cost it nothing', () => {
    const spared: RoundFacts = { ...facts, mustOpen: () => false }
    for (const evidence of [only(null), only(badPath), honest]) expect(verdictOf(evidence, spared)).toMatchObject({ outcome: 'PASS', opened: false, provenSteps: 5 })
  })

  test('of a machine that leaves out half of its rows fail the product', () => {
    const lazy = work(facts, machine, actorOf, { lie: everyOtherRow })
    const blob = lazy.open(facts.coins(machine.account, lazy.id)!)
    const evidence = told(
      all(
        both(
          seeing((observation) => ({ commitment: lazy.id, lastKey: toHex(lazy.keys[observation.lastStep]!) })),
          showing(() => ({ commitments: [ref(lazy.blob)], openings: [ref(blob)] })),
        ),
      ),
      [lazy.blob, blob],
    )
    const verdict = verdictOf(evidence)
    expect(verdict).toMatchObject({ outcome: 'FAIL', reason: 'WRONG_PRODUCT', medianSteps: 8, provenSteps: 0, work: 0n })
    expect(verdict.observations.every(({ paid }) => paid)).toBe(true)
  })
})

describe('readings', () => {
  const foldOf = (checker: AccountId): number => shown.commitment.folds.find((fold) => fold.checker === checker)!.step
  const reads = (checker: AccountId, credited: number): Edit => seeing(() => ({ lastStep: foldOf(checker) + credited, lastKey: toHex(shown.keys[foldOf(checker) + credited]!) }))

  test('beyond the last step, before the fold, or with another key are worth nothing', () => {
    const wrong: Partial<Observation>[] = [
      { lastStep: 13 },
      { lastStep: 2 ** 32 - 1 },
      { lastStep: 4 },
      { lastKey: ZERO_HASH },
      { lastStep: foldOf(third) - 1, lastKey: toHex(shown.keys[foldOf(third) - 1]!) },
      { lastStep: 0, lastKey: ZERO_HASH },
    ]
    for (const change of wrong) {
      const verdict = verdictOf(told({ [third]: seeing(() => change) }))
      expect(verdict).toMatchObject({ outcome: 'PASS', medianSteps: 8 })
      expect(verdict.observations.find(({ checker }) => checker === third)).toMatchObject({ credited: 0, paid: false, reason: 'WRONG_KEY' })
    }
  })

  test('of a checker whose nonce is not folded are worth nothing, and cost it alone', () => {
    const partial = work(facts, machine, actorOf, { foldAt: (place) => (place === 1 ? null : 0) })
    const { id, blob, keys } = partial
    const openings = partial.open(facts.coins(machine.account, id)!)
    const evidence = told(
      all(both(seeing(() => ({ commitment: id, lastStep: 8, lastKey: toHex(keys[8]!) })), showing(() => ({ commitments: [ref(blob)], openings: [ref(openings)] })))),
      [blob, openings],
    )
    const verdict = verdictOf(evidence)
    expect(verdict).toMatchObject({ outcome: 'PASS', medianSteps: 8, provenSteps: 5 })
    expect(reasonsOf(verdict)).toEqual({ [first]: 'OK', [second]: 'NOT_FOLDED', [third]: 'OK' })
  })

  test('count by their lower median, so one liar moves nothing', () => {
    expect(verdictOf(told({ [first]: reads(first, 12) })).medianSteps).toBe(8)
    expect(verdictOf(told({ [first]: reads(first, 0) })).medianSteps).toBe(8)
    expect(verdictOf(told({ [first]: reads(first, 6), [second]: gone })).medianSteps).toBe(6)
    expect(verdictOf(told({ [first]: reads(first, 0), [second]: reads(second, 0) }))).toMatchObject({ outcome: 'PASS', medianSteps: 0, provenSteps: 0, work: 0n })
  })

  test('of a machine without work pay nobody: else its one accomplice would take the others\' share', () => {
    // One root, only the accomplice's nonce folded, at step 0: its reading (0, key_0) is right and worth 0 steps.
    const junk = work(facts, machine, actorOf, { foldAt: (place) => (place === 0 ? 0 : null) })
    const told0 = told(
      all(both(seeing(() => ({ commitment: junk.id, lastStep: 0, lastKey: toHex(junk.keys[0]!) })), showing(() => ({ commitments: [ref(junk.blob)], openings: [] })))),
      [junk.blob],
    )
    const verdict = verdictOf(told0)
    expect(verdict).toMatchObject({ outcome: 'NOT_OPENED', medianSteps: 0 })
    expect(verdict.observations.some(({ paid }) => paid)).toBe(false)
  })

  test('of those who named something else count 0: a machine that shows itself to few does not let these set its credit', async () => {
    const wide = playNetwork({ checkers: 5, machines: 1, parameters: { epochRounds: 1, committee: 5 } })
    const round = await roundOf(wide, 0)
    const { commitment, keys } = wide.works.get(0)!.get(wide.machines[0]!.account)!
    const nothing = { outcome: 'UNREACHABLE', reason: 'UNREACHABLE', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH } as const
    // Two saw nothing, one read 4 steps, the two in league with the machine 8: of those that named the commitment the median would be 8.
    const packages = new Map([...round.evidence.packages].map(([checker, manifest], place) => {
      const lastStep = commitment.folds.find((fold) => fold.checker === checker)!.step + 4
      const change = place < 2 ? nothing : place === 2 ? { lastStep, lastKey: toHex(keys[lastStep]!) } : {}
      return [checker, { ...manifest, observations: manifest.observations.map((seen) => ({ ...seen, ...change })) }]
    }))
    expect(judgeRound(crypto, round.facts, { ...round.evidence, packages }).verdicts[0]).toMatchObject({ outcome: 'PASS', medianSteps: 4 })
  })

  test('are paid within the band, its edge included', () => {
    // |10 - 8| is a quarter of 8.
    const evidence = told({ [first]: reads(first, 10), [third]: reads(third, 6) })
    expect(reasonsOf(verdictOf(evidence, withParameters({ bandPpm: 250_000 })))).toEqual({ [first]: 'OK', [second]: 'OK', [third]: 'OK' })
    expect(reasonsOf(verdictOf(evidence, withParameters({ bandPpm: 249_999 })))).toEqual({ [first]: 'OUT_OF_BAND', [second]: 'OK', [third]: 'OUT_OF_BAND' })
    expect(reasonsOf(verdictOf(evidence, withParameters({ bandPpm: 0 })))).toEqual({ [first]: 'OUT_OF_BAND', [second]: 'OK', [third]: 'OUT_OF_BAND' })
  })

  test('of a machine that proves more are never worth less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 10 }), (a, b) => {
        const [less, more] = [Math.min(a, b), Math.max(a, b)]
        const by = (steps: number): bigint => verdictOf(told(Object.fromEntries(committee.map((checker) => [checker, reads(checker, steps)])))).work
        expect(by(less) <= by(more)).toBe(true)
      }),
      { numRuns: 10 },
    )
  })

  test('lose what a chain may have wrong with probability 2^-20', () => {
    expect([unprovenSteps(12, 64), unprovenSteps(4096, 64), unprovenSteps(1, 65535), unprovenSteps(1, 1)]).toEqual([3, 888, 1, 14])
    expect(unprovenSteps(2 ** 32 - 1, 1)).toBe(Number(((2n ** 32n - 1n) * 13_862_944n + 999_999n) / 1_000_000n))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 18 }), fc.integer({ min: 1, max: 65535 }), (steps, samples) => {
        // (1 - f)^samples with f = unproven / steps is at most 2^-20.
        const f = Math.min(1, unprovenSteps(steps, samples) / steps)
        expect((1 - f) ** samples).toBeLessThanOrEqual(2 ** -20 * 1.000001)
      }),
    )
  })

  test('of line and distance are lower medians of those who reached it, and pay nobody', () => {
    const measured = (downKbps: number, upKbps: number, rttUs: number): Edit => seeing(() => ({ downKbps, upKbps, rttUs }))
    const evidence = told({ [first]: measured(1, 9, 0), [second]: measured(2, 8, 500), [third]: measured(3, 7, 700) })
    expect(verdictOf(evidence)).toMatchObject({ downKbps: 2, upKbps: 8, rttUs: 500, work: verdictOf(honest).work })
    expect(verdictOf(told({ [first]: measured(1, 9, 0), [second]: measured(2, 8, 500), [third]: unreachable }))).toMatchObject({ downKbps: 1, upKbps: 8, rttUs: 500 })
    expect(verdictOf(told(all(unreachable)))).toMatchObject({ downKbps: 0, upKbps: 0, rttUs: null })
  })
})

/** A blob of changed commitment bytes, signed by machine 0 all the same. */
function resigned(commitment: WorkCommitment, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = encodeWorkCommitment(commitment)
  change(bytes)
  return concat(bytes, machine.sign(crypto.sha256(concat(utf8('assay/1/commitment'), bytes))))
}

describe('what machines show, compared', () => {
  const hash = (text: string): Hash => toHex(crypto.sha256(utf8(text)))
  /** Four machines, of which the first two show what `odd` makes of their facts. */
  const judged = async (parameters: Partial<Parameters>, odd: (facts: Facts, place: number) => Facts): Promise<{ outcome: string; reason: string; flags: string[]; work: bigint }[]> => {
    const played = playNetwork({ machines: 4, parameters: { epochRounds: 1, samples: 64, ...parameters } }, { machine: ({ name }) => ({ facts: (own) => odd(own, Number(name.at(-1))) }) })
    const round = await roundOf(played, 0)
    const { verdicts } = judgeRound(crypto, round.facts, round.evidence)
    return played.machines.map(({ account }) => verdicts.find((verdict) => verdict.machine === account)!)
  }
  const twins = (own: Facts, place: number): Facts => (place < 2 ? { ...own, device: { ...own.device, identifiers: [hash('one device')] } } : own)
  const answers = (own: Facts, place: number): Facts => ({ ...own, model: [{ model: hash('model'), outputs: [100, place === 0 ? 202 : 100 + place] }] })
  const found = (verdicts: Awaited<ReturnType<typeof judged>>): string[] => verdicts.map(({ outcome, reason, flags }) => `${outcome}(${reason}) ${flags.join()}`)
  const honest = 'PASS(OK) '

  test('one device under two names fails both, or is only shown, or not looked for', async () => {
    expect(found(await judged({ deviceCheck: 'enforce' }, twins))).toEqual(['FAIL(SAME_DEVICE) SAME_DEVICE', 'FAIL(SAME_DEVICE) SAME_DEVICE', honest, honest])
    const shadow = await judged({ deviceCheck: 'shadow' }, twins)
    expect(found(shadow)).toEqual(['PASS(OK) SAME_DEVICE', 'PASS(OK) SAME_DEVICE', honest, honest])
    expect(new Set(shadow.map(({ work }) => work)).size).toBe(1)
    expect(shadow[0]!.work).toBeGreaterThan(0n)
    expect(found(await judged({ deviceCheck: 'off' }, twins))).toEqual([honest, honest, honest, honest])
  })

  test('a model that answers otherwise than the others’ likewise', async () => {
    const differs = 'FAIL(MODEL_DIFFERS) MODEL_DIFFERS'
    expect(found(await judged({ modelCheck: 'enforce', modelTolerance: 99 }, answers))).toEqual([differs, honest, honest, honest])
    expect(found(await judged({ modelCheck: 'enforce', modelTolerance: 100 }, answers))).toEqual([honest, honest, honest, honest])
    expect(found(await judged({ modelCheck: 'shadow', modelTolerance: 99 }, answers))[0]).toBe('PASS(OK) MODEL_DIFFERS')
    expect(found(await judged({ modelCheck: 'off', modelTolerance: 0 }, answers))[0]).toBe(honest)
  })

  test('of several findings the first that is enforced is the reason; it forfeits', async () => {
    const both_ = (own: Facts, place: number): Facts => answers(twins(own, place), place)
    const [first] = await judged({ deviceCheck: 'shadow', modelCheck: 'enforce', modelTolerance: 0 }, both_)
    expect(first).toMatchObject({ outcome: 'FAIL', reason: 'MODEL_DIFFERS', flags: ['SAME_DEVICE', 'MODEL_DIFFERS'], work: 0n })
    expect((await judged({ deviceCheck: 'enforce', modelCheck: 'enforce', modelTolerance: 0 }, both_))[0]).toMatchObject({ reason: 'SAME_DEVICE', work: 0n })
  })
})
