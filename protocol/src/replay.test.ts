import { describe, expect, test } from 'vitest'
import { testCrypto as crypto } from '../testing/actors.ts'
import { playCanary } from '../testing/canary-play.ts'
import { everyOtherRow } from '../testing/prover.ts'
import { type PlayedNetwork, playNetwork } from '../testing/round.ts'
import type { Hash } from './bytes.ts'
import { emptyLedger } from './ledger.ts'
import { blobId } from './manifest.ts'
import { explain } from './reasons.ts'
import { explainEpoch, type ReplayedEpoch, replayEpoch, RoundForgottenError } from './replay.ts'
import { judgementOfEpoch } from './schedule.ts'
import { FIRST_STATE } from './score.ts'
import { decodeStatement } from './statement.ts'

// Two epochs of two rounds. Machine 0 is twice as fast as machine 1; machine 2 leaves out half of its rows; machine 0 and checker 0 have one owner.
// Nobody reaches the minimum in the first epoch but that owner.
const play = (): PlayedNetwork =>
  playNetwork(
    {
      machines: 3,
      epochs: 2,
      parameters: { samples: 48, minimumPayout: 400n * 10n ** 18n },
      ownerOf: (name) => (name === 'machine 0' || name === 'checker 0' ? 'shared owner' : `owner of ${name}`),
    },
    { machine: ({ name }) => (name === 'machine 0' ? { steps: 18, window: 16 } : name === 'machine 2' ? { lie: everyOtherRow } : { steps: 12, window: 9 }) },
  )
const net = play()
const [fast, slow, cheat] = net.machines
const shared = net.checkers[0]!.owner

async function done(replaying: ReturnType<typeof replayEpoch>): Promise<ReplayedEpoch> {
  const replayed = await replaying
  if (replayed.kind !== 'done') throw new Error(`not done but ${replayed.kind}`)
  return replayed
}
const first = await done(replayEpoch(crypto, net.ledger, 0, net.load))
const second = await done(replayEpoch(crypto, net.ledger, 1, net.load))

describe('a replayed epoch', () => {
  test('pays proven work in proportion, and a cheat nothing', () => {
    const [a, b, c] = [fast, slow, cheat].map((machine) => first.result.scores.find(({ kind, account }) => kind === 'machine' && account === machine!.account)!)
    // 18 steps cost ceil(18 * 0.288812) = 6, 12 steps ceil(3.47) = 4: two rounds of 16 - 6 and 9 - 4.
    expect([a!.score, b!.score]).toEqual([20n * 64n ** 3n, 10n * 64n ** 3n])
    expect(c).toMatchObject({ score: 0n, earned: 0n, reason: 'WRONG_PRODUCT' })
    const pool = (net.parameters.poolPerEpoch * 8n) / 10n
    expect([a!.earned, b!.earned]).toEqual([(pool * 2n) / 3n, pool / 3n])
  })

  test('pays one owner of a machine and a checker once, and carries what is too little', () => {
    const checkerPart = net.parameters.poolPerEpoch / 5n / 3n
    const machinePart = (net.parameters.poolPerEpoch * 8n) / 10n
    expect(first.result.payouts.find(({ account }) => account === shared)).toEqual({ account: shared, earned: (machinePart * 2n) / 3n + checkerPart, carriedIn: 0n, paid: (machinePart * 2n) / 3n + checkerPart, carriedOut: 0n })
    expect(first.result.state.carried).toEqual(new Map([...first.result.payouts].filter(({ account }) => account !== shared).map(({ account, earned }) => [account, earned])))
    expect(first.result.state.carried.size).toBe(3)
    // Machine 1 has enough after the second epoch, its two lone checkers have not.
    expect(second.result.payouts.find(({ account }) => account === slow!.owner)).toMatchObject({ carriedIn: machinePart / 3n, paid: (machinePart / 3n) * 2n, carriedOut: 0n })
    expect(second.result.state.carried.size).toBe(2)
    expect([...second.result.state.carried.values()]).toEqual([checkerPart * 2n, checkerPart * 2n])
  })

  test('states what it paid', () => {
    for (const { statement, result } of [first, second]) {
      expect(decodeStatement(statement.bytes)).toEqual(statement.statement)
      expect(statement.statement).toMatchObject({ epoch: result.epoch, paid: result.paid, carried: result.carried })
      expect(statement.evidenceLeaves).toHaveLength(2 * 3)
      expect(statement.registryLeaves).toHaveLength(3 + 3)
    }
    expect(first.statement.root).not.toBe(second.statement.root)
  })

  test('is the same from what the epoch before carried as from the beginning', async () => {
    expect((await done(replayEpoch(crypto, net.ledger, 1, net.load, first.result.state))).statement).toEqual(second.statement)
    expect((await done(replayEpoch(crypto, net.ledger, 1, net.load, FIRST_STATE))).statement.root).not.toBe(second.statement.root)
  })

  test('is the same for whoever gathers the same evidence, however slowly', async () => {
    let turn = 0
    const load = async (id: Hash): Promise<Uint8Array | undefined> => {
      for (let wait = (turn++ * 7) % 5; wait > 0; wait--) await Promise.resolve()
      return net.blobs.get(id)
    }
    expect((await done(replayEpoch(crypto, net.ledger, 1, load))).statement).toEqual(second.statement)
    // Registrations are signed afresh in another play; nothing of that reaches the statement.
    const again = play()
    expect((await done(replayEpoch(crypto, again.ledger, 1, again.load))).statement).toEqual(second.statement)
  })
})

