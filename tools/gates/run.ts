// All gates, in the order of how quickly they answer. Exit code 1 if one of them says no.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { importFaults } from './imports.ts'
import { licenceFaults } from './licences.ts'
import { lockFaults } from './lock.ts'
import { logFaults } from './logs.ts'
import { typeFaults } from './types.ts'

const root = join(import.meta.dirname, '..', '..')

/** Runs a tool of node_modules and returns its output as faults if it fails. */
export function toolFaults(cwd: string, script: string, args: string[]): string[] {
  const ran = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], { cwd, encoding: 'utf8', maxBuffer: 1 << 26 })
  if (ran.error) return [`${script} could not be started: ${ran.error.message}`]
  return ran.status === 0 ? [] : [(ran.stdout + ran.stderr).trim() || `${script} ended with ${ran.status ?? ran.signal}`]
}

export const GATES: Record<string, (root: string) => string[]> = {
  imports: importFaults,
  'lock file': lockFaults,
  logs: logFaults,
  licences: (at) => licenceFaults(join(at, 'node_modules')),
  types: (at) => typeFaults(at, 'tsconfig.json'),
  'types of the explorer': (at) => typeFaults(at, 'explorer/tsconfig.json'),
  lint: (at) => toolFaults(at, 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']),
  'dead code': (at) => toolFaults(at, 'knip/bin/knip.js', ['--no-progress']),
}

if (import.meta.main) {
  let failed = false
  for (const [name, gate] of Object.entries(GATES)) {
    const began = performance.now()
    const faults = gate(root)
    console.log(`gate ${name}: ${faults.length === 0 ? 'ok' : 'FAILED'} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
    for (const fault of faults) console.log(fault)
    failed ||= faults.length > 0
  }
  process.exit(failed ? 1 : 0)
}
