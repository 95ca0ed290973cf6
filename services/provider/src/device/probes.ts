// The doors through which a machine is read: files, programs and systeminformation. Each has a limit, for a tree may hold anything and a hung driver answers never.
import { execFile } from 'node:child_process'
import { constants, open, readdir } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import si from 'systeminformation'

export interface Probes {
  /** The file's text, at most `MAX_FILE_BYTES` of it; null if there is none, or it may not be read. */
  read(path: string): Promise<string | null>
  /** The names in a folder, null if there is none, or it may not be read. */
  list(path: string): Promise<string[] | null>
  /** Standard output of a program. Rejects with the error of `execFile` (its `code` is ENOENT if there is no such program), its `stdout` beside it. */
  run(program: string, args: string[], timeoutMs: number): Promise<string>
  /** systeminformation on the processor */
  cpu(): Promise<{ brand: string, vendor: string, family: string, model: string, stepping: string, physicalCores: number, cores: number }>
  /** systeminformation on the operating system */
  osInfo(): Promise<{ platform: string, distro: string, release: string, kernel: string, arch: string }>
  /** systeminformation on the computer */
  system(): Promise<{ virtual?: boolean | undefined }>
  /** the computer's memory as Node tells it */
  memoryBytes(): number
}

/** A `/proc/cpuinfo` of 256 threads has 400 KB; what is longer is cut off. */
export const MAX_FILE_BYTES = 1 << 20
const PIECE_BYTES = 1 << 14
const MAX_OUTPUT_BYTES = 1 << 20

/** The machine that this process runs on. `root` stands before each path, for a tree of one's own; `path` is where programs are looked for, in place of PATH. */
export function systemProbes({ root = '/', path = process.env['PATH'] }: { root?: string, path?: string } = {}): Probes {
  return {
    read: (file) => readStart(join(root, file)),
    list: (folder) => readdir(join(root, folder)).catch(() => null),
    run: (program, args, timeoutMs) =>
      new Promise((resolve, reject) => {
        // SIGKILL: a process that waits for a hung driver ignores anything gentler.
        execFile(program, args, { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT_BYTES, env: { ...process.env, PATH: path } }, (error, stdout) => (error ? reject(Object.assign(error, { stdout })) : resolve(stdout)))
      }),
    cpu: () => si.cpu(),
    osInfo: () => si.osInfo(),
    system: () => si.system(),
    memoryBytes: () => totalmem(),
  }
}

/** The first bytes of a file. Files of /proc say that they are empty, so it is read until it ends; a pipe that nobody writes to ends at once. */
async function readStart(path: string): Promise<string | null> {
  const parts: Buffer[] = []
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    for (let left = MAX_FILE_BYTES; left > 0; ) {
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(Math.min(PIECE_BYTES, left)) })
      if (bytesRead === 0) break
      parts.push(buffer.subarray(0, bytesRead))
      left -= bytesRead
    }
    return Buffer.concat(parts).toString('utf8')
  } catch {
    return null
  }
}

/** The answer, or a rejection after `timeoutMs`: whoever asks does not wait longer, whatever becomes of the question. */
export function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** What a stranger's program or file says, fit for a log: printable ASCII, at most 128 characters; what it says it does not know (`[N/A]`, `[Not Supported]`) is empty. */
export function clean(text: string): string {
  const line = text.trim()
  return /^\[.*\]$/.test(line) ? '' : line.replace(/[^\x20-\x7e]/g, '').slice(0, 128)
}
