// Makes of the tree around it what one service's image holds: `assay` with the commands of that service, production dependencies from the lock file, and a list of them (CycloneDX). Or builds the explorer
// in it. Runs in the image's build.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SERVICES = ['provider', 'checker', 'indexer']
const NPM = '/npm/bin/npm-cli.js'
/** Beside the packages, what of the tree runs or says what it is. */
const KEPT = ['package.json', 'LICENSE', 'node_modules', 'tools/node-path.cjs', 'tools/empty-sqlite3', 'tools/empty-substrate-connect', 'ops/container', 'sbom.cdx.json']

const here = `linux-${process.arch}`
/** What packages bring and no service opens: relative to node_modules, each with its reason. */
const UNUSED = [
  // Metadata of other chains, for the mock of a node that @polkadot/rpc-provider has for its tests.
  '@polkadot/types-support',
  // Types and source maps.
  '**/*.{d.ts,d.mts,d.cts,map}',
  // Drivers for other platforms.
  ...['linux-x64', 'linux-arm64', 'darwin-universal', 'win32-x64', 'win32-arm64'].filter((platform) => platform !== here).map((platform) => `webgpu/dist/${platform}`),
  // The builds for browsers: Node takes ort.node.
  'onnxruntime-web/dist/!(ort.node.min.mjs|ort.node.min.js|ort-wasm-simd-threaded.mjs|ort-wasm-simd-threaded.wasm)',
  'onnxruntime-web/lib',
]

const service = process.argv[2]
if (![...SERVICES, 'explorer'].includes(service)) throw new Error(`usage: node install.mjs ${SERVICES.join('|')}|explorer`)
const root = join(import.meta.dirname, '..', '..')
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const write = (path, value) => writeFileSync(join(root, path), `${JSON.stringify(value, null, 2)}\n`)
const npm = (...args) => execFileSync(process.execPath, [NPM, '--no-update-notifier', ...args], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] })
const isAbsent = (name) => SERVICES.some((other) => other !== service && name === `@assay/${other}`)

/** The packages of ours that one of them needs, by folder, with manifests that name nothing else: npm then installs nothing else, and the lock file says in which versions. */
function trimManifests(first) {
  const whole = read('package.json')
  const folders = whole.workspaces.flatMap((folder) => (folder.endsWith('/*') ? readdirSync(join(root, folder.slice(0, -2))).map((name) => `${folder.slice(0, -1)}${name}`) : [folder])).filter((folder) => existsSync(join(root, folder, 'package.json')))
  const byName = new Map(folders.map((folder) => [read(`${folder}/package.json`).name, folder]))
  const kept = new Map([[first, byName.get(first)]])
  for (const folder of kept.values()) {
    const manifest = read(`${folder}/package.json`)
    delete manifest.devDependencies
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      if (isAbsent(name)) delete manifest.dependencies[name]
      else if (byName.has(name)) kept.set(name, byName.get(name))
    }
    write(`${folder}/package.json`, manifest)
  }
  // Node is in the image already.
  const { devDependencies, optionalDependencies: _, scripts: __, ...rest } = whole
  const manifest = { ...rest, workspaces: [...kept.values()] }
  write('package.json', { ...manifest, dependencies: { ...manifest.dependencies, rolldown: devDependencies.rolldown } })
  return { folders: [...kept.values()], manifest }
}

/** What makes bundles of the packages is needed for that alone. */
function bundle(manifest) {
  execFileSync(process.execPath, ['tools/bundle-packages.mjs'], { cwd: root, stdio: 'inherit' })
  if (!existsSync(join(root, 'node_modules/.cache/assay-packages/bundles.json'))) throw new Error('the packages were not bundled')
  for (const path of ['rolldown', '@rolldown', '@oxc-project', '.bin/rolldown']) rmSync(join(root, 'node_modules', path), { recursive: true, force: true })
  write('package.json', manifest)
}

/** Removes the commands that load a service which is not here, themselves or by another command's file. */
function dropCommands() {
  const folder = join(root, 'cli', 'src', 'commands')
  const files = globSync('*.ts', { cwd: folder })
  const importsOf = (path) => [...readFileSync(path, 'utf8').matchAll(/'(@assay\/[^']+|\.\.?\/[^']+\.ts)'/g)].map(([, specifier]) => specifier)
  const isWhole = (path, seen = new Set()) => {
    if (seen.has(path)) return true
    seen.add(path)
    if (!existsSync(path)) return false
    return importsOf(path).every((specifier) => (specifier.startsWith('.') ? isWhole(join(path, '..', specifier), seen) : !isAbsent(specifier.split('/', 2).join('/')) && !/^@assay\/[^/]+\/testing/.test(specifier)))
  }
  for (const file of files.filter((name) => !isWhole(join(folder, name)))) rmSync(join(folder, file))
}

/** All that runs here, Node too, in an order and without a time or a number of its own: two builds of one lock file give the same bytes. */
function billOfMaterials() {
  const { serialNumber: _, ...bom } = JSON.parse(npm('sbom', '--sbom-format=cyclonedx', '--omit=dev'))
  delete bom.metadata.timestamp
  const version = process.versions.node
  bom.components.push({ 'bom-ref': `node@${version}`, type: 'application', name: 'node', version, purl: `pkg:npm/node-${here}@${version}`, licenses: [{ license: { id: 'MIT' } }] })
  return bom
}

/** Removes everything under `folder` that is neither kept nor on the way to something kept. */
function keepOnly(kept, folder = '') {
  for (const name of readdirSync(join(root, folder))) {
    const path = join(folder, name)
    if (kept.includes(path)) continue
    if (kept.some((one) => one.startsWith(`${path}/`))) keepOnly(kept, path)
    else rmSync(join(root, path), { recursive: true })
  }
}

const { folders, manifest } = trimManifests(service === 'explorer' ? '@assay/explorer' : '@assay/cli')
npm('ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error')
if (service === 'explorer') {
  execFileSync(process.execPath, ['explorer/build.ts'], { cwd: root, stdio: 'inherit' })
} else {
  bundle(manifest)
  write('sbom.cdx.json', billOfMaterials())
  keepOnly([...folders, ...KEPT])
  dropCommands()
  for (const pattern of UNUSED) for (const path of globSync(pattern, { cwd: join(root, 'node_modules') })) rmSync(join(root, 'node_modules', path), { recursive: true, force: true })
}
