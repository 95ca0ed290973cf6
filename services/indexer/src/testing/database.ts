// Databases for tests, embedded or served: as the project of vitest says under which they run. To create one costs seconds of CPU, to copy one does not.
import { createHash, randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { openDatabase, type Place, type Store } from '../database.ts'
import { testOwner } from './owner.ts'
import { createServed, dropServed, TEMPLATE } from './served.ts'

export { testOwner } from './owner.ts'

const CACHE = join(import.meta.dirname, '../../../../node_modules/.cache')
const PREFIX = 'assay-indexer-'

/** Puts a fresh embedded database of testOwner into `dir` (which must not exist), not opened. The first one is made, and later ones and later runs copy it. */
export async function copyTemplate(dir: string): Promise<void> {
  const version = createHash('sha256')
  for (const file of ['../migrations.ts', '../database.ts', '../database-embedded.ts', '../../package.json', 'database.ts']) version.update(readFileSync(join(import.meta.dirname, file)))
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

/** The PostgreSQL that tests run on, if any; programs that only measure or picture run outside of tests, and on none. */
const postgres = () => (process.env['VITEST'] === undefined ? undefined : inject('postgres'))

/** Whether tests run on a served PostgreSQL. */
export const served = (): boolean => postgres() !== undefined

/** Where a fresh database of testOwner is, not opened; `remove` it when it is closed. */
export async function testPlace(): Promise<{ place: Place, remove: () => Promise<void> }> {
  const server = postgres()
  if (server !== undefined) {
    const url = await createServed(server, `assay_${randomBytes(6).toString('hex')}`, TEMPLATE)
    return { place: { url, pool: 4 }, remove: async () => void (await dropServed(url)) }
  }
  const root = mkdtempSync(join(tmpdir(), 'assay-test-'))
  const dir = join(root, 'indexer')
  await copyTemplate(dir)
  return { place: { dir }, remove: async () => rmSync(root, { recursive: true, force: true }) }
}

/** An open, empty database of its own; `end` closes and removes it. */
export async function openTestDatabase(): Promise<{ store: Store, place: Place, end: () => Promise<void> }> {
  const { place, remove } = await testPlace()
  const store = await openDatabase({ ...place, owner: testOwner })
  return {
    store,
    place,
    end: async () => {
      await store.close()
      await remove()
    },
  }
}
