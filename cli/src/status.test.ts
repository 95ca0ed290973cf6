import { describe, expect, it } from 'vitest'
import type { Schemas } from '@assay/client'
import { exitOf, indexerStatusOf, readyOf, statusOf, tellIndexerStatus, tellStatus, type Asked } from './status.ts'

const account = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const indexer = 'http://indexer.test'
const ok = { code: 'OK', text: 'All is well.' } as const
const detail = { machine: account, registered: true, waiting: null, fault: null, links: 3, best: 20, ledger: 18, round: 1, last: { round: 1, result: 'COMMITTED' } }

/** Answers by path; what has none is refused as the network refuses. */
const answering = (answers: Record<string, unknown>, asked: string[] = []) => ({
  signal: new AbortController().signal,
  fetch: (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    asked.push(pathname)
    const answer = answers[pathname]
    if (answer instanceof Error) return Promise.reject(answer)
    return Promise.resolve(Response.json(answer ?? { error: { code: 'NO_MACHINE', message: 'no such machine' } }, { status: answer === undefined ? 404 : 200 }))
  },
})

const network = { head: { number: 98, hash: '0x' }, best: 100, stalled: null, parameters: { confirmations: 2 } }
const machine = { account: '0x', registration: ok, identity: { extrinsic: { id: '12-2' } }, standing: 'STANDARD', device: null, verdict: null }
const verdict = (round: number, outcome: string, reason: Schemas['Reason'] = ok) => ({ round, outcome, reason })
const score = { epoch: 4, earned: '1500000000000000000', reason: ok, standing: { level: 'STANDARD', benchedUntil: null, passed: 2, asked: 2 } }
const payout = { paid: '1500000000000000000', reason: ok, extrinsic: { id: '90-3' } }
const whole = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  '/network': network,
  [`/machines/${account}`]: machine,
  [`/machines/${account}/verdicts`]: { items: [verdict(9, 'PASS'), verdict(8, 'PASS')], next: null },
  [`/machines/${account}/why`]: { score, payout, lines: [] },
  ...more,
})
const machineAt = (more: Partial<Asked> = {}): Asked => ({ kind: 'machine', account, ...more })
const local = { dataDir: '/data', holder: { pid: 7, url: 'http://127.0.0.1:1' } }

describe('a machine that is well', () => {
  it('has nothing to mend, and is told by both witnesses', async () => {
    const status = await statusOf(machineAt({ indexer, ...local }), answering(whole({ '/ready': { ready: true, detail } })))
    expect(status.findings).toEqual([])
    expect(exitOf(status.findings)).toBe(0)
    const told = tellStatus(status)
    expect(status.network!.device).toBeNull()
    for (const part of ['7, ready', '3 connected', 'yes, in extrinsic 12-2', 'STANDARD', '##', 'epoch 4: earned 1.5 PEAQ; the owner is paid 1.5 PEAQ in extrinsic 90-3', `${indexer}/explorer/machines/${account}`]) expect(told).toContain(part)
  })
})

describe('what a machine computes with', () => {
  const facts = (kind: string) => ({ facts: { device: { class: 7, kind, units: 8, memoryMiB: 16_384 } } })
  it.each([
    [{ device: { class: 7, name: 'Some GPU' }, verdict: facts('GPU') }, '8 x Some GPU, 16384 MiB'],
    [{ device: { class: 7, name: null }, verdict: facts('CPU') }, 'CPU of class 7, 8 threads, 16384 MiB'],
    [{ device: { class: 7, name: 'Some GPU' }, verdict: null }, 'Some GPU'],
    [{ device: { class: 7, name: null }, verdict: { facts: null } }, 'of class 7'],
  ])('is told as far as it is known', async (more, said) => {
    const status = await statusOf(machineAt({ indexer }), answering(whole({ [`/machines/${account}`]: { ...machine, ...more } })))
    expect(tellStatus(status)).toContain(`device       ${said}\n`)
  })
})

