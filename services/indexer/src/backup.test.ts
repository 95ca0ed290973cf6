import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '@assay/kit/log'
import { judgementOfEpoch } from '@assay/protocol'
import { testCrypto } from '../../../protocol/testing/actors.ts'
import { playNetwork, type PlayedNetwork } from '../../../protocol/testing/round.ts'
import { TABLE_NAMES } from './backup.ts'
import { openExisting, type Place, type Store } from './database.ts'
import { storedLedger } from './follow.ts'
import { backUp, emptyIndex, restoreFrom } from './maintenance.ts'
import { recorder } from './testing/log.ts'
import { served, testPlace } from './testing/database.ts'
import { fillDatabase, followPlayed, judgePlayed, rootsIn } from './testing/played.ts'

const folder = mkdtempSync(join(tmpdir(), 'assay-backup-'))
const file = join(folder, 'backup')
const context = { signal: new AbortController().signal, log: silentLog }
const removals: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true })]
let played: PlayedNetwork
let full: Place
let roots: string[]

beforeAll(async () => {
  played = playNetwork({ machines: 2, epochs: 2 })
  full = await place()
  await within(full, async ({ db }) => {
    await fillDatabase(db, played)
    // As it is after the statement of epoch 0 has come, in a later block than those that a restore to epoch 0 keeps.
    await db.updateTable('epochs').set({ chain_state: 'match', chain_block: played.blocks.length, chain_bytes: Uint8Array.of(1, 0) }).where('epoch', '=', 0).execute()
    roots = await rootsIn(db)
  })
  await backUp(full, file, context)
})
afterAll(async () => {
  for (const remove of removals) await remove()
})

/** Where a fresh database of the network is. */
async function place(): Promise<Place> {
  const { place, remove } = await testPlace()
  removals.push(remove)
  await within(place, async ({ db }) => void (await db.updateTable('meta').set({ value: played.network }).where('name', '=', 'network').execute()))
  return place
}

async function within<T>(place: Place, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openExisting({ ...place, owner: {} })
  return work(store).finally(() => store.close())
}

/** All rows of all tables. */
// The journal is written anew by what it tells of, in the order in which that comes.
const everything = async ({ db }: Store): Promise<Record<string, unknown[]>> => Object.fromEntries(await Promise.all(TABLE_NAMES.filter((table) => table !== 'leadership' && table !== 'journal').map(async (table) => [table, (await sql`select * from ${sql.table(table)} t order by t::text`.execute(db)).rows] as const)))
const emptying = (place: Place, force: boolean) => within(place, (store) => emptyIndex(store, { ...context, force }))
const restoring = (to: Place, from = file, epoch?: number) => restoreFrom(to, from, { ...context, crypto: testCrypto, epoch })

describe('a backup', () => {
  it('restores to all rows, and appears whole or not at all', async () => {
    const other = await place()
    await restoring(other)
    expect(await within(other, everything)).toEqual(await within(full, everything))
    expect(readdirSync(folder)).toEqual(['backup'])
    await expect(backUp(full, join(folder, 'none/backup'), context)).rejects.toMatchObject({ code: 'BACKUP_FILE', message: /ENOENT/ })
  })

  it('restores to an epoch, from which following and judging give the same roots', async () => {
    const other = await place()
    const notes = recorder()
    await restoreFrom(other, file, { ...context, log: notes.log, crypto: testCrypto, epoch: 0 })
    // What stands now, not what the file says of itself.
    expect(notes.said).toMatchObject([{ event: 'backup restored', fields: { head: judgementOfEpoch(played.parameters, 0), epoch: 0 } }])
    await within(other, async ({ db }) => {
      expect(await rootsIn(db)).toEqual(roots.slice(0, 1))
      expect(await db.selectFrom('epochs').select(['chain_state', 'chain_block', 'chain_bytes']).execute()).toEqual([{ chain_state: 'not_yet', chain_block: null, chain_bytes: null }])
      const ledger = await storedLedger({ db, crypto: testCrypto, network: played.network, signal: context.signal })
      expect(ledger.head!.number).toBe(judgementOfEpoch(played.parameters, 0))
      await followPlayed(db, played, ledger)
      await judgePlayed(db, played, 1)
      expect(await rootsIn(db)).toEqual(roots)
    })
    await expect(restoring(await place(), file, 2)).rejects.toMatchObject({ code: 'NO_EPOCH', message: /epoch 2 is not among/ })
  })

  it('goes into an empty database of its own network only', async () => {
    await expect(restoring(full)).rejects.toMatchObject({ code: 'NOT_EMPTY' })
    const other = await place()
    await within(other, async ({ db }) => void (await db.updateTable('meta').set({ value: `0x${'33'.repeat(32)}` }).where('name', '=', 'network').execute()))
    await expect(restoring(other)).rejects.toMatchObject({ code: 'OTHER_NETWORK' })
  })
})

