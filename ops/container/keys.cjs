// Brings keys that were made elsewhere into a data folder, before the service starts: `node keys.cjs FROM TO` copies a folder of key files (a mounted secret, say, whose modes a service would refuse), each
// for its owner alone. A key that is there already is never replaced by another one. Names files and addresses, nothing else: what is in them is told nowhere. Exit code 1 with a sentence if it cannot.
'use strict'
const { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, statSync, writeSync } = require('node:fs')
const { dirname, join } = require('node:path')

class Refusal extends Error {}

/** The files under a folder; Kubernetes keeps what they link to under names that begin with two dots. */
const filesUnder = (dir, below = '') => readdirSync(join(dir, below)).filter((name) => !name.startsWith('..')).flatMap((name) => {
  const path = join(below, name)
  return statSync(join(dir, path)).isDirectory() ? filesUnder(dir, path) : [path]
})

const read = (path) => {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Whose key it is; undefined of what is no key file. The parser's own words would quote the file. */
function addressIn(bytes) {
  try {
    const { address } = JSON.parse(bytes.toString('utf8'))
    return typeof address === 'string' && /^[1-9A-HJ-NP-Za-km-z]{40,60}$/.test(address) ? address : undefined
  } catch {
    return undefined
  }
}

/** All or nothing, and on the disk when it returns. */
function write(path, bytes) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(file, bytes)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
}

/** Copies the key files; says of each what became of it. Throws Refusal, and what the disk says, before or while it writes: run again it goes on. */
function placeKeys(from, to) {
  const files = filesUnder(from).map((path) => ({ path, bytes: readFileSync(join(from, path)), there: read(join(to, path)) }))
  if (files.length === 0) throw new Refusal(`there are no key files in ${from}. Put them into the secret that is mounted there.`)
  // All are looked at before any is written.
  for (const { path, bytes, there } of files) {
    const address = addressIn(bytes)
    if (path.endsWith('.json') && address === undefined) throw new Refusal(`${join(from, path)} is no key file. Put a file into the secret that assay keys create made.`)
    const held = there && addressIn(there)
    if (path.endsWith('.json') && there !== undefined && held !== address) throw new Refusal(`${join(to, path)} is ${held ? `the key ${held}` : 'no key file'}, and ${join(from, path)} the key ${address}. Nothing was changed: give the secret of this folder's key, or another folder.`)
  }
  return files.map(({ path, bytes, there }) => {
    const target = join(to, path)
    const isSame = there?.equals(bytes) === true
    if (isSame) chmodSync(target, 0o600)
    else write(target, bytes)
    return `${path}${path.endsWith('.json') ? ` (${addressIn(bytes)})` : ''} ${isSame ? 'is there' : there ? 'replaced: another password, or newer' : 'placed'}`
  })
}

try {
  const [from, to] = process.argv.slice(2)
  if (!from || !to) throw new Refusal('usage: node keys.cjs FROM TO, a folder of key files and a data folder')
  for (const line of placeKeys(from, to)) console.log(line)
} catch (error) {
  console.error(error instanceof Refusal ? error.message : `the keys cannot be placed (${error.code ?? error.name}${error.path ? ` at ${error.path}` : ''}). Mend that and start again.`)
  process.exitCode = 1
}
