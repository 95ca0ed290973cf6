// Puts the packages that every command loads into few files: a thousand small ones, found by the rules of node_modules, are most of a start (bench/start.ts).
// Runs after each installation, on any Node that npm runs on; `assay` takes what it finds (cli/src/bundles.ts), and the packages themselves where there is nothing.
//   node tools/bundle-packages.mjs
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * What our code imports by these names it gets from the bundles. Not here: what reads files of its own, and what one service alone loads.
 * With the names that we use where a package is CommonJS, which tells its own only when it runs.
 */
export const BUNDLED = {
  '@libp2p/crypto/keys': '*', '@libp2p/noise': '*', '@libp2p/peer-id': '*', '@libp2p/tcp': '*', '@libp2p/yamux': '*', '@multiformats/multiaddr': '*', '@peaq-network/sdk': '{ Sdk }', '@polkadot/api': '*',
  '@polkadot/keyring': '*', '@polkadot/types': '*', '@polkadot/util': '*', '@polkadot/util-crypto': '*', '@scure/base': '*', '@scure/sr25519': '*', commander: '*', libp2p: '*', rxjs: '*', typebox: '*', 'typebox/value': '*',
  yaml: '{ CST, isMap, isScalar, isSeq, Lexer, LineCounter, parseAllDocuments, stringify }',
}

const entryOf = (specifier) => `export ${BUNDLED[specifier]} from ${JSON.stringify(specifier)}\n`

/** Writes the bundles under `root`/node_modules; returns their folder. */
export async function bundlePackages(root) {
  const { rolldown } = await import('rolldown')
  const folder = join(root, 'node_modules', '.cache', 'assay-packages')
  const fresh = `${folder}.${process.pid}`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  const specifiers = Object.keys(BUNDLED)
  const file = (specifier) => specifier.replace(/[^a-z0-9]+/g, '-').replace(/^-/, '')
  const bundle = await rolldown({
    input: Object.fromEntries(specifiers.map((specifier) => [file(specifier), `bundled:${specifier}`])),
    cwd: root,
    platform: 'node',
    logLevel: 'silent',
    plugins: [{
      name: 'entries',
      // To Node rxjs gives its CommonJS, whose names nobody knows before it runs.
      resolveId: (id) => (id.startsWith('bundled:') ? `\0${id}` : id === 'rxjs' ? join(root, 'node_modules/rxjs/dist/esm/index.js') : undefined),
      load: (id) => (id.startsWith('\0bundled:') ? entryOf(id.slice('\0bundled:'.length)) : undefined),
    }],
  })
  await bundle.write({ dir: fresh, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' })
  await bundle.close()
  const installed = createHash('sha256').update(readFileSync(join(root, 'node_modules', '.package-lock.json'))).digest('hex')
  writeFileSync(join(fresh, 'bundles.json'), JSON.stringify({ installed, files: Object.fromEntries(specifiers.map((specifier) => [specifier, `${file(specifier)}.mjs`])) }))
  rmSync(folder, { recursive: true, force: true })
  renameSync(fresh, folder)
  return folder
}

if (process.argv[1] === import.meta.filename) {
  // Never a reason for an installation to fail: without bundles all runs, only slower.
  await bundlePackages(join(import.meta.dirname, '..')).catch((error) => console.error(`assay: packages were not bundled (${error.message}); every command starts slower`))
}