describe('what cannot be replayed now', () => {
  test('is early below the judgement block, and not in it', async () => {
    const readyAt = judgementOfEpoch(net.parameters, 1)
    expect(net.ledger.head?.number).toBe(readyAt)
    const before = { ...net.ledger, head: { number: readyAt - 1, hash: net.ledger.head!.hash } }
    const untouched = (): Promise<undefined> => Promise.reject(new Error('evidence was asked for'))
    expect(await replayEpoch(crypto, before, 1, untouched)).toEqual({ kind: 'early', readyAt })
    expect(await replayEpoch(crypto, net.ledger, 2, untouched)).toEqual({ kind: 'early', readyAt: judgementOfEpoch(net.parameters, 2) })
    expect(await replayEpoch(crypto, emptyLedger(net.network), 0, untouched)).toEqual({ kind: 'early', readyAt: null })
  })

  test('misses blobs, by id, until they are to be had', async () => {
    const lost = net.works.get(3)!.get(fast!.account)!.id
    const without = async (id: Hash): Promise<Uint8Array | undefined> => (id === lost ? undefined : net.blobs.get(id))
    expect(await replayEpoch(crypto, net.ledger, 1, without)).toEqual({ kind: 'missing', epoch: 1, blobs: [lost] })
    const lostBefore = net.works.get(0)!.get(slow!.account)!.id
    const withoutBefore = async (id: Hash): Promise<Uint8Array | undefined> => (id === lostBefore ? undefined : net.blobs.get(id))
    expect(await replayEpoch(crypto, net.ledger, 1, withoutBefore)).toEqual({ kind: 'missing', epoch: 0, blobs: [lostBefore] })
    expect((await done(replayEpoch(crypto, net.ledger, 1, withoutBefore, first.result.state))).statement.root).toBe(second.statement.root)
  })

  test('needs rounds that the ledger still has', async () => {
    await expect(replayEpoch(crypto, { ...net.ledger, rounds: [] }, 1, net.load)).rejects.toThrow(RoundForgottenError)
  })
})

describe('explained', () => {
  const explained = explainEpoch(second)
  test('every score has one round for each of its rows, in the order of the leaves', () => {
    expect(explained.map(({ score }) => [score.kind, score.account])).toEqual(second.statement.scoreLeaves.map(({ kind, account }) => [kind, account]))
    for (const { score, rounds } of explained) {
      expect(rounds.map(({ kind, verdict }) => [kind, verdict.round])).toEqual(score.rows.map(({ round }) => [score.kind, round]))
      expect(rounds.map(({ verdict }) => verdict.reason)).toEqual(score.rows.map(({ reason }) => reason))
    }
  })

  test('a cheat reads why', () => {
    const cheating = explained.find(({ score }) => score.account === cheat!.account)!
    expect(cheating).toMatchObject({ sentence: explain('WRONG_PRODUCT'), payout: undefined })
    expect(cheating.rounds.map(({ sentence }) => sentence)).toEqual([explain('WRONG_PRODUCT'), explain('WRONG_PRODUCT')])
  })

  test('a checker reads what became of each observation', () => {
    const checking = explained.find(({ score }) => score.account === net.checkers[0]!.account)!
    expect(checking.payout?.account).toBe(shared)
    for (const round of checking.rounds) {
      if (round.kind !== 'checker') throw new Error('a machine among the checkers')
      expect(round.observations.map(({ machine }) => machine)).toEqual(net.machines.map(({ account }) => account).toSorted())
      expect(round.observations.filter(({ observation }) => observation.paid)).toHaveLength(round.verdict.paidObservations)
    }
  })
})

