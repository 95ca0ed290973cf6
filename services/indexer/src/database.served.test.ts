// What only a served PostgreSQL has: other processes, lost connections, a lead that changes hands.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { filter, firstValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { startProxy, type CuttingProxy } from '@assay/runtime-bindings/testing'
import { openDatabase, openExisting, type Store } from './database.ts'
import { administer, createServed, dropServed } from './testing/served.ts'
import { testOwner as owner, testPlace } from './testing/database.ts'

const server = inject('postgres')!
const never = new AbortController().signal
const stores: Store[] = []
let url: string
let remove: () => Promise<void>

beforeAll(async () => {
  const made = await testPlace()
  url = (made.place as { url: string }).url
  remove = made.remove
})
afterAll(async () => {
  for (const store of stores) await store.close()
  await remove()
})

async function opened(): Promise<Store> {
  const store = await openDatabase({ url, pool: 3, owner })
  stores.push(store)
  return store
}

const block = (number: number) => ({ number, hash: `0x${number}` as const, parent_hash: `0x${number - 1}` as const, relay_root: null })
/** The server ends connections: those that hold the leader's lock, or all of the database. */
const cut = (only: 'lead' | 'all') => administer(url, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${new URL(url).pathname.slice(1)}'${only === 'lead' ? " and pid in (select pid from pg_locks where locktype = 'advisory')" : ''}`)

describe('a database at a server', () => {
  it('is refused in one sentence, without the secret in its URL', async () => {
    const secret = url.replace('assay@', 'assay:hunter2@')
    const refusals = [
      [() => openDatabase({ url: 'postgres://assay:hunter2@[/x', owner }), 'DATABASE_URL', 1],
      [() => openDatabase({ url: 'postgres://assay:hunter2@127.0.0.1:1/x', owner }), 'DATABASE_LOST', 75],
      [() => openDatabase({ url: secret.replace(/\/assay_\w+/, '/nowhere'), owner }), 'DATABASE', 75],
      [() => openDatabase({ url: secret, owner: { ...owner, network: `0x${'33'.repeat(32)}` } }), 'OTHER_NETWORK', 1],
      [() => openDatabase({ url: secret, owner: { ...owner, genesisHash: `0x${'44'.repeat(32)}` } }), 'OTHER_CHAIN', 1],
      [() => openExisting({ url: secret, owner: { network: `0x${'33'.repeat(32)}` } }), 'OTHER_NETWORK', 1],
    ] as const
    for (const [opening, code, exit] of refusals) {
      const error = (await opening().catch((error: unknown) => error)) as Error & { advice: string }
      expect(error).toMatchObject({ code, exit })
      expect(error.message + error.advice).not.toMatch(/hunter2/)
    }
  })

  it('is made once by whoever comes first, and is nobody’s before', async () => {
    const fresh = await createServed(server, `assay_${process.pid}_fresh`)
    await expect(openExisting({ url: fresh, owner: {} })).rejects.toMatchObject({ code: 'NO_DATABASE', exit: 75 })
    const openings = await Promise.allSettled([openDatabase({ url: fresh, owner }), openDatabase({ url: fresh, owner }), openDatabase({ url: fresh, owner: { ...owner, network: `0x${'33'.repeat(32)}` } })])
    const open = openings.flatMap((opening) => (opening.status === 'fulfilled' ? [opening.value] : []))
    const refused = openings.flatMap((opening) => (opening.status === 'rejected' ? [(opening.reason as { code: string }).code] : []))
    expect(refused).toSatisfy((codes: string[]) => codes.length > 0 && codes.every((code) => code === 'OTHER_NETWORK'))
    await sql`insert into kysely_migration values ('9999', '2030')`.execute(open[0]!.db)
    for (const store of open) await store.close()
    // One network has it; the others were refused.
    await expect(openDatabase({ url: fresh, owner: refused.length === 1 ? owner : { ...owner, network: `0x${'33'.repeat(32)}` } })).rejects.toMatchObject({ code: 'NEWER' })
    await expect(openExisting({ url: fresh, owner: {} })).rejects.toMatchObject({ code: 'NEWER' })
    await dropServed(fresh)
  })

  it('tells others what changed, also after their connection was lost', async () => {
    const [writer, reader] = [await opened(), await opened()]
    const told = firstValueFrom(reader.changes$.pipe(filter((change) => change === 'epochs')))
    await writer.lead(never).then(async (leadership) => {
      await leadership!.db.insertInto('epochs').values({ epoch: 9, root: '0x', statement: new Uint8Array(), pool: 1n, paid: 0n, carried: 0n, remainder: 1n, scored_at: 1, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
      await leadership!.resign()
    })
    expect(await told).toBe('epochs')
    const again = firstValueFrom(reader.changes$)
    await cut('all')
    // Nobody knows what was missed, so it counts as a change.
    expect(await again).toBe('blocks')
    expect(await reader.db.selectFrom('epochs').select('epoch').execute()).toEqual([{ epoch: 9 }])
  })
})

/** A way to the server that can be cut or held up, and the URL that takes it. */
async function detour(): Promise<{ proxy: CuttingProxy, url: string, end: () => Promise<void> }> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-detour-'))
  const own = new URL(url)
  const proxy = await startProxy({ target: { path: join(own.searchParams.get('host')!, '.s.PGSQL.5432') }, path: join(dir, '.s.PGSQL.5432') })
  own.searchParams.set('host', dir)
  return {
    proxy,
    url: own.href,
    end: async () => {
      await proxy.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

describe('a server that is away', () => {
  it('is waited for a while, and what was lost is made again', async () => {
    const { proxy, url, end } = await detour()
    const store = await openDatabase({ url, pool: 2, owner, waits: { awayMs: 60_000 } })
    let over = false
    store.ended.catch(() => {}).finally(() => (over = true))
    await firstValueFrom(store.changes$)
    const again = firstValueFrom(store.changes$)
    proxy.cut()
    await expect(store.db.selectFrom('meta').selectAll().execute()).rejects.toMatchObject({ code: 'DATABASE_LOST' })
    proxy.resume()
    expect(await again).toBe('blocks')
    expect(await store.db.selectFrom('meta').select('name').orderBy('name').execute()).toEqual([{ name: 'genesis' }, { name: 'network' }])
    expect(over).toBe(false)
    await store.close()
    await end()
  })

  it('for longer ends what rests on it, with 75', async () => {
    const { proxy, url, end } = await detour()
    const store = await openDatabase({ url, pool: 2, owner, waits: { awayMs: 200 } })
    await firstValueFrom(store.changes$)
    proxy.cut()
    await expect(store.ended).rejects.toMatchObject({ code: 'DATABASE_LOST', exit: 75 })
    await store.close()
    await end()
  })

  it('is one that does not answer, too: a query is given up', async () => {
    const store = await openDatabase({ url, pool: 2, owner, waits: { queryMs: 100 } })
    await expect(sql`select pg_sleep(30)`.execute(store.db)).rejects.toMatchObject({ code: 'DATABASE_LOST' })
    // Its connection is not used again.
    expect((await sql`select 1 as one`.execute(store.db)).rows).toEqual([{ one: 1 }])
    await store.close()
  })
})

describe('the lead', () => {
  it('is taken from a process that vanished without closing anything, in bounded time; it writes no more when it comes back', async () => {
    const { proxy, url: aside, end } = await detour()
    // Its pings would close its connections: a machine that is gone does not even do that.
    const gone = await openDatabase({ url: aside, pool: 2, owner, waits: { pingMs: 60_000, idleMs: 700 } })
    const first = (await gone.lead(never))!
    expect(first.cutOff).toBe(false)
    const inside = Promise.withResolvers<void>()
    const begun = first.db.transaction().execute(async (trx) => {
      await trx.insertInto('blocks').values(block(30)).execute()
      inside.resolve()
      await first.lost
      await trx.insertInto('blocks').values(block(31)).execute()
    })
    const failed = expect(begun).rejects.toMatchObject({ code: 'DATABASE_LOST' })
    await inside.promise
    proxy.stall()
    const standby = await openDatabase({ url, pool: 2, owner, waits: { pingMs: 400, electionMs: 50, silentMs: 1_000 } })
    const second = (await standby.lead(AbortSignal.timeout(20_000)))!
    expect(second.cutOff).toBe(true)
    await second.db.insertInto('blocks').values(block(32)).execute()
    proxy.resume()
    await first.lost
    await failed
    await expect(first.db.insertInto('blocks').values(block(33)).execute()).rejects.toMatchObject({ code: 'NOT_LEADER' })
    expect(await standby.db.selectFrom('blocks').select('number').where('number', '>=', 30).execute()).toEqual([{ number: 32 }])
    await second.resign()
    await gone.close()
    await standby.close()
    await end()
  })

  it('stays with a process that gives signs of life', async () => {
    const waits = { pingMs: 100, electionMs: 20, silentMs: 500 }
    const [a, b] = [await openDatabase({ url, pool: 2, owner, waits }), await openDatabase({ url, pool: 2, owner, waits })]
    const first = (await a.lead(never))!
    expect(await b.lead(AbortSignal.timeout(1_500))).toBeNull()
    await first.db.deleteFrom('blocks').where('number', '>=', 30).execute()
    await first.resign()
    await a.close()
    await b.close()
  })

  it('is one process’s, and the next one’s when it resigns', async () => {
    const [a, b] = [await opened(), await opened()]
    const first = (await a.lead(never))!
    const waiting = b.lead(never)
    expect(await b.lead(AbortSignal.timeout(50))).toBeNull()
    await first.db.insertInto('blocks').values(block(1)).execute()
    await first.resign()
    const second = (await waiting)!
    await second.db.insertInto('blocks').values(block(2)).execute()
    await expect(first.db.insertInto('blocks').values(block(3)).execute()).rejects.toMatchObject({ code: 'NOT_LEADER', exit: 75 })
    await expect(first.db.transaction().execute(async (trx) => trx.insertInto('blocks').values(block(3)).execute())).rejects.toMatchObject({ code: 'NOT_LEADER' })
    await expect(sql`delete from blocks`.execute(first.db)).rejects.toMatchObject({ code: 'NOT_LEADER' })
    // To read is everybody's.
    expect(await first.db.selectFrom('blocks').select('number').orderBy('number').execute()).toEqual([{ number: 1 }, { number: 2 }])
    await second.resign()
  })

  it('is lost with the connection that holds it, and what was begun under it is finished or nothing before another writes', async () => {
    const [a, b] = [await opened(), await opened()]
    const first = (await a.lead(never))!
    const inside = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const begun = first.db.transaction().execute(async (trx) => {
      await trx.insertInto('blocks').values(block(10)).execute()
      inside.resolve()
      await goOn.promise
    })
    await inside.promise
    const next = b.lead(never)
    await cut('lead')
    await first.lost
    let elected = false
    void next.then(() => (elected = true))
    // The lock is free, but the transaction of the one before still stands: nobody leads.
    const { rows: before } = await sql<{ term: number }>`select term from leadership`.execute(b.db)
    expect(elected).toBe(false)
    goOn.resolve()
    await begun
    const second = (await next)!
    expect((await second.db.selectFrom('leadership').select('term').executeTakeFirstOrThrow()).term).toBeGreaterThan(before[0]!.term)
    expect(await second.db.selectFrom('blocks').select('number').where('number', '=', 10).execute()).toEqual([{ number: 10 }])
    await expect(first.db.insertInto('blocks').values(block(11)).execute()).rejects.toMatchObject({ code: 'NOT_LEADER' })
    await second.resign()
  })

  it('says that the server is away where it is, and goes on when it is back', async () => {
    const store = await opened()
    const leadership = (await store.lead(never))!
    const broken = leadership.db.transaction().execute(async (trx) => {
      await cut('all')
      await trx.insertInto('blocks').values(block(20)).execute()
    })
    await expect(broken).rejects.toMatchObject({ code: 'DATABASE_LOST', exit: 75 })
    expect(await store.db.selectFrom('blocks').select('number').where('number', '=', 20).execute()).toEqual([])
    await (await store.lead(never))!.db.insertInto('blocks').values(block(20)).execute()
  })
})
