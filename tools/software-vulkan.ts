// A Vulkan driver without a GPU, so that the WebGPU engine runs for real in tests: SwiftShader and the Vulkan loader, taken out of the npm package @sparticuz/chromium.
//   node tools/software-vulkan.ts bench/engines.ts --adapter swiftshader    runs a script of ours with it
// It computes right and slowly. Only Linux on x64 has it; elsewhere what needs it is skipped and says so.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { hasChromiumPackage, unpacked, untar } from './chromium-package.ts'

const WANTED = ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json']
const DRIVER = 'vk_swiftshader_icd.json'

/**
 * The environment in which a process finds the driver, unpacked first if it is not; undefined on other platforms than Linux on x64.
 * It must stand before the process starts: the system reads LD_LIBRARY_PATH once.
 */
export function softwareVulkan(): Record<string, string> | undefined {
  if (!hasChromiumPackage) return undefined
  const folder = unpacked('software-vulkan', (archive) => {
    const files = untar(archive('swiftshader.tar.br'))
    return WANTED.map((name) => {
      const bytes = files.get(name)
      if (!bytes) throw new Error(`@sparticuz/chromium holds no ${name}: another version of it keeps its driver elsewhere`)
      return { name, bytes }
    })
  })
  const driver = join(folder, DRIVER)
  const libraries = [folder, ...(process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((path) => path !== '' && path !== folder)]
  return { LD_LIBRARY_PATH: libraries.join(':'), VK_ICD_FILENAMES: driver, VK_DRIVER_FILES: driver }
}

if (import.meta.main) {
  const environment = softwareVulkan()
  if (!environment) {
    console.error(`There is no software Vulkan driver in npm for ${process.platform} ${process.arch}; on Linux x64 there is.`)
    process.exit(1)
  }
  process.exit(spawnSync(process.execPath, process.argv.slice(2), { stdio: 'inherit', env: { ...process.env, ...environment } }).status ?? 1)
}