describe('a machine that breaks faith in one round', () => {
  const oneEpoch = { machines: 2, parameters: { samples: 24 } }
  const scoreOf = async (played: PlayedNetwork): Promise<unknown> => {
    const { result } = await done(replayEpoch(crypto, played.ledger, 0, played.load))
    const account = played.machines[0]!.account
    const { score, reason, earned } = result.scores.find((one) => one.kind === 'machine' && one.account === account)!
    return [score > 0n, earned > 0n, reason]
  }

  test('by silence after bad coins loses the epoch', async () => {
    expect(await scoreOf(playNetwork(oneEpoch, { machine: ({ name }, round) => (name === 'machine 0' && round === 1 ? { opens: false } : {}) }))).toEqual([false, false, 'NO_OPENINGS'])
  })

  test('by a second commitment loses the epoch, though one checker only shows it', async () => {
    const signed = playNetwork(oneEpoch)
    const second = signed.works.get(1)!.get(signed.machines[0]!.account)!
    const played = playNetwork(oneEpoch, {
      machine: ({ name }, round) => (name === 'machine 0' && round === 1 ? { steps: 11 } : {}),
      publish: (checker, round, manifest, put) =>
        checker.name !== 'checker 2' || round !== 1
          ? manifest
          : { ...manifest, evidence: manifest.evidence.map((entry) => (entry.machine === second.commitment.machine ? { ...entry, commitments: [...entry.commitments, put(second.blob)] } : entry)) },
    })
    expect(blobId(crypto, second.blob)).toBe(second.id)
    expect(await scoreOf(played)).toEqual([false, false, 'TWO_COMMITMENTS'])
  })

  test('by not running loses that round alone', async () => {
    expect(await scoreOf(playNetwork(oneEpoch, { machine: ({ name }, round) => (name === 'machine 0' && round === 1 ? { outcome: 'NOT_RUN' } : {}) }))).toEqual([true, true, 'OK'])
  })
})

describe('an epoch with a canary', () => {
  test('shows who says RAN of a machine that was mute to it, pays nobody for the canary, and weighs in the next epoch', async () => {
    const { played, canary, liar } = playCanary()
    const one = await done(replayEpoch(crypto, played.ledger, 0, played.load))
    expect(one.result.scores.find(({ account }) => account === canary)).toMatchObject({ score: 0n, earned: 0n, reason: 'CANARY' })
    expect(one.result.state.calibrations.get(liar)).toEqual({ muted: 512, falseAccepts: 512, shown: 0, falseRejects: 0 })
    for (const [account, { falseAccepts, falseRejects }] of one.result.state.calibrations) expect(account === liar || falseAccepts + falseRejects === 0).toBe(true)
    // Two rounds with one machine that is no canary, by checkers that all weigh the same.
    expect(one.result.scores.filter(({ kind }) => kind === 'checker').map(({ score }) => score)).toEqual(Array.from({ length: 5 }, () => 2_000_000n))
    const two = await done(replayEpoch(crypto, played.ledger, 1, played.load))
    expect(two.result.scores.find(({ account, kind }) => account === liar && kind === 'checker')).toMatchObject({ score: 0n, reason: 'WEIGHTLESS' })
    // It was opened of the first epoch only.
    expect(two.result.scores.find(({ account }) => account === canary)).toMatchObject({ reason: 'OK' })
    expect(two.rounds.flatMap(({ judgement }) => judgement.verdicts).flatMap(({ observations }) => observations).filter(({ checker }) => checker === liar).map(({ reason }) => reason)).toEqual(Array.from({ length: 4 }, () => 'WEIGHTLESS'))
  })

  test('that signs two commitments shows nothing of anybody: it lied, whoever saw the other one did not', async () => {
    const { played, canary } = playCanary({ framedBy: 'canary' })
    const one = await done(replayEpoch(crypto, played.ledger, 0, played.load))
    expect(one.rounds.flatMap(({ judgement }) => judgement.verdicts).filter(({ machine }) => machine === canary).map(({ outcome }) => outcome)).toEqual(['EQUIVOCATION', 'EQUIVOCATION'])
    expect(one.result.state.calibrations).toEqual(new Map())
  })

  test('shows nothing where checkers name a commitment that it never signed, though they be the most', async () => {
    const { played } = playCanary({ framedBy: 'checkers' })
    expect((await done(replayEpoch(crypto, played.ledger, 0, played.load))).result.state.calibrations).toEqual(new Map())
  })

  test('that nobody opens is a machine like any other', async () => {
    const { played, canary } = playCanary({ opened: false })
    const one = await done(replayEpoch(crypto, played.ledger, 0, played.load))
    expect(one.result.scores.find(({ account }) => account === canary)).toMatchObject({ reason: 'OK' })
    expect(one.result.state.calibrations.size).toBe(0)
  })
})
