// A throw-away PostgreSQL from the installed programs, for tests: nothing it holds outlives it.
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const DEBIAN = '/usr/lib/postgresql'

/** The folder of the newest PostgreSQL's programs; null where there is none. */
export function findPostgres(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin')) : []
  return [...versions, ...(process.env['PATH'] ?? '').split(':')].find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null
}

/** PostgreSQL refuses to run as root. */
function account(): { uid: number, gid: number } | {} {
  if (process.getuid?.() !== 0) return {}
  const users = new Map(readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')).map(([name, , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }]))
  return users.get('postgres') ?? users.get('nobody')!
}

export interface Postgres {
  /** URL of one of its databases. */
  url: (database: string) => string
  stop: () => Promise<void>
}

/** Starts a server on a socket of its own. Throws with what PostgreSQL said if it does not come up. */
export async function startPostgres(programs: string): Promise<Postgres> {
  const dir = mkdtempSync(join(tmpdir(), 'assay-pg-'))
  const user = account()
  if ('uid' in user) chownSync(dir, user.uid, user.gid)
  const made = spawnSync(join(programs, 'initdb'), ['-D', join(dir, 'data'), '-U', 'assay', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'], { ...user, cwd: dir, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${String(made.error ?? '')}`)
  const settings = ['listen_addresses=', `unix_socket_directories=${dir}`, 'fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'shared_buffers=64MB', 'max_connections=100'].flatMap((setting) => ['-c', setting])
  // On a leash: when this process dies, however it dies, its standard input ends, and the server with it.
  const child = spawn('/bin/sh', ['-c', '"$@" & server=$!; cat > /dev/null; kill -INT $server; wait $server', 'sh', join(programs, 'postgres'), '-D', join(dir, 'data'), ...settings], { ...user, cwd: dir, stdio: ['pipe', 'ignore', 'pipe'] })
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const said: string[] = []
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      said.push(line)
      if (line.includes('ready to accept connections')) resolve()
    }).on('close', () => reject(new Error(`PostgreSQL ended: ${said.join('\n')}`)))
  })
  return {
    url: (database) => `postgres://assay@localhost/${database}?host=${dir}`,
    stop: async () => {
      child.stdin.end()
      await gone
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
