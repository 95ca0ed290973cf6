// Images and containers by the podman that is installed, in a storage of their own which goes with them, on a base of Debian's packages: no registry of images is asked.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { accessSync, constants, createWriteStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Subject } from 'rxjs'
import type { Child, LogLine } from '@assay/cli/devnet/processes'

const ROOT = join(import.meta.dirname, '..', '..')
const BASE = 'localhost/assay-base'
/** What the image needs of its base, and its build of it. */
const PACKAGES = ['base-files', 'coreutils', 'dash', 'gzip', 'libstdc++6', 'sed', 'tar']
const CERTIFICATES = '/etc/ssl/certs'

const exec = promisify(execFile)

function isProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** What of the programs is missing here; podman runs containers for root alone where no user namespaces are set up. */
export function missingForContainers(): string[] {
  return [...['podman', 'runc', 'apt-get', 'dpkg-deb'].filter((name) => !isProgram(name)), ...(process.getuid?.() === 0 ? [] : ['root'])]
}

/** Limits that any process may set itself: podman's own defaults are above what this one has, and to raise them takes a right that root of a virtual machine may lack. */
const LIMITS = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096']

export interface ContainerOptions {
  name: string
  image: string
  /** Flags of `podman run`: volumes, environment. */
  flags: string[]
  args: string[]
  logDir: string
}

export class Podman implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'assay-box-'))
  readonly #names = new Set<string>()

  #args(...args: string[]): string[] {
    const dir = this.#dir
    return ['--root', join(dir, 's'), '--runroot', join(dir, 'r'), '--tmpdir', join(dir, 't'), '--storage-driver', 'overlay', '--runtime', 'runc', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none', '--log-level', 'fatal', ...args]
  }

  /** Runs podman to its end; throws with what it said. */
  async do(...args: string[]): Promise<string> {
    const { stdout } = await exec('podman', this.#args(...args), { cwd: ROOT, maxBuffer: 1 << 26 })
    return stdout.trim()
  }

  /** Builds a target of ops/container/Dockerfile on a base from Debian's packages; the image's name. */
  async build(target: string): Promise<string> {
    await this.#importBase()
    const image = `localhost/assay-${target}`
    // The certificates are those of this machine, for it may stand behind a proxy that has its own.
    const trust = existsSync(CERTIFICATES) ? ['--volume', `${CERTIFICATES}:${CERTIFICATES}:ro`] : []
    await this.do('build', '--format', 'docker', '--layers=false', '--network', 'host', ...LIMITS, ...trust, '--build-arg', `BASE=${BASE}`, '--build-arg', 'REVISION=test', '--target', target, '-t', image, '-f', 'ops/container/Dockerfile', '.')
    return image
  }

  async #importBase(): Promise<void> {
    const packages = join(this.#dir, 'packages')
    const tree = join(this.#dir, 'base')
    for (const folder of [packages, tree]) mkdirSync(folder)
    // Bookworm's apt says to whom it drops its rights; as root in a folder of root's it need not.
    const { stdout } = await exec('apt-cache', ['depends', '--recurse', '--no-recommends', '--no-suggests', '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances', ...PACKAGES])
    const names = stdout.split('\n').filter((line) => /^[a-z0-9][a-z0-9.+-]*$/.test(line))
    await exec('apt-get', ['download', '-o', 'APT::Sandbox::User=root', '-qq', ...names], { cwd: packages, maxBuffer: 1 << 26 })
    // The folders that a Debian of today has merged must be there as links before the packages fill them.
    await exec('/bin/sh', ['-ec', 'mkdir -p usr/bin usr/sbin usr/lib usr/lib64 tmp; for one in bin sbin lib lib64; do ln -s usr/$one $one; done; chmod 1777 tmp'], { cwd: tree })
    for (const file of readdirSync(packages)) await exec('/bin/sh', ['-ec', 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2" --exclude=./usr/share/doc --exclude=./usr/share/locale --exclude=./usr/share/man', 'sh', join(packages, file), tree])
    await exec('tar', ['-cf', join(this.#dir, 'base.tar'), '-C', tree, '.'])
    await this.do('import', join(this.#dir, 'base.tar'), BASE)
    for (const one of [packages, tree, join(this.#dir, 'base.tar')]) rmSync(one, { recursive: true })
  }

  /** Starts the container, or starts it again: as an operator would, with nothing to write to but its volumes and /tmp. It ends as the child ends. */
  begin({ name, image, flags, args, logDir }: ContainerOptions): Child {
    const again = this.#names.has(name)
    this.#names.add(name)
    const command = again
      ? ['start', '--attach', '--sig-proxy=false', name]
      : ['run', '--name', name, '--sig-proxy=false', '--network', 'host', ...LIMITS, '--read-only', '--tmpfs', '/tmp', '--cap-drop', 'all', '--security-opt', 'no-new-privileges', ...flags, image, ...args]
    return follow(spawn('podman', this.#args(...command), { stdio: ['ignore', 'pipe', 'pipe'] }), { name, logDir, kill: (signal) => this.do('kill', '--signal', signal, name) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) await this.do('rm', '--force', '--volumes', '--time', '0', name).catch(() => {})
    await this.do('rmi', '--all', '--force').catch(() => {})
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** The process at the other end of `podman run`, as if it were a child of ours. */
function follow(child: ChildProcess, { name, logDir, kill }: { name: string; logDir: string; kill: (signal: NodeJS.Signals) => Promise<unknown> }): Child {
  const logFile = join(logDir, `${name}.log`)
  const log = createWriteStream(logFile, { flags: 'a' })
  const lines = new Subject<LogLine>()
  for (const output of [child.stdout!, child.stderr!]) {
    createInterface({ input: output }).on('line', (text) => {
      log.write(`${text}\n`)
      if (text.startsWith('{')) lines.next(JSON.parse(text) as LogLine)
    })
  }
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    // 128 and the number of what ended it.
    child.once('close', (code) => resolve(code === 137 ? { code: null, signal: 'SIGKILL' } : { code, signal: null }))
  }).finally(() => {
    lines.complete()
    log.end()
  })
  return {
    name,
    pid: child.pid!,
    logFile,
    lines$: lines.asObservable(),
    line: () => Promise.reject(new Error('nobody asks')),
    exited,
    kill: (signal) => void kill(signal).catch(() => {}),
    stop: async () => {
      await kill('SIGTERM')
      await exited
    },
  }
}
