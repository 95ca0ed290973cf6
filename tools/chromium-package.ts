// What lies packed in the npm package @sparticuz/chromium: a headless Chromium, the libraries that it wants beside it, and a software Vulkan driver.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

const root = join(import.meta.dirname, '..')

/** Only Linux on x64 has it. */
export const hasChromiumPackage = process.platform === 'linux' && process.arch === 'x64'

export interface Packed {
  /** Path in the folder. */
  name: string
  bytes: Uint8Array
  executable?: boolean
}

/** The folder of that name under node_modules/.cache with what `files` gives of the package's archives; made at the first call for a version of the package. */
export function unpacked(name: string, files: (archive: (name: string) => Uint8Array) => Packed[]): string {
  const main = createRequire(join(root, 'package.json')).resolve('@sparticuz/chromium')
  const home = main.slice(0, main.lastIndexOf('/build/'))
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
  const folder = join(root, 'node_modules', '.cache', `${name}-${version}`)
  if (!existsSync(folder)) place(folder, files((archive) => brotliDecompressSync(readFileSync(join(home, 'bin', archive)))))
  return folder
}

/** Writes the files beside the folder and moves them there in one step, for two may do it at once. */
function place(folder: string, files: readonly Packed[]): void {
  mkdirSync(dirname(folder), { recursive: true })
  const fresh = mkdtempSync(`${folder}.`)
  for (const { name, bytes, executable = false } of files) {
    mkdirSync(dirname(join(fresh, name)), { recursive: true })
    writeFileSync(join(fresh, name), bytes, { mode: executable ? 0o755 : 0o644 })
  }
  try {
    renameSync(fresh, folder)
  } catch (error) {
    rmSync(fresh, { recursive: true })
    if (!existsSync(folder)) throw error
  }
}

/** The plain files of a tar archive by name (POSIX ustar: a header of 512 bytes, then the bytes, filled up to 512). */
export function untar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>()
  const text = (from: number, to: number): string => Buffer.from(archive.subarray(from, to)).toString('latin1').replace(/\0.*$/s, '').trim()
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = parseInt(text(at + 124, at + 136), 8)
    const type = text(at + 156, at + 157)
    if (type === '0' || type === '') files.set(text(at, at + 100).replace(/^\.\//, ''), archive.subarray(at + 512, at + 512 + size))
    at += 512 + Math.ceil(size / 512) * 512
  }
  return files
}