describe('an indexer', () => {
  const good = { ready: true, detail: { head: 98, best: 100, behind: 0, stalled: null, endpoint: { name: 'ws://node', switches: 2, why: null } } }
  const of = (ready: unknown, asked: Parameters<typeof indexerStatusOf>[0] = { where: '/data', holder: { pid: 7, url: 'http://127.0.0.1:1' } }) => indexerStatusOf(asked, answering({ '/ready': ready }))
  it('that is well has nothing to mend', async () => {
    const status = await of(good)
    expect(status.findings).toEqual([])
    expect(tellIndexerStatus(status)).toBe('indexer /data\n  process      7, ready\n  chain        read up to block 98\n  node         ws://node, changed 2 times\n')
    expect((await of(good, { where: indexer, url: `${indexer}/` })).pid).toBeNull()
  })
  it.each<[string, number, unknown, Parameters<typeof indexerStatusOf>[0] | undefined]>([
    ['no process runs on /data', 1, good, { where: '/data', holder: null }],
    ['process 7 does not say how it is', 75, good, { where: '/data', holder: { pid: 7, url: null } }],
    ['process 7 does not say how it is', 75, new TypeError('refused'), undefined],
    ['process 7 does not say how it is', 75, { ready: 'yes' }, undefined],
    ['it sees no new blocks: silent', 75, { ...good, detail: { ...good.detail, stalled: 'silent' } }, undefined],
    ['it has read blocks up to 98 of 100, 30 behind', 75, { ready: false, detail: { ...good.detail, behind: 30 } }, undefined],
  ])('says "%s"', async (what, exit, ready, asked) => {
    const { findings } = await of(ready, asked)
    expect([findings.map((one) => one.what), exitOf(findings)]).toEqual([[what], exit])
  })
})

describe('a machine that has left for good', () => {
  it('has nothing to mend, whatever its last rounds were, and is not told to start', async () => {
    const answers = whole({ [`/machines/${account}`]: { ...machine, registration: { code: 'RETIRED', text: 'It left.' } }, [`/machines/${account}/verdicts`]: { items: [verdict(9, 'UNREACHABLE', { code: 'UNREACHABLE', text: 'Nobody reached it.' })], next: null } })
    const status = await statusOf(machineAt({ indexer, dataDir: '/data', holder: null, left: 'retired' }), answering(answers))
    expect([status.retired, status.findings]).toEqual([true, []])
    expect(tellStatus(status)).toContain('none runs: its folder is marked as retired')
    expect((await statusOf(machineAt({ indexer, dataDir: '/data', holder: null }), answering(answers))).findings).not.toEqual([])
    // What ended before the chain was told, or a thief who registered again.
    const { findings } = await statusOf(machineAt({ indexer, dataDir: '/data', holder: null, left: 'retired' }), answering(whole()))
    expect([exitOf(findings), findings[0]]).toEqual([1, expect.objectContaining({ what: 'its folder is marked as retired, and its registration stands', how: expect.stringContaining('assay machine retire') })])
  })
})

describe('what is to be mended', () => {
  const found = async (asked: Partial<Asked>, answers: Record<string, unknown>): Promise<[number, string]> => {
    const { findings } = await statusOf(machineAt(asked), answering(answers))
    return [exitOf(findings), findings.map(({ what }) => what).join('; ')]
  }
  const inside = (more: object, ready = false) => found(local, { '/ready': { ready, detail: { ...detail, ...more } } })

  it('is said of the process', async () => {
    expect(await found({ dataDir: '/data', holder: null }, {})).toEqual([1, 'no process runs on /data'])
    expect(await found({ dataDir: '/data', holder: null, left: 'leaving' }, {})).toEqual([1, 'it leaves its network, and no process runs on /data to end what it owes'])
    expect(await found({ dataDir: '/data', holder: { pid: 7, url: null } }, {})).toEqual([75, 'process 7 does not say how it is'])
    expect(await found(local, { '/ready': new TypeError('refused') })).toEqual([75, 'process 7 does not say how it is'])
    expect(await found(local, { '/ready': { ready: 'yes' } })).toEqual([75, 'process 7 does not say how it is'])
    expect(await inside({ waiting: '5F lacks 2 PEAQ', registered: false })).toEqual([1, 'it waits: 5F lacks 2 PEAQ'])
    expect(await inside({ fault: 'BAD_PEER_KEY' })).toEqual([1, 'its registration does not count (BAD_PEER_KEY)'])
    expect(await inside({ registered: false })).toEqual([75, 'its registration is not confirmed yet'])
    expect(await inside({ links: 0 })).toEqual([75, 'no checker is connected to it'])
    expect(await inside({ missing: 'it lacks the network’s checker role' })).toEqual([1, 'it is not eligible: it lacks the network’s checker role'])
    const { findings } = await statusOf(machineAt({ kind: 'checker', ...local }), answering({ '/ready': { ready: false, detail: { ...detail, links: undefined, missing: 'it lacks a role', advice: 'Ask the founders.' } } }))
    expect(findings).toEqual([{ what: 'it is not eligible: it lacks a role', how: 'Ask the founders.', exit: 1 }])
    for (const more of [{}, { fault: 'NO_DOCUMENT', registered: false }, { missing: 'its registration does not count (NO_DOCUMENT)' }]) expect(await inside({ leaving: true, ...more })).toEqual([75, 'it leaves its network, and ends what it owes'])
    expect(await inside({ leaving: true, registered: false, links: 0 })).toEqual([75, 'no checker is connected to it'])
    expect(await inside({ newer: 'version 3 of the protocol takes effect with epoch 9' }, true)).toEqual([1, 'version 3 of the protocol takes effect with epoch 9'])
    expect(await inside({ links: undefined, ledger: 3 })).toEqual([75, 'it has read blocks up to 3 of 20'])
  })

  it('is said by the network, with its reason', async () => {
    const at = (path: string, answer: unknown) => found({ indexer }, whole({ [path]: answer }))
    expect(await at(`/machines/${account}/verdicts`, { items: [verdict(9, 'FAIL', { code: 'WRONG_PRODUCT', text: 'A product is wrong.' })], next: null })).toEqual([1, 'round 9 was FAIL (WRONG_PRODUCT: A product is wrong.)'])
    expect(await at(`/machines/${account}`, { ...machine, registration: { code: 'WRONG_NETWORK', text: 'It is of another network.' } })).toEqual([1, 'its registration does not count (WRONG_NETWORK: It is of another network.)'])
    expect(await at(`/machines/${account}/why`, { score: { ...score, standing: { ...score.standing, level: 'BENCHED', benchedUntil: 400 } }, payout: null, lines: [] })).toEqual([1, 'it is benched until block 400'])
    expect(await at('/network', { ...network, stalled: { reason: 'NO_BLOCKS', detail: 'no block above 98' } })).toEqual([75, 'the indexer sees no new blocks: no block above 98'])
  })

  it('may be that nobody knows: then it is tried again', async () => {
    expect(await found({ indexer }, { '/network': network })).toEqual([75, `the network does not know ${account} as a machine`])
    expect(await found({ indexer }, { '/network': new TypeError('refused') })).toEqual([75, `the indexer ${indexer} does not answer (refused)`])
  })
})

