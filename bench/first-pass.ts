// From an empty folder to the first passed round, by one command: a clone of this repository's last commit, its installation, a devnet, a verdict. On Linux and macOS; takes some minutes.
//   node bench/first-pass.ts [--json]
// The clone finds the genesis where this repository does. Exit code 1 if it takes longer than the limit.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const LIMIT_S = 180

const { values } = parseArgs({ options: { json: { type: 'boolean' } } })
const root = join(import.meta.dirname, '..')
const home = mkdtempSync(join(tmpdir(), 'assay-first-pass-'))
const genesis = join(root, '..', 'shared', 'chain', 'peaq-raw.json')
const began = performance.now()
const steps = new Map<string, number>()
const reached = (step: string): void => void (steps.has(step) || steps.set(step, Math.round((performance.now() - began) / 1000)))

try {
  execFileSync('git', ['clone', '--quiet', root, join(home, 'assay')])
  reached('cloned')
  const network = spawn('npm', ['--silent', 'start', '--', '--json'], { cwd: join(home, 'assay'), detached: true, stdio: ['ignore', 'pipe', 'inherit'], env: { ...(existsSync(genesis) ? { ASSAY_CHAIN_SPEC: genesis } : {}), ...process.env } })
  const ended = new Promise((resolve) => network.once('exit', resolve))
  // All that it started is of its group.
  process.once('SIGINT', () => process.kill(-network.pid!, 'SIGINT'))
  for await (const line of createInterface({ input: network.stdout })) {
    if (!line.startsWith('{')) continue
    const { event, round, outcome } = JSON.parse(line) as { event: string, round?: number | null, outcome?: string }
    if (event === 'step') reached('installed')
    if (event === 'ready') reached('all programs started')
    if (event === 'block' && round === 0) reached('first round begun')
    if (event !== 'verdict' || outcome !== 'PASS') continue
    reached('first round passed')
    process.kill(-network.pid!, 'SIGINT')
    break
  }
  await ended
} finally {
  rmSync(home, { recursive: true, force: true })
}

const rows = [...steps].map(([step, seconds]) => ({ step, seconds, 'of the limit': Number((seconds / LIMIT_S).toFixed(2)) }))
if (values.json) console.log(JSON.stringify({ node: process.version, limitSeconds: LIMIT_S, rows }))
else console.table(rows)
process.exitCode = (steps.get('first round passed') ?? Infinity) <= LIMIT_S ? 0 : 1
