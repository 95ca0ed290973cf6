// The lock file says where each package lies. Without that npm asks the registry for each package's whole history first, which takes as long as all the rest of an installation.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const REGISTRY = 'https://registry.npmjs.org/'

/** One line per package of the lock file without its address in npm's registry, which stands for whichever registry npm is set to. Folders of the project have none. */
export function lockFaults(root: string): string[] {
  const file = join(root, 'package-lock.json')
  if (!existsSync(file)) return []
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, { link?: boolean, resolved?: string, integrity?: string }> }
  return Object.entries(packages)
    .filter(([, { link, resolved, integrity }]) => link !== true && (resolved ?? integrity) !== undefined && resolved?.startsWith(REGISTRY) !== true)
    .map(([path]) => `package-lock.json: ${path} has no address in ${REGISTRY}: npm install --package-lock-only writes it`)
}
