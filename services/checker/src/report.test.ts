import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Log, silentLog } from '@assay/kit/log'
import { decodeReportItem, type Hash, heldBitmap, type RoundFacts, reportKey, reportRoot, roundFacts, schedule, toHex, ZERO_HASH } from '@assay/protocol'
import { playNetwork, type PlayedNetwork } from '../../../protocol/testing/round.ts'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { Crash, CRASH_POINTS, FakeChain } from '../testing/report-chain.ts'
import { isForeign, isReportDue, observationsOf, observe, prepareReport, type ReportTools, sendReport } from './report.ts'
import { type Reading, Store } from './store.ts'

const id = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`
const reading: Reading = { reached: true, declined: null, rttUs: 250, downKbps: 1000, upKbps: 900, lastStep: 7, lastKey: id(7), firstUs: 900 }

const net: PlayedNetwork = playNetwork({ checkers: 3, machines: 3 }, { machine: () => ({ steps: 5 }) })
const me = net.checkers[0]!.account
const facts = (round: number): RoundFacts => roundFacts(testCrypto, net.ledger, round)!
const [a, b, c] = facts(2).machines.map(({ account }) => account) as [Hash, Hash, Hash]

let dir: string
let store: Store
let chain: FakeChain
let salts = 0
const tools = (): ReportTools => ({ crypto: testCrypto, me, store, random: (n) => new Uint8Array(n).fill(++salts), chain: chain.door(store.extrinsics), log: silentLog })
const restart = () => {
  store.close()
  store = new Store(dir, { network: net.network, account: me })
}
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-report-'))
  store = new Store(dir, { network: net.network, account: me })
  chain = new FakeChain()
})
afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true, force: true })
})

describe('what is observed', () => {
  test('ran, declined, silent, out of reach; a machine that was not watched to the end is left out', () => {
    const ids = [1, 2, 3, 4, 5].map(id)
    store.saveReadings(1, [[ids[3]!, { ...reading, reached: false }], [ids[0]!, reading], [ids[1]!, { ...reading, declined: 'PAUSED', lastStep: 0, lastKey: ZERO_HASH }], [ids[2]!, { ...reading, lastStep: 0, lastKey: ZERO_HASH }]])
    store.addCommitment(1, ids[0]!, { id: id(100), size: 9, bytes: new Uint8Array(9) })
    store.addCommitment(1, ids[0]!, { id: id(101), size: 9, bytes: new Uint8Array(9) })
    store.addCommitment(1, ids[4]!, { id: id(102), size: 9, bytes: new Uint8Array(9) })
    const seen = observe(store, 1, ids.toReversed())
    expect(seen.map(({ machine, outcome, reason, commitment }) => [machine, outcome, reason, commitment])).toEqual([
      [ids[0], 'RAN', 'OK', id(100)],
      [ids[1], 'NOT_RUN', 'PAUSED', ZERO_HASH],
      [ids[2], 'NOT_RUN', 'NO_COMMITMENT', ZERO_HASH],
      [ids[3], 'UNREACHABLE', 'UNREACHABLE', ZERO_HASH],
    ])
    expect(seen[0]).toMatchObject({ lastStep: 7, lastKey: id(7), rttUs: 250, firstUs: 900, downKbps: 1000, upKbps: 900 })
  })
})

describe('the report of a round', () => {
  test('commits to the observations, names the package of the round before and what is held of the one before that', () => {
    store.saveReadings(2, [[a, reading], [b, reading], [c, reading]])
    store.keepPackage({ round: 1, checker: me, root: id(50) }, [])
    for (const { account } of net.checkers.slice(1)) store.keepPackage({ round: 0, checker: account, root: id(60) }, [])
    const report = prepareReport(tools(), { now: facts(2), heldOf: facts(0) })!
    const item = decodeReportItem(report.item)
    const seen = observationsOf(report)
    expect(seen.map(({ machine }) => machine)).toEqual([a, b, c])
    expect(item.commitment).toBe(reportRoot(testCrypto, { network: net.network, round: 2, checker: me, salt: toHex(report.salt) }, seen))
    expect(item).toMatchObject({ round: 2, previousPackage: id(50) })
    const places = facts(0).checkers.flatMap(({ account }, i) => (account !== me && facts(0).mirrors(account).includes(me) ? [i] : []))
    expect(places).toHaveLength(2)
    expect(item.held).toEqual(heldBitmap(3, places))
  })

  test('is the same for ever, whatever is learnt later', () => {
    store.saveReadings(2, [[a, reading]])
    const first = prepareReport(tools(), { now: facts(2), heldOf: null })
    store.saveReadings(2, [[b, reading]])
    store.keepPackage({ round: 1, checker: me, root: id(50) }, [])
    restart()
    expect(prepareReport(tools(), { now: facts(2), heldOf: facts(0) })).toEqual(first)
  })

  test('is not made by one who was and is no checker, but by one who has a package to name', () => {
    const stranger = { ...tools(), me: id(77) }
    expect(prepareReport(stranger, { now: facts(2), heldOf: facts(0) })).toBeNull()
    store.keepPackage({ round: 1, checker: id(77), root: id(50) }, [])
    expect(decodeReportItem(prepareReport(stranger, { now: facts(2), heldOf: null })!.item).previousPackage).toBe(id(50))
  })
})

describe('killed at any point, the same report goes on, once', () => {
  /** One life: prepares and sends; each life draws another salt and has read other things. */
  const live = async (lives: number) => {
    store.saveReadings(2, [[[a, b, c][lives % 3]!, reading]])
    const report = prepareReport(tools(), { now: facts(2), heldOf: facts(0) })!
    return sendReport(tools(), net.network, report, 0, 3)
  }

  test.each(CRASH_POINTS)('%s', async (point) => {
    chain.crashAt = point
    await expect(live(0)).rejects.toThrow(Crash)
    restart()
    expect(await live(1)).toMatchObject({ kind: 'landed', block: 1 })
    restart()
    expect(await live(2)).toMatchObject({ kind: 'landed', block: 1 })
    expect(chain.landed).toHaveLength(1)
    expect(chain.landed[0]).toMatchObject({ item: reportKey(net.network), value: store.report(2)!.item })
    expect(observationsOf(store.report(2)!).map(({ machine }) => machine)).toEqual([a])
    expect(store.report(2)!.landed).toBe(1)
  })

  test('at every point one after the other', async () => {
    for (const [i, point] of CRASH_POINTS.entries()) {
      chain.crashAt = point
      await expect(live(i)).rejects.toThrow(Crash)
      restart()
    }
    expect(await live(9)).toMatchObject({ kind: 'landed' })
    expect(chain.landed.map(({ value }) => value)).toEqual([store.report(2)!.item])
  })
})

describe('a try that fails', () => {
  const report = () => prepareReport(tools(), { now: facts(2), heldOf: null })!

  test('is told, and a new one begins only if the old one can never take effect', async () => {
    chain.failures = [
      { ok: false, code: 'NO_FUNDS', message: 'nothing left', final: true },
      { ok: false, code: 'UNREADABLE', message: 'who knows', final: false },
    ]
    expect(await sendReport(tools(), net.network, report(), 0, 3)).toEqual({ kind: 'again', attempt: 1 })
    expect(await sendReport(tools(), net.network, report(), 1, 3)).toEqual({ kind: 'again', attempt: 1 })
    expect(await sendReport(tools(), net.network, report(), 1, 3)).toMatchObject({ kind: 'landed' })
    expect(chain.landed).toHaveLength(1)
  })

  test('is an error to its operator, unless it was the operator who stopped it', async () => {
    const said: string[] = []
    const log: Log = { ...silentLog, warn: (event) => said.push(event), error: (event) => said.push(event) }
    for (const code of ['NO_FUNDS', 'STOPPED'] as const) {
      chain.failures = [{ ok: false, code, message: 'not now', final: false }]
      expect(await sendReport({ ...tools(), log }, net.network, report(), 0, 3)).toEqual({ kind: 'again', attempt: 0 })
    }
    expect(said).toEqual(['report not sent'])
  })
})

test('a report on chain that the data folder does not know forbids another; the folder’s own does not', async () => {
  expect(await isForeign(tools(), net.network, 2)).toBe(false)
  await sendReport(tools(), net.network, prepareReport(tools(), { now: facts(2), heldOf: null })!, 0, 3)
  expect([await isForeign(tools(), net.network, 2), await isForeign(tools(), net.network, 3)]).toEqual([false, false])
  rmSync(dir, { recursive: true })
  restart()
  expect([await isForeign(tools(), net.network, 1), await isForeign(tools(), net.network, 2), await isForeign(tools(), net.network, 3)]).toEqual([true, true, false])
  chain.landed.push({ ...chain.landed[0]!, value: Uint8Array.of(1, 2, 3) })
  expect(await isForeign(tools(), net.network, 2)).toBe(false)
})

test('a report is due from the last block of commitments until it landed or its window is over', () => {
  const { parameters } = net
  const at = schedule(parameters, 2)
  const due = (best: number) => isReportDue(store, parameters, best)
  expect([at.commitmentBy - 1, at.commitmentBy, at.commitTo - 1, at.commitTo].map(due)).toEqual([false, true, true, false])
  prepareReport(tools(), { now: facts(2), heldOf: null })
  expect(due(at.commitFrom)).toBe(true)
  store.reportLanded(2, at.commitFrom + 1)
  expect(due(at.commitFrom)).toBe(false)
  expect(isReportDue(store, parameters, parameters.start - 1)).toBe(false)
})
