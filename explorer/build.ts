// Builds the explorer into dist/, with packed forms beside each file.
//   node explorer/build.ts [--if-stale]        --if-stale: only where the sources are newer than what was built from them
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'vite'

const home = import.meta.dirname
const dist = join(home, 'dist')
const stamp = join(dist, '.built-from')
/** What the build is made of: our sources, and the lock file for everybody else's. */
const SOURCES = [join(home, 'src'), join(home, 'public'), join(home, 'index.html'), join(home, 'vite.config.ts'), join(home, 'build.ts'), join(home, '../replay/src'), join(home, '../substrate/src'), join(home, '../protocol/src'), join(home, '../package-lock.json')]

const PACKABLE = /\.(html|js|css|svg)$/
const LEAST_BYTES = 512

/** Builds, and packs what is worth it. */
export async function buildExplorer(): Promise<void> {
  await build({ root: home, configFile: join(home, 'vite.config.ts'), logLevel: 'warn' })
  for (const file of filesUnder(dist).filter((path) => PACKABLE.test(path))) {
    const bytes = readFileSync(file)
    if (bytes.length < LEAST_BYTES) continue
    writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }))
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
  }
  writeFileSync(stamp, sourcesHash())
}

/** Builds where what lies there is not of these sources; true if it did. */
export async function buildIfStale(): Promise<boolean> {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sourcesHash()) return false
  await buildExplorer()
  return true
}

function sourcesHash(): string {
  const hash = createHash('sha256')
  for (const file of SOURCES.flatMap(filesUnder).filter((path) => !path.endsWith('.test.ts'))) hash.update(relative(home, file)).update(readFileSync(file))
  return hash.digest('hex')
}

/** The files under a folder, or the one file, sorted. */
function filesUnder(path: string): string[] {
  if (!existsSync(path)) return []
  try {
    return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).toSorted()
  } catch {
    return [path]
  }
}

if (import.meta.main) {
  const began = performance.now()
  const built = process.argv.includes('--if-stale') ? await buildIfStale() : (await buildExplorer(), true)
  if (built) console.error(`assay: built the explorer in ${((performance.now() - began) / 1000).toFixed(1)} s`)
}
