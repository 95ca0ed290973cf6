import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLog } from '@assay/kit/log'
import type { Store } from './database.ts'
import { BOUNDS, Live, LIVE_TYPES, positionOf, type LiveEvent, type LiveType, type Want } from './live.ts'
import { openTestDatabase } from './testing/database.ts'
import { freshWorld, Happenings, hash32, machine, owner } from './testing/happenings.ts'
import { recorder } from './testing/log.ts'

let store: Store
let end: () => Promise<void>
let world: Happenings
let stop: AbortController
let live: Live
let running: Promise<void>

beforeAll(async () => {
  ;({ store, end } = await openTestDatabase())
})
afterAll(() => end())
beforeEach(async () => {
  world = await freshWorld(store.db)
  start()
})
afterEach(async () => {
  stop.abort()
  await running
})

/** A process of its own over the same database. */
function start(): void {
  stop = new AbortController()
  live = new Live({ db: store.db, state$: world.state$, changes$: world.changes$, log: silentLog })
  running = live.run(stop.signal)
}

const ALL: Want = { types: new Set(LIVE_TYPES), machine: null }
const want = (...types: LiveType[]): Want => ({ types: new Set(types), machine: null })

/** A reader: `next(n)` are its next n events, in short. */
async function reader(what: Want = ALL, after?: string) {
  const stopped = new AbortController()
  const events = live.events(after === undefined ? null : positionOf(after), what, AbortSignal.any([stop.signal, stopped.signal]))
  const take = async (n: number) => {
    const taken: LiveEvent[] = []
    while (taken.length < n) {
      const { value } = await events.next()
      if (value) taken.push(value)
      else break
    }
    return taken
  }
  const [first] = await take(1)
  return { first: first!, take, next: async (n: number) => (await take(n)).map(short), stop: () => stopped.abort() }
}

function short({ type, data }: LiveEvent): string {
  const { number, round, machine: of, epoch, account, totals } = data as { number?: number, round?: number, machine?: string, epoch?: number, account?: string, totals?: { onChain: { state: string } } }
  return [type, number ?? round ?? epoch, of ?? account, totals?.onChain.state].filter((part) => part !== undefined).join(' ')
}

describe('what happens', () => {
  it('is told as it is committed: blocks, rounds with their verdicts, epochs with their payouts', async () => {
    await world.blocks(11)
    const { first, next } = await reader()
    expect(first).toEqual({ id: expect.any(String), type: 'ready', data: {} })
    await world.blocks(12)
    expect((await next(2)).at(-1)).toBe('block 12')
    await world.round(0, [2, 1])
    expect(await next(3)).toEqual(['round 0', `verdict 0 ${machine(1)}`, `verdict 0 ${machine(2)}`])
    await world.blocks(14)
    expect(await next(2)).toEqual(['block 13', 'block 14'])
    await world.epoch(0, [1])
    expect(await next(2)).toEqual(['epoch 0 not_yet', `payout 0 ${owner(1)}`])
    await world.settled(0)
    expect(await next(1)).toEqual(['epoch 0 match'])
  })

  it('has the shape of the other answers', async () => {
    const { take } = await reader()
    await world.blocks(11)
    await world.round(0, [1])
    await world.epoch(0, [1])
    expect((await take(5)).map(({ data }) => data)).toEqual(expect.arrayContaining([
      { number: 11, hash: hash32(11), parentHash: hash32(10) },
      { round: 0, epoch: 0, judgedAt: 11, outcomes: { PASS: 1 }, work: '7' },
      expect.objectContaining({ round: 0, machine: machine(1), outcome: 'PASS', work: '7', proof: `/rounds/0/machines/${machine(1)}`, committeeSize: 1 }),
      { epoch: 0, totals: expect.objectContaining({ paid: '10', root: hash32(0) }) },
      expect.objectContaining({ epoch: 0, account: owner(1), paid: '10', proof: { statement: hash32(0), index: 0, path: `/epochs/0/proofs/${owner(1)}` } }),
    ]))
  })

  it('is told of a round when it is judged, not while it lacks evidence', async () => {
    const { next } = await reader(want('round'))
    await world.waiting(3)
    await world.round(4, [])
    expect(await next(1)).toEqual(['round 4'])
    await world.judged(3)
    expect(await next(1)).toEqual(['round 3'])
  })

  it('waits for the ledger: what was judged at a block that this process does not have yet is told after it', async () => {
    const { next } = await reader(want('round', 'block'), '11.0')
    await world.round(0, [], 12)
    await world.round(1, [], 11)
    await world.blocks(11)
    expect(await next(1)).toEqual(['block 11'])
    await world.blocks(12)
    expect(await next(3)).toEqual(['block 12', 'round 0', 'round 1'])
  })

  it('is told by types, and of one machine what is its', async () => {
    const [verdicts, mine] = [await reader(want('verdict')), await reader({ types: new Set(['verdict', 'payout', 'epoch']), machine: machine(2) })]
    await world.blocks(11)
    await world.round(0, [1, 2])
    await world.epoch(0, [1, 2])
    expect(await verdicts.next(2)).toEqual([`verdict 0 ${machine(1)}`, `verdict 0 ${machine(2)}`])
    expect(await mine.next(3)).toEqual([`verdict 0 ${machine(2)}`, 'epoch 0 not_yet', `payout 0 ${owner(2)}`])
  })

  it('of many machines is read in pieces, by many readers once', async () => {
    const readers = await Promise.all([reader(want('verdict')), reader(want('verdict')), reader(want('verdict'))])
    const many = Array.from({ length: 450 }, (_, i) => i)
    await world.round(0, many)
    for (const { next } of readers) expect(await next(450)).toEqual(many.map((n) => `verdict 0 ${machine(n)}`))
  })

  it('is told only up to the signal', async () => {
    const { next } = await reader()
    const waiting = next(1)
    stop.abort()
    expect(await waiting).toEqual([])
    expect(await live.events(null, ALL, stop.signal).next()).toEqual({ done: true, value: undefined })
  })

  it('does not end with a database that fails for a while', async () => {
    const notes = recorder()
    let failing = false
    const db = store.db.withPlugin({
      transformQuery({ node }) {
        if (failing) throw new Error('away')
        return node
      },
      transformResult: ({ result }) => Promise.resolve(result),
    })
    stop.abort()
    await running
    stop = new AbortController()
    live = new Live({ db, state$: world.state$, changes$: world.changes$, log: notes.log })
    running = live.run(stop.signal)
    const { next } = await reader(want('round'))
    failing = true
    world.changes$.next()
    await notes.until('journal not read')
    failing = false
    await world.round(0, [])
    expect(await next(1)).toEqual(['round 0'])
  })
})

