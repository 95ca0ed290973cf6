// The one door for `npm start`, `npm test`, `npm run assay`, `npm run zoo`, `npm run fuzz`, `npm run soak` and `npm run kill`: sets up what is missing, says what it does, then hands over to the pinned Node.
// CommonJS and no dependencies: it runs before anything is installed, on any Node that npm runs on.
'use strict'
const { createHash } = require('node:crypto')
const { existsSync, readFileSync, writeFileSync, mkdirSync } = require('node:fs')
const { join } = require('node:path')
const { constants } = require('node:os')
const { spawn } = require('node:child_process')
const { findNode, childEnv, NODE_FLAGS } = require('./node-path.cjs')

const root = join(__dirname, '..')
const stampFile = join(root, 'node_modules', '.assay-setup')

function say(text) {
  process.stderr.write(`assay: ${text}\n`)
}

function fail(text) {
  say(text)
  process.exit(1)
}

/** What the installed tree must match: the lock file, and the platform it was installed for. */
function wanted() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return createHash('sha256').update(lock).update(`${process.platform}-${process.arch}`).digest('hex')
}

async function install() {
  const stamp = wanted()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  say('installing the locked dependencies with npm ci (once; about a minute, 1.1 GB in node_modules)')
  const began = Date.now()
  const seconds = () => Math.round((Date.now() - began) / 1000)
  const ticker = setInterval(() => say(`still installing, ${seconds()} s`), 10_000)
  const said = []
  const code = await run('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' }, (npm) => {
    for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk) => said.push(chunk))
  }).catch((error) => fail(`npm could not be started (${error.message}). Install npm, then run this again.`))
  clearInterval(ticker)
  if (code !== 0) {
    process.stderr.write(Buffer.concat(said))
    if (code > 128) process.exit(code)
    fail(`npm ci failed with exit code ${code}. Its messages stand above; with the network or the disk mended, run this again: it resumes.`)
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, stamp)
  say(`installed in ${seconds()} s`)
}

/** Runs a program to its end and resolves with its exit code (128 + the signal that ended it); a signal for this process goes to it. */
function run(program, args, options, started) {
  return new Promise((done, failed) => {
    const child = spawn(program, args, { cwd: root, ...options })
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => [signal, () => child.kill(signal)])
    for (const [signal, pass] of signals) process.on(signal, pass)
    const settle = (settled, value) => {
      for (const [signal, pass] of signals) process.off(signal, pass)
      settled(value)
    }
    child.on('error', (error) => settle(failed, error))
    child.on('close', (code, signal) => settle(done, signal ? 128 + constants.signals[signal] : code))
    started?.(child)
  })
}

function hand(args) {
  const node = findNode(root)
  if (!node) fail(`Assay runs on Node 24 or newer, and this is ${process.version}. On Linux x64 and arm64 the installation brings one; elsewhere install Node 24 and run this again.`)
  return run(node, [...NODE_FLAGS, ...args], { stdio: 'inherit', env: childEnv(root) })
}

async function main() {
  const [task, ...rest] = process.argv.slice(2)
  await install()
  if (task === 'devnet') {
    // The explorer's pages, a second's work and only where its sources changed. Without them the network runs all the same, and its page says what is missing.
    if ((await hand(['explorer/build.ts', '--if-stale'])) !== 0) say('the explorer could not be built; the network starts without its pages')
    process.exit(await hand(['cli/src/main.ts', 'devnet', ...rest]))
  }
  if (task === 'test') {
    const vitest = ['node_modules/vitest/vitest.mjs', 'run']
    // With arguments only the matching tests run.
    if (rest.length > 0) process.exit(await hand([...vitest, ...rest]))
    // The gates first, because they are quick to say no. The networks of test/ last and beside nothing but each other: they live on real time, and a starved one proves nothing. Images are built before them.
    for (const step of [['tools/gates/run.ts'], [...vitest, '--project', 'sharing', '--project', 'alone', '--project', 'postgres'], [...vitest, '--project', 'container'], [...vitest, '--project', 'networks']]) {
      const code = await hand(step)
      if (code !== 0) process.exit(code)
    }
    process.exit(0)
  }
  // Any command of `assay`, on a clone where nothing is installed yet.
  if (task === 'assay') process.exit(await hand(['cli/src/main.ts', ...rest]))
  if (task === 'zoo') process.exit(await hand(['test/zoo/run.ts', ...rest]))
  if (task === 'fuzz') process.exit(await hand(['test/fuzz/run.ts', ...rest]))
  if (task === 'soak') process.exit(await hand(['test/endure/soak.ts', ...rest]))
  if (task === 'kill') process.exit(await hand(['test/endure/kill.ts', ...rest]))
  fail(`unknown task ${task}: use devnet, test, assay, zoo, fuzz, soak or kill`)
}

void main()
