// Every installed dependency must carry a licence that an Apache-2.0 project may ship with.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const ACCEPTED = new Set(['MIT', 'MIT-0', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'CC0-1.0', 'CC-BY-4.0', 'Unlicense', 'Python-2.0', 'MPL-2.0', 'PostgreSQL', 'WTFPL', 'Zlib'])

/** Packages whose package.json says nothing useful; each was read by hand, the reason stands beside it. */
const READ_BY_HAND: Record<string, string> = {}

/** True if an SPDX expression can be satisfied with accepted licences only (`OR` needs one side, `AND` both). */
export function accepts(expression: string): boolean {
  const plain = expression.replaceAll(/[()]/g, ' ').trim()
  return plain.split(/\s+OR\s+/i).some((side) => side.split(/\s+AND\s+/i).every((one) => ACCEPTED.has(one.trim())))
}

function packages(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory() || entry.name.startsWith('.')) return []
    const path = join(folder, entry.name)
    return entry.name.startsWith('@') ? packages(path) : [path, ...packages(join(path, 'node_modules'))]
  })
}

/** One line per package under `node_modules` whose licence is missing or not accepted. */
export function licenceFaults(nodeModules: string): string[] {
  return packages(nodeModules).flatMap((folder) => {
    const file = join(folder, 'package.json')
    if (!existsSync(file)) return []
    const { name, version, license, licenses } = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof name !== 'string' || name in READ_BY_HAND) return []
    const said = typeof license === 'string' ? license : (license?.type ?? licenses?.map((one: { type: string }) => one.type).join(' OR '))
    if (typeof said === 'string' && accepts(said)) return []
    return [`${name}@${version}: licence ${said ?? 'not stated'} is not on the accepted list: replace it, or read it and add it with a reason`]
  })
}
