// A Vulkan driver without a GPU, so that the WebGPU engine runs for real in tests: SwiftShader and the Vulkan loader, taken out of the npm package @sparticuz/chromium.
//   node tools/software-vulkan.ts bench/engines.ts --adapter swiftshader    runs a script of ours with it
// It computes right and slowly. Only Linux on x64 has it; elsewhere what needs it is skipped and says so.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'

const root = join(import.meta.dirname, '..')
const WANTED = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json']
const DRIVER = 'vk_swiftshader_icd.json'

/**
 * The environment in which a process finds the driver, unpacked first if it is not; undefined on other platforms than Linux on x64.
 * It must stand before the process starts: the system reads LD_LIBRARY_PATH once.
 */
export function softwareVulkan(): Record<string, string> | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined
  const main = createRequire(join(root, 'package.json')).resolve('@sparticuz/chromium')
  const home = main.slice(0, main.lastIndexOf('/build/'))
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
  const folder = join(root, 'node_modules', '.cache', `software-vulkan-${version}`)
  if (!existsSync(folder)) unpack(join(home, 'bin', 'swiftshader.tar.br'), folder)
  const driver = join(folder, DRIVER)
  const libraries = [folder, ...(process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((path) => path !== '' && path !== folder)]
  return { LD_LIBRARY_PATH: libraries.join(':'), VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver }
}

/** Unpacks what is wanted beside the folder and moves it there in one step, for two may do it at once. */
function unpack(archive: string, folder: string): void {
  mkdirSync(dirname(folder), { recursive: true })
  const fresh = mkdtempSync(`${folder}.`)
  const files = untar(brotliDecompressSync(readFileSync(archive)))
  for (const name of WANTED) {
    const bytes = files.get(name)
    if (!bytes) throw new Error(`${archive} holds no ${name}: another version of @sparticuz/chromium keeps its driver elsewhere`)
    writeFileSync(join(fresh, name), bytes)
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

if (import.meta.main) {
  const environment = softwareVulkan()
  if (!environment) {
    console.error(`There is no software Vulkan driver in npm for ${process.platform} ${process.arch}; on Linux x64 there is.`)
    process.exit(1)
  }
  process.exit(spawnSync(process.execPath, process.argv.slice(2), { stdio: 'inherit', env: { ...process.env, ...environment } }).status ?? 1)
}
