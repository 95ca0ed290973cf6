import { randomBytes } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import fs, { chmodSync, chownSync, closeSync, cpSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openDatabase, openExisting, type Owner, type Store } from './database.ts'
import { openDurable } from './database-durable.ts'
import { databaseError } from './database-embedded.ts'
import { copyTemplate, testOwner as owner } from './testing/database.ts'

const root = mkdtempSync(join(tmpdir(), 'assay-database-'))
const children: ChildProcess[] = []
let shared: Store

beforeAll(async () => {
  await copyTemplate(join(root, 'shared'))
  shared = await open('shared')
})
afterEach(async () => void (await sql`truncate blocks, events, epochs cascade`.execute(shared.db).catch(() => {})))
afterAll(async () => {
  await shared.close()
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

describe('the thread', () => {
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
  it('let no other query in between', async () => {
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

/** The user that owns nothing. */
const NOBODY = 65534

describe('the folder', () => {
  it('is refused if it cannot be one, or holds files that are no database', async () => {
    writeFileSync(join(root, 'file'), '')
    await expect(openDatabase({ dir: join(root, 'file/inside'), owner })).rejects.toMatchObject({ code: 'DATA_DIR', message: /ENOTDIR/ })
    mkdirSync(join(root, 'broken/postgres'), { recursive: true })
    writeFileSync(join(root, 'broken/postgres/PG_VERSION'), 'x')
    await expect(openDatabase({ dir: join(root, 'broken'), owner })).rejects.toMatchObject({ code: 'DAMAGED', exit: 1 })
    await expect(openExisting({ dir: join(root, 'none'), owner: {} })).rejects.toMatchObject({ code: 'NO_DATABASE', exit: 75 })
    expect(existsSync(join(root, 'none'))).toBe(false)
  })

  it('is closed to other users, whoever made it', async () => {
    await copyTemplate(join(root, 'shut'))
    chmodSync(join(root, 'shut/postgres'), 0o777)
    await (await open('shut')).close()
    expect(statSync(join(root, 'shut/postgres')).mode & 0o777).toBe(0o700)
  })

  it('with a file of another user is not called damaged, for nothing of it is', async () => {
    const dir = join(root, 'other')
    await copyTemplate(dir)
    const theirs = join(dir, 'postgres/global/pg_control')
    chmodSync(theirs, 0o400)
    const asRoot = process.geteuid!() === 0
    if (asRoot) {
      // Root may write everything, so another user opens it.
      for (const path of [root, dir, ...readdirSync(dir, { recursive: true }).map((entry) => join(dir, String(entry)))]) chownSync(path, NOBODY, NOBODY)
      chownSync(theirs, 0, 0)
      process.seteuid!(NOBODY)
    }
    try {
      await expect(open('other')).rejects.toMatchObject({ code: 'DATA_DIR', exit: 1, message: /pg_control cannot be written .EACCES/, advice: expect.stringContaining('chown') })
    } finally {
      if (asRoot) process.seteuid!(0)
      chmodSync(theirs, 0o600)
    }
    await (await open('other')).close()
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

describe('a damaged folder', () => {
  const overwrite = (path: string, at: number, bytes: Uint8Array): void => {
    const file = openSync(path, 'r+')
    writeSync(file, bytes, 0, bytes.length, at)
    closeSync(file)
  }
  const segments = (postgres: string) => readdirSync(join(postgres, 'pg_wal')).filter((name) => /^[0-9A-F]{24}$/.test(name)).map((name) => join(postgres, 'pg_wal', name))
  const spoils: [string, (postgres: string) => void][] = [
    ['without a sound control file', (postgres) => overwrite(join(postgres, 'global/pg_control'), 0, new Uint8Array(512))],
    ['without its log', (postgres) => segments(postgres).forEach((path) => rmSync(path))],
    ['with a cut log', (postgres) => segments(postgres).forEach((path) => truncateSync(path, 100))],
  ]

  it.each(spoils)('%s says in a sentence what to do', async (what, spoil) => {
    const name = what.replaceAll(' ', '-')
    await copyTemplate(join(root, name))
    spoil(join(root, name, 'postgres'))
    await expect(open(name)).rejects.toMatchObject({ code: 'DAMAGED', exit: 1, message: new RegExp(`the database in .*${name} is damaged`), advice: expect.stringContaining('restore a backup') })
  })

  it('is found out where a page of it is not as it was written', async () => {
    await copyTemplate(join(root, 'page'))
    const before = await open('page')
    await before.db.insertInto('blocks').values(block(1)).execute()
    const { rows: [place] } = await sql<{ path: string }>`select pg_relation_filepath('blocks') as path`.execute(before.db)
    await before.close()
    overwrite(join(root, 'page/postgres', place!.path), 8_000, new Uint8Array(64).fill(7))
    const after = await open('page')
    await expect(after.db.selectFrom('blocks').selectAll().execute()).rejects.toMatchObject({ code: 'DAMAGED', message: /invalid page in block 0/, advice: expect.stringContaining('assay indexer reindex') })
    await after.close()
  })
})

it('what is committed is on the disk: a folder as a power cut leaves it has it', async () => {
  const [dir, disk] = [join(root, 'powered'), join(root, 'after-the-cut')]
  await copyTemplate(dir)
  cpSync(dir, disk, { recursive: true })
  // The other folder holds of each file what it held when the disk was last waited for.
  const wait = fs.fsyncSync
  const waits = vi.spyOn(fs, 'fsyncSync').mockImplementation((file) => {
    wait(file)
    const path = readlinkSync(`/proc/self/fd/${file}`)
    if (statSync(path).isFile()) cpSync(path, path.replace(dir, disk))
  })
  const running = await openDurable(join(dir, 'postgres'))
  await running.query(`insert into blocks values (1, '0x1', '0x0', null)`)
  await running.query('begin')
  await running.query(`insert into blocks values (2, '0x2', '0x1', null)`)
  waits.mockRestore()
  const left = await openDatabase({ dir: disk, owner })
  expect(await left.db.selectFrom('blocks').select('number').execute()).toEqual([{ number: 1 }])
  await left.close()
  await running.query('rollback')
  await running.close()
})

it('the log does not grow with what was ever written', { timeout: 120_000 }, async () => {
  const wal = join(root, 'shared', 'postgres', 'pg_wal')
  const segments = () => readdirSync(wal).filter((name) => /^[0-9A-F]{24}$/.test(name))
  // Half a megabyte a transaction that no compression makes smaller: eight files of log.
  const data = randomBytes(1 << 19)
  const [first] = segments()
  for (let number = 1; number <= 256; number++) {
    await shared.db.transaction().execute(async (trx) => {
      await trx.insertInto('blocks').values(block(number)).execute()
      await trx.insertInto('events').values({ block: number, position: 0, data }).execute()
    })
  }
  expect(segments()).not.toContain(first)
  expect(segments().length).toBeLessThanOrEqual(4)
})

it('says what is wrong even where PostgreSQL has no words for it', () => {
  // A structured clone of what its file system throws on a full disk.
  expect(databaseError({ name: 'ErrnoError', errno: 51 } as Error & { errno: number }).message).toBe('the database failed (no space left on device)')
  expect(databaseError({ name: 'ErrnoError', errno: 29 } as Error & { errno: number }).message).toBe('the database failed (file system error 29)')
  expect(databaseError(new Error('could not extend file')).message).toBe('the database failed (could not extend file)')
})
