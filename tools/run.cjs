// The one door for `npm start`, `npm test` and `npm run zoo`: sets up what is missing, says what it does, then hands over to the pinned Node.
// CommonJS and no dependencies: it runs before anything is installed, on any Node that npm runs on.
'use strict'
const { createHash } = require('node:crypto')
const { existsSync, readFileSync, writeFileSync, mkdirSync } = require('node:fs')
const { join } = require('node:path')
const { spawn, spawnSync } = require('node:child_process')
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

function install() {
  const stamp = wanted()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  say('installing the locked dependencies with npm ci (once; about a minute, 800 MB in node_modules)')
  const began = Date.now()
  const ticker = spawnTicker(began)
  const npm = spawnSync('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' })
  ticker.kill()
  if (npm.error) fail(`npm could not be started (${npm.error.message}). Install npm, then run this again.`)
  if (npm.status !== 0) {
    process.stderr.write(npm.stdout + npm.stderr)
    fail(`npm ci failed with exit code ${npm.status}. Its messages stand above; with the network or the disk mended, run this again: it resumes.`)
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, stamp)
  say(`installed in ${Math.round((Date.now() - began) / 1000)} s`)
}

// spawnSync blocks this process's timers, so the progress dots come from a small child.
function spawnTicker(began) {
  const code = `const t=${began};setInterval(()=>process.stderr.write('assay: still installing, '+Math.round((Date.now()-t)/1000)+' s\\n'),10000);process.on('disconnect',()=>process.exit())`
  return spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
}

function hand(args) {
  const node = findNode(root)
  if (!node) fail(`Assay runs on Node 24 or newer, and this is ${process.version}. On Linux x64 and arm64 the installation brings one; elsewhere install Node 24 and run this again.`)
  const child = spawn(node, [...NODE_FLAGS, ...args], { cwd: root, stdio: 'inherit', env: childEnv(root) })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((done) => child.on('exit', (code, signal) => done(signal ? 128 + (signal === 'SIGINT' ? 2 : 15) : code)))
}

async function main() {
  const [task, ...rest] = process.argv.slice(2)
  install()
  if (task === 'devnet') process.exit(await hand(['cli/src/main.ts', 'devnet', ...rest]))
  if (task === 'test') {
    const vitest = ['node_modules/vitest/vitest.mjs', 'run']
    // With arguments only the matching tests run.
    if (rest.length > 0) process.exit(await hand([...vitest, ...rest]))
    // The gates first, because they are quick to say no. The networks of test/ last and one at a time: they live on real time, and a starved one proves nothing.
    for (const step of [['tools/gates/run.ts'], [...vitest, '--exclude', 'test/**'], [...vitest, 'test/', '--maxWorkers=1']]) {
      const code = await hand(step)
      if (code !== 0) process.exit(code)
    }
    process.exit(0)
  }
  if (task === 'zoo') process.exit(await hand(['test/zoo/run.ts', ...rest]))
  fail(`unknown task ${task}: use devnet, test or zoo`)
}

void main()
