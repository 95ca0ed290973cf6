import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { untar } from './chromium-package.ts'
import { softwareVulkan } from './software-vulkan.ts'

/** A tar archive of these files; a name that ends in / is a folder. */
function tar(files: Record<string, string>): Uint8Array {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const header = Buffer.alloc(512)
    header.write(name)
    header.write(text.length.toString(8).padStart(11, '0'), 124)
    header.write(name.endsWith('/') ? '5' : '0', 156)
    return [header, Buffer.from(text), Buffer.alloc((512 - (text.length % 512)) % 512)]
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

describe('untar', () => {
  it('reads plain files, of any length, and no folders', () => {
    const long = 'x'.repeat(1000)
    const files = untar(tar({ './a.txt': 'A', 'folder/': '', 'folder/b': long, whole: 'y'.repeat(512), empty: '' }))
    expect([...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([['a.txt', 'A'], ['folder/b', long], ['whole', 'y'.repeat(512)], ['empty', '']])
  })
  it('finds nothing in an empty archive', () => {
    expect(untar(Buffer.alloc(1024)).size).toBe(0)
    expect(untar(new Uint8Array()).size).toBe(0)
  })
})

describe('softwareVulkan', () => {
  it.runIf(process.platform === 'linux' && process.arch === 'x64')('gives an environment with a loader and a driver, twice the same', () => {
    const environment = softwareVulkan()!
    const [folder] = environment['LD_LIBRARY_PATH']!.split(':')
    for (const name of ['libvulkan.so.1', 'libvk_swiftshader.so']) expect(existsSync(join(folder!, name))).toBe(true)
    expect(existsSync(environment['VK_DRIVER_FILES']!)).toBe(true)
    expect(softwareVulkan()).toEqual(environment)
  })
})
