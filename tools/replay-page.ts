// The replay as one file for browsers: the module bundled, and the page around it.
//   node tools/replay-page.ts [FILE]        default: replay.html; open it from disk, it needs no server
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const home = join(import.meta.dirname, '..', 'replay')

/**
 * A script that defines `assayReplay` with all that the module at `entry` exports, for any browser.
 * @throws Error if something in it exists in Node alone
 */
export async function bundleForBrowsers(entry = join(home, 'src', 'page.ts')): Promise<string> {
  const bundle = await rolldown({ input: entry, platform: 'browser', logLevel: 'silent' })
  try {
    const { output } = await bundle.generate({ format: 'iife', name: 'assayReplay', minify: true })
    const [{ code, imports, dynamicImports }] = output
    const foreign = [...imports, ...dynamicImports]
    if (output.length !== 1 || foreign.length > 0) throw new Error(`not for browsers: ${entry} needs ${foreign.join(', ') || `${output.length} files`}`)
    return code
  } finally {
    await bundle.close()
  }
}

/** The page with the script in it. */
export async function replayPage(): Promise<string> {
  const script = (await bundleForBrowsers()).replaceAll('</script', '<\\/script')
  // A function, for the script is full of `$`.
  return readFileSync(join(home, 'page.html'), 'utf8').replace('/*REPLAY*/', () => script)
}

if (import.meta.main) {
  const file = process.argv[2] ?? 'replay.html'
  const page = await replayPage()
  writeFileSync(file, page)
  console.log(`${file}: ${page.length} bytes, ${gzipSync(page).length} in gzip`)
}
