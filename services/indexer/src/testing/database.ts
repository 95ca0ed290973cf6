// Databases for tests. To create one costs seconds of CPU, to copy one does not: the first test that needs one makes a template, which later ones and later runs copy.
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase, type Owner, type Store } from '../database.ts'

export const testOwner: Owner = { network: `0x${'11'.repeat(32)}`, genesisHash: `0x${'22'.repeat(32)}` }

const CACHE = join(import.meta.dirname, '../../../../node_modules/.cache')
const PREFIX = 'assay-indexer-'

/** Puts a fresh database of testOwner into `dir` (which must not exist), not opened. */
export async function copyTemplate(dir: string): Promise<void> {
  const version = createHash('sha256')
  for (const file of ['../migrations.ts', '../database.ts', '../../package.json', 'database.ts']) version.update(readFileSync(join(import.meta.dirname, file)))
  const name = `${PREFIX}${version.digest('hex').slice(0, 16)}`
  const template = join(CACHE, name)
  if (!existsSync(template)) {
    for (const old of existsSync(CACHE) ? readdirSync(CACHE) : []) if (old.startsWith(PREFIX) && old !== name) rmSync(join(CACHE, old), { recursive: true, force: true })
    const made = mkdtempSync(join(tmpdir(), PREFIX))
    await (await openDatabase({ dir: made, owner: testOwner })).close()
    cpSync(made, `${template}.${process.pid}`, { recursive: true })
    rmSync(made, { recursive: true })
    try {
      renameSync(`${template}.${process.pid}`, template)
    } catch {
      rmSync(`${template}.${process.pid}`, { recursive: true }) // another test file was quicker
    }
  }
  cpSync(template, dir, { recursive: true })
}

/** An open, empty database in a new folder; `end` closes and removes it. */
export async function openTestDatabase(): Promise<{ store: Store, dir: string, end: () => Promise<void> }> {
  const root = mkdtempSync(join(tmpdir(), 'assay-test-'))
  const dir = join(root, 'indexer')
  await copyTemplate(dir)
  const store = await openDatabase({ dir, owner: testOwner })
  return {
    store,
    dir,
    end: async () => {
      await store.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}