describe('a file that looks sound and is not', () => {
  /** The backup with changed lines, and the checksum and number of rows that make it look sound. */
  const forged = (change: (lines: string[]) => string[]): Buffer => {
    const body = change(gunzipSync(readFileSync(file)).toString().trimEnd().split('\n').slice(0, -1))
    const sha256 = createHash('sha256').update(body.map((line) => `${line}\n`).join('')).digest('hex')
    return gzipSync([...body, JSON.stringify({ end: { rows: body.filter((line) => line.startsWith('[')).length, sha256 } }), ''].join('\n'))
  }
  const edited = (table: string, column: string, value: unknown) => (all: string[]) => {
    const at = all.findIndex((line) => line.startsWith(`{"table":"${table}"`)) + 1
    const { columns } = JSON.parse(all[at - 1]!) as { columns: string[] }
    return all.with(at, JSON.stringify((JSON.parse(all[at]!) as unknown[]).with(columns.indexOf(column), value)))
  }

  it('is refused in one sentence, and nothing is changed', async () => {
    const bad = join(folder, 'bad')
    const to = await place()
    for (const [bytes, why] of [
      [forged((all) => all.with(1, all[1]!.replace('relay_root', 'relay'))), /columns of its table blocks/],
      [forged(edited('blocks', 'number', 'x')), /does not take its rows of blocks/],
      [forged((all) => all.toSpliced(2, 0, all[2]!)), /does not take its rows of blocks/],
      [forged(edited('evidence', 'bytes', { b: 'AAAA' })), /is not what its hash says/],
      [forged(edited('events', 'data', { b: Buffer.from('[{"kind":"item"').toString('base64') })), /blocks are no chain/],
      [forged(edited('blocks', 'hash', `0x${'77'.repeat(32)}`)), /blocks are no chain/],
      [gzipSync(`${gunzipSync(readFileSync(file)).toString().replace('"judged"', '"failed"')}`), /checksum is wrong/],
    ] as const) {
      writeFileSync(bad, bytes)
      await expect(restoring(to, bad)).rejects.toMatchObject({ code: 'BACKUP', message: why })
    }
    rmSync(bad)
    expect(Object.values(await within(to, everything)).flat()).toEqual([])
    // It is left as fit for a sound one as it was.
    await restoring(to)
    expect(await within(to, ({ db }) => rootsIn(db))).toEqual(roots)
  })
})

describe('a new index', () => {
  it('is made from the chain and the evidence that is kept, with the same roots', async () => {
    const other = await place()
    await restoring(other)
    await emptying(other, false)
    await within(other, async ({ db }) => {
      expect(await db.selectFrom('blocks').select('number').execute()).toEqual([])
      await followPlayed(db, played)
      await judgePlayed(db, played, 1)
      expect(await rootsIn(db)).toEqual(roots)
      await db.updateTable('epochs').set({ evidence: 'pruned' }).where('epoch', '=', 0).execute()
    })
    await expect(emptying(other, false)).rejects.toMatchObject({ code: 'PRUNED', message: /epochs 0 to 0 was pruned/ })
    await emptying(other, true)
    await within(other, async ({ db }) => expect(await rootsIn(db)).toEqual([]))
  })

  it.runIf(served())('is not made while a process follows', async () => {
    await within(full, async (store) => {
      const leadership = await store.lead(context.signal)
      await expect(emptying(full, false)).rejects.toMatchObject({ code: 'BUSY', exit: 75 })
      await leadership!.resign()
    })
  })
})