describe('what is told', () => {
  it('gives every zero its reason', async () => {
    const zero = { score: { ...score, earned: '0', reason: { code: 'NOTHING_PROVEN', text: 'No work was proven.' } }, payout: { ...payout, paid: '0', extrinsic: null, reason: { code: 'BELOW_MINIMUM', text: 'It is carried.' } }, lines: [] }
    const rounds = { items: [verdict(9, 'PASS'), verdict(8, 'NOT_RUN', { code: 'BUSY', text: 'It was busy.' }), verdict(7, 'UNREACHABLE', { code: 'UNREACHABLE', text: 'Nobody reached it.' })], next: null }
    const told = tellStatus(await statusOf(machineAt({ indexer }), answering(whole({ [`/machines/${account}/why`]: zero, [`/machines/${account}/verdicts`]: rounds }))))
    for (const part of ['.-#', 'round 8: NOT_RUN (BUSY: It was busy.)', 'round 7: UNREACHABLE (UNREACHABLE: Nobody reached it.)', 'earned 0 PEAQ (NOTHING_PROVEN: No work was proven.); the owner is paid nothing (BELOW_MINIMUM: It is carried.)']) expect(told).toContain(part)
  })

  it('says so before the first epoch and the first round', async () => {
    const early = whole({ [`/machines/${account}/verdicts`]: { items: [], next: null } })
    delete early[`/machines/${account}/why`]
    const deps = answering(early)
    const fetch = (request: Request): Promise<Response> => (request.url.endsWith('/why') ? Promise.resolve(Response.json({ error: { code: 'NOT_SCORED', message: 'not yet' } }, { status: 404 })) : deps.fetch(request))
    const told = tellStatus(await statusOf(machineAt({ indexer }), { ...deps, fetch }))
    for (const part of ['none judged yet', 'no epoch with it is scored yet']) expect(told).toContain(part)
  })

  it('of a checker is its own', async () => {
    const answers = {
      '/network': network,
      [`/checkers/${account}`]: { registration: ok, identity: null },
      [`/checkers/${account}/rounds`]: { items: [{ round: 5, reported: true, reason: ok }, { round: 4, reported: false, reason: { code: 'NO_REPORT', text: 'It did not report.' } }], next: null },
      [`/checkers/${account}/why`]: { score: { ...score, standing: null }, payout, lines: [] },
    }
    const status = await statusOf({ kind: 'checker', account, indexer }, answering(answers))
    expect(status.findings).toEqual([])
    const told = tellStatus(status)
    for (const part of ['checker 5Grwva', '.#', 'round 4: MISSED (NO_REPORT: It did not report.)', `/explorer/checkers/${account}`]) expect(told).toContain(part)
  })
})

describe('an end', () => {
  it('comes at once when it is asked for', async () => {
    const stop = new AbortController()
    stop.abort(new Error('stopped'))
    const deps = { signal: stop.signal, fetch: (request: Request): Promise<Response> => Promise.reject(request.signal.reason as Error) }
    await expect(readyOf('http://127.0.0.1:1', deps)).rejects.toThrow('stopped')
    await expect(statusOf(machineAt({ indexer }), deps)).rejects.toThrow('stopped')
  })
})
