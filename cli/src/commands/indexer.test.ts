import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openDatabase } from '@assay/indexer/database'

const root = mkdtempSync(join(tmpdir(), 'assay-indexer-commands-'))
const dir = join(root, 'indexer')
const file = join(root, 'backup')
const owner = { network: `0x${'11'.repeat(32)}`, genesisHash: `0x${'22'.repeat(32)}` }

beforeAll(async () => {
  const store = await openDatabase({ dir, owner })
  await store.db.insertInto('blocks').values({ number: 7, hash: `0x${'77'.repeat(32)}`, parent_hash: `0x${'66'.repeat(32)}`, relay_root: null }).execute()
  await store.close()
})
afterAll(() => rmSync(root, { recursive: true }))

async function assay(args: string[], env: Record<string, string> = {}): Promise<{ status: number, stderr: string }> {
  const given = [fileURLToPath(new URL('../main.ts', import.meta.url)), 'indexer', ...args]
  return promisify(execFile)(process.execPath, given, { env: { ...process.env, LOG_LEVEL: 'info', ...env } }).then(({ stderr }) => ({ status: 0, stderr }), ({ code, stderr }: { code: number, stderr: string }) => ({ status: code, stderr }))
}

it('a database goes into a file and out of it again', async () => {
  expect(await assay(['backup', file, '--data-dir', dir])).toMatchObject({ status: 0, stderr: expect.stringMatching(/backup written.*head=7/) })
  expect(await assay(['restore', file, '--data-dir', join(root, 'other')])).toMatchObject({ status: 0, stderr: expect.stringMatching(/backup restored/) })
  const { db, close } = await openDatabase({ dir: join(root, 'other'), owner })
  expect(await db.selectFrom('blocks').select('number').execute()).toEqual([{ number: 7 }])
  await close()
  expect(await assay(['prune', '--data-dir', dir, '--keep-evidence', '0'])).toMatchObject({ status: 0, stderr: expect.stringMatching(/pruned.*evidence=0/) })
})

it('what cannot be done is said in a sentence', async () => {
  writeFileSync(join(root, 'junk'), 'junk')
  for (const [args, status, said] of [
    [['backup', file], 1, /neither --data-dir nor --database-url/],
    [['backup', file, '--data-dir', join(root, 'none')], 75, /there is no database in .*none/],
    [['restore', join(root, 'junk'), '--data-dir', join(root, 'fresh')], 1, /junk is no backup/],
    [['restore', file, '--data-dir', dir], 1, /holds blocks already/],
    [['start', '--data-dir', dir, '--network', owner.network], 1, /chain is missing/],
    [['start', '--data-dir', dir, '--network', owner.network, '--follow', 'never'], 1, /goes with --database-url only/],
  ] as const) {
    expect(await assay([...args])).toMatchObject({ status, stderr: expect.stringMatching(said) })
  }
  expect(existsSync(join(root, 'none'))).toBe(false)
})

it('a secret is in no message', async () => {
  const wrong = await assay(['backup', file], { ASSAY_DATABASE_URL: 'mysql://me:hunter2@db/x' })
  expect(wrong).toMatchObject({ status: 1, stderr: expect.stringMatching(/databaseUrl = \(hidden\) \(from ASSAY_DATABASE_URL\)/) })
  const away = await assay(['backup', file], { ASSAY_DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/x' })
  expect(away).toMatchObject({ status: 75, stderr: expect.stringMatching(/x at 127.0.0.1:1 cannot be reached/) })
  expect(wrong.stderr + away.stderr).not.toMatch(/hunter2/)
})
