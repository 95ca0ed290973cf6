import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { databaseError, openDatabase, type Owner, type Store } from './database.ts'
import { copyTemplate, testOwner as owner } from './testing/database.ts'

const root = mkdtempSync(join(tmpdir(), 'assay-database-'))
const children: ChildProcess[] = []
let shared: Store

beforeAll(async () => {
  await copyTemplate(join(root, 'shared'))
  shared = await open('shared')
})
afterEach(async () => void (await sql`truncate blocks, events, epochs cascade`.execute(shared.db).catch(() => {})))
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

const open = (name: string, other: Partial<Owner> = {}) => openDatabase({ dir: join(root, name), owner: { ...owner, ...other } })
const block = (number: number) => ({ number, hash: `0x${number}` as const, parent_hash: `0x${number - 1}` as const, relay_root: null })

/** A process that writes blocks 1 and 2 whole, stops inside the transaction of block 3 and waits to be killed; it tells what it has done. */
function writer(name: string): { child: ChildProcess, line: (wanted: RegExp) => Promise<string> } {
  const program = `
    import { openDatabase } from ${JSON.stringify(new URL('database.ts', import.meta.url).href)}
    const { db } = await openDatabase(${JSON.stringify({ dir: join(root, name), owner })})
    console.log('open')
    for (const number of [1, 2, 3]) {
      await db.transaction().execute(async (trx) => {
        await trx.insertInto('blocks').values({ number, hash: '0x' + number, parent_hash: '0x', relay_root: null }).execute()
        console.log('between ' + number)
        if (number === 3) await new Promise(() => {})
        await trx.insertInto('events').values({ block: number, position: 0, data: new Uint8Array() }).execute()
      })
    }`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
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
    expect(await db.selectFrom('events').selectAll().executeTakeFirstOrThrow()).toEqual({ block: 4_294_967_295, position: 0, count: 1, data: Uint8Array.of(0, 1, 255) })
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

describe('the folder', () => {
  it('is refused if it cannot be one, or holds files that are no database', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(openDatabase({ dir: join(root, 'file/inside'), owner })).rejects.toMatchObject({ code: 'DATA_DIR', message: /ENOTDIR/ })
    mkdirSync(join(root, 'broken/postgres'), { recursive: true })
    writeFileSync(join(root, 'broken/postgres/PG_VERSION'), 'x')
    await expect(openDatabase({ dir: join(root, 'broken'), owner })).rejects.toMatchObject({ code: 'DATABASE', exit: 75 })
  })

  it('belongs to one process while that lives, and to one network and chain for ever', { timeout: 120_000 }, async () => {
    await copyTemplate(join(root, 'killed'))
    const { child, line } = writer('killed')
    await line(/open/)
    await expect(open('killed')).rejects.toMatchObject({ code: 'LOCKED', message: new RegExp(`in use by another process .${child.pid}`) })
    // The third block is inserted, its event is not: the process dies inside the transaction.
    await line(/between 3/)
    child.kill('SIGKILL')
    await exited(child)

    const store = await open('killed')
    expect(await store.db.selectFrom('blocks').select('number').orderBy('number').execute()).toEqual([{ number: 1 }, { number: 2 }])
    expect(await store.db.selectFrom('events').select('block').orderBy('block').execute()).toEqual([{ block: 1 }, { block: 2 }])
    await sql`insert into kysely_migration values ('9999', '2030')`.execute(store.db)
    await store.close()

    await expect(open('killed', { network: `0x${'33'.repeat(32)}` })).rejects.toMatchObject({ code: 'OTHER_NETWORK', message: /belongs to network 0x1111.* not to 0x3333/ })
    await expect(open('killed', { genesisHash: `0x${'44'.repeat(32)}` })).rejects.toMatchObject({ code: 'OTHER_CHAIN', message: /genesis 0x2222.* genesis 0x4444/ })
    await expect(open('killed')).rejects.toMatchObject({ code: 'NEWER' })
  })
})

describe('the end', () => {
  it('may come twice; whoever asks afterwards is told', async () => {
    await Promise.all([shared.close(), shared.close()])
    await shared.ended
    await expect(shared.db.selectFrom('blocks').selectAll().execute()).rejects.toMatchObject({ code: 'DATABASE', message: /thread ended/ })
  })
})

it('says what is wrong even where PostgreSQL has no words for it', () => {
  // A structured clone of what its file system throws on a full disk.
  expect(databaseError({ name: 'ErrnoError', errno: 51 } as Error & { errno: number }).message).toBe('the database failed (no space left on device)')
  expect(databaseError({ name: 'ErrnoError', errno: 29 } as Error & { errno: number }).message).toBe('the database failed (file system error 29)')
  expect(databaseError(new Error('could not extend file')).message).toBe('the database failed (could not extend file)')
})
