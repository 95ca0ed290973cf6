import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase, type Owner, type Store } from './database.ts'

const owner: Owner = { network: `0x${'11'.repeat(32)}`, genesisHash: `0x${'22'.repeat(32)}` }
const root = mkdtempSync(join(tmpdir(), 'assay-database-'))
const children: ChildProcess[] = []
let shared: Store

beforeAll(async () => {
  // What a process leaves that was killed while PostgreSQL wrote its first files.
  mkdirSync(join(root, 'template/postgres.new'), { recursive: true })
  writeFileSync(join(root, 'template/postgres.new/PG_VERSION'), 'x')
  await (await openDatabase({ dir: join(root, 'template'), owner })).close()
  shared = await open('shared')
})
afterAll(async () => {
  await shared.close()
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})
beforeEach(() => sql`truncate blocks, events, epochs cascade`.execute(shared.db))

// To create a database takes seconds, to copy one does not.
function open(name: string, options: Partial<Owner> = {}): Promise<Store> {
  if (!existsSync(join(root, name))) cpSync(join(root, 'template'), join(root, name), { recursive: true })
  return openDatabase({ dir: join(root, name), owner: { ...owner, ...options } })
}
const block = (number: number) => ({ number, hash: `0x${number}`, parent_hash: `0x${number - 1}`, relay_root: null })

async function withStore<T>(name: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await open(name)
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

/** A process that opens the database and writes blocks, telling on its standard output what it has done. */
function writer(name: string): { child: ChildProcess, line: (wanted: RegExp) => Promise<string> } {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'testing/writer.ts'), join(root, name), JSON.stringify(owner)], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })
  return {
    child,
    line: (wanted) => new Promise((resolve, reject) => {
      lines.on('line', (line) => wanted.test(line) && resolve(line))
      lines.on('close', () => reject(new Error('the writer ended')))
    }),
  }
}

const exited = (child: ChildProcess) => new Promise((resolve) => child.once('exit', resolve))

describe('values', () => {
  it('keeps whole numbers exact: heights as number, amounts as bigint, bytes as bytes', async () => {
    const { db } = shared
    await db.insertInto('blocks').values(block(4_294_967_295)).execute()
    await db.insertInto('events').values({ block: 4_294_967_295, position: 0, data: Uint8Array.of(0, 1, 255) }).execute()
    const largest = 2n ** 128n - 1n
    await db.insertInto('epochs').values({ epoch: 1, root: '0x', statement: new Uint8Array(), pool: largest, paid: 0n, carried: 1n, remainder: 0n, scored_at: 3, chain_state: 'not_yet', chain_block: null, chain_bytes: null }).execute()
    expect(await db.selectFrom('events').selectAll().executeTakeFirstOrThrow()).toEqual({ block: 4_294_967_295, position: 0, data: Uint8Array.of(0, 1, 255) })
    expect(await db.selectFrom('epochs').select(({ fn }) => [fn.sum('pool').as('sum'), 'chain_block', fn.countAll().as('count')]).groupBy('epoch').execute()).toEqual([{ sum: largest, chain_block: null, count: 1 }])
  })

  it('says what the database refused, and goes on', async () => {
    const { db } = shared
    await db.insertInto('blocks').values(block(1)).execute()
    await expect(db.insertInto('blocks').values(block(1)).execute()).rejects.toMatchObject({ code: 'DATABASE', message: /duplicate key/, cause: { code: '23505' } })
    expect(await db.selectFrom('blocks').select('number').execute()).toEqual([{ number: 1 }])
  })

  it('keeps the process responsive while a query runs', async () => {
    const { db } = shared
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    await sql`select count(*) from generate_series(1, 1000000) a`.execute(db)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
  })
})

describe('transactions', () => {
  it('write all or nothing, and let no other query in between', async () => {
    const { db } = shared
    const failing = db.transaction().execute(async (trx) => {
      await trx.insertInto('blocks').values(block(1)).execute()
      await trx.insertInto('blocks').values(block(1)).execute()
    })
    const between = db.selectFrom('blocks').selectAll().execute()
    await expect(failing).rejects.toMatchObject({ code: 'DATABASE' })
    expect(await between).toEqual([])
  })
})

describe('what it belongs to', () => {
  it('opens again with what was stored', async () => {
    await withStore('again', ({ db }) => db.insertInto('blocks').values(block(7)).execute())
    expect(await withStore('again', ({ db }) => db.selectFrom('blocks').select('number').execute())).toEqual([{ number: 7 }])
    await expect(open('again', { network: `0x${'33'.repeat(32)}` })).rejects.toMatchObject({ code: 'OTHER_NETWORK', message: /belongs to network 0x1111.* not to 0x3333/ })
    await expect(open('again', { genesisHash: `0x${'44'.repeat(32)}` })).rejects.toMatchObject({ code: 'OTHER_CHAIN', message: /genesis 0x2222.* genesis 0x4444/ })
  })

  it('refuses what a later version wrote', async () => {
    await withStore('again', ({ db }) => sql`insert into kysely_migration values ('9999', '2030')`.execute(db))
    await expect(open('again')).rejects.toMatchObject({ code: 'NEWER' })
  })

  it('refuses a folder that cannot be one, and files that are no database', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(openDatabase({ dir: join(root, 'file/inside'), owner })).rejects.toMatchObject({ code: 'DISK', message: /ENOTDIR/ })
    mkdirSync(join(root, 'broken/postgres'), { recursive: true })
    writeFileSync(join(root, 'broken/postgres/PG_VERSION'), 'x')
    await expect(openDatabase({ dir: join(root, 'broken'), owner })).rejects.toMatchObject({ code: 'DATABASE', exit: 75 })
  })

  it('starts anew where its making was cut off', () => expect(readdirSync(join(root, 'template')).sort()).toEqual(['lock', 'postgres']))
})

describe('another process', () => {
  it('keeps a second one out while it lives; killed between two statements it leaves whole blocks only', { timeout: 60_000 }, async () => {
    await withStore('killed', () => Promise.resolve())
    const { child, line } = writer('killed')
    await line(/open/)
    await expect(open('killed')).rejects.toMatchObject({ code: 'LOCKED', exit: 75 })
    // The third block is inserted, its event is not: the process dies inside the transaction.
    await line(/between 3/)
    child.kill('SIGKILL')
    await exited(child)
    await withStore('killed', async ({ db }) => {
      expect(await db.selectFrom('blocks').select('number').orderBy('number').execute()).toEqual([{ number: 1 }, { number: 2 }])
      expect(await db.selectFrom('events').select('block').orderBy('block').execute()).toEqual([{ block: 1 }, { block: 2 }])
    })
  })
})

describe('the end', () => {
  it('may come twice; whoever asks afterwards is told', async () => {
    const store = await open('ends')
    await Promise.all([store.close(), store.close()])
    await store.ended
    await expect(store.db.selectFrom('blocks').selectAll().execute()).rejects.toMatchObject({ code: 'DATABASE', message: /thread ended/ })
  })
})