describe('a reader who was away', () => {
  /** All that is told of a small world, from the beginning. */
  async function story(): Promise<LiveEvent[]> {
    await world.blocks(11)
    await world.round(0, [1, 2, 3])
    await world.blocks(12)
    await world.round(1, [1])
    await world.epoch(0, [1, 2])
    await world.settled(0)
    const { take } = await reader(ALL, '11.0')
    return take(2 + 4 + 2 + 3 + 1)
  }

  it('goes on after any event, in any process, and misses and repeats nothing', async () => {
    const all = await story()
    expect(all.map(short)).toEqual([
      'block 11', 'round 0', `verdict 0 ${machine(1)}`, `verdict 0 ${machine(2)}`, `verdict 0 ${machine(3)}`, 'block 12', 'round 1', `verdict 1 ${machine(1)}`, 'epoch 0 match', `payout 0 ${owner(1)}`, `payout 0 ${owner(2)}`, 'epoch 0 match',
    ])
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    for (const [i, { id }] of all.entries()) {
      stop.abort()
      await running
      start()
      const { first, take, stop: leave } = await reader(ALL, id)
      expect([id, first]).toEqual([id, { id, type: 'ready', data: {} }])
      expect([id, (await take(all.length - i - 1)).map(({ id }) => id)]).toEqual([id, all.slice(i + 1).map(({ id }) => id)])
      leave()
    }
  })

  it('gets a fresh start where its place is none of this database, or its past is too long ago', async () => {
    await story()
    // Another chain's height, another journal's length, another journal's round.
    for (const id of ['500.0', '11.99', '12.1.round1.0', '12.1.epoch0']) {
      const { first, next } = await reader(ALL, id)
      expect([id, first.type]).toEqual([id, 'reset'])
      const nextOne = next(1)
      await world.blocks(world.state$.value.ledger.head!.number + 1)
      expect(await nextOne).toEqual([`block ${world.state$.value.ledger.head!.number}`])
    }
    await world.blocks(1020)
    expect((await (await reader(want('block'), '1020.0')).next(1))).toEqual(['block 1020'])
    const late = await reader(ALL, `${1020 - BOUNDS.blocks}.0`)
    expect(late.first.type).toBe('ready')
    expect(await late.next(1)).toEqual(['reset'])
    expect((await (await reader(ALL, `${1021 - BOUNDS.blocks}.0`)).next(1))).toEqual([`round 0`])
    // Who does not ask for blocks has missed none.
    const rounds = await reader(want('round'), '11.0')
    expect(await rounds.next(2)).toEqual(['round 0', 'round 1'])
  })

  it('gets a fresh start in another database, though he had read all of the journal there, and its numbers are here too', async () => {
    await world.blocks(11)
    await world.round(0, [1])
    expect(await (await reader(want('round'), '12.0')).next(1)).toEqual(['round 0'])
    // Caught up, and of a kind of which there was nothing: what he has is the place alone.
    const { first, take } = await reader(want('payout', 'block'))
    await world.blocks(12)
    const [block] = await take(1)
    for (const id of [first.id, block!.id]) expect([id, (await reader(ALL, id)).first.type]).toEqual([id, 'ready'])
    // Rounds are judged in another order when all is read again.
    await store.db.updateTable('journal').set({ number: 1 }).where('seq', '=', 1).execute()
    for (const id of [first.id, block!.id]) expect([id, (await reader(ALL, id)).first.type]).toEqual([id, 'reset'])
  })

  it('goes on where numbers of the journal are missing', async () => {
    await world.round(0, [])
    await sql`select nextval(pg_get_serial_sequence('journal', 'seq')) from generate_series(1, 3)`.execute(store.db)
    // Judged at a block that this process does not have yet.
    await world.round(1, [], 12)
    const { next } = await reader(want('block'), '11.0')
    await world.blocks(11)
    expect(await next(1)).toEqual(['block 11'])
    const { first } = await reader(want('block'))
    expect((await reader(ALL, first.id)).first.type).toBe('ready')
  })

  it('has an id that is one, or none', () => {
    for (const id of ['', '1', '1.', 'a.1', '1.2.round', '1.2.block3', '1.2.round3.0x12', '1.2.round3.1', '-1.2', '1.2.round3.0.0', `${'9'.repeat(16)}.1`]) expect([id, positionOf(id)]).toEqual([id, null])
    expect(positionOf('120.7.round3.0')).toEqual({ block: 119, entry: 7, within: { kind: 'round', number: 3, account: '' } })
    expect(positionOf('0.0')).toEqual({ block: -1, entry: 0, within: null })
  })
})
