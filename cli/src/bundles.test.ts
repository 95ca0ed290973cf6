import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const USE = new URL('bundles.ts', import.meta.url).href
const PACKAGES = fileURLToPath(new URL('../../node_modules/', import.meta.url))

describe('what this installation has', () => {
  const bundles = join(PACKAGES, '.cache', 'assay-packages')

  test('is as good as the packages', async () => {
    expect(existsSync(join(bundles, 'bundles.json')), 'no bundles: run node tools/bundle-packages.mjs').toBe(true)
    const { BUNDLED } = (await import('../../tools/bundle-packages.mjs' as string)) as { BUNDLED: Record<string, string> }
    const script = `
      const { readFileSync } = await import('node:fs')
      const { files } = JSON.parse(readFileSync('bundles.json', 'utf8'))
      const { BUNDLED } = await import(${JSON.stringify(new URL('../../tools/bundle-packages.mjs', import.meta.url).href)})
      const missing = []
      for (const [name, of] of Object.entries(BUNDLED)) {
        const bundle = await import(${JSON.stringify(`${pathToFileURL(bundles).href}/`)} + files[name])
        const wanted = of === '*' ? Object.keys(await import(name)) : of.match(/\\w+/g)
        missing.push(...wanted.filter((one) => bundle[one] === undefined && !['default', 'module.exports', '__esModule'].includes(one)).map((one) => name + ' ' + one))
      }
      console.log(JSON.stringify({ names: Object.keys(files), missing }))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], { cwd: bundles, encoding: 'utf8' })
    expect(stdout, stderr).not.toBe('')
    expect(JSON.parse(stdout)).toEqual({ names: Object.keys(BUNDLED), missing: [] })
  })

  test('is what `assay` runs on', () => {
    const { stderr } = spawnSync(process.execPath, ['--import', `data:text/javascript,import { createRequire } from 'node:module'; const { cache } = createRequire('/'); process.on('exit', () => console.error(JSON.stringify(Object.keys(cache).filter((file) => file.includes('/@polkadot/') || file.includes('/rxjs/')))))`, MAIN, 'keys', 'show', '--data-dir', join(tmpdir(), 'assay-nothing-here')], { encoding: 'utf8' })
    expect(stderr.trim().split('\n').at(-1)).toBe('[]')
  })
})

describe('bundles', () => {
  let root: string
  const put = (path: string, content: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const bundled = (installed: string): void => put('node_modules/.cache/assay-packages/bundles.json', JSON.stringify({ installed, files: { tool: 'tool.mjs' } }))
  /** Where our own code and a package's each get `tool` from. */
  const taken = (): string => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'main.mjs')], { encoding: 'utf8' })
    return stdout || stderr
  }

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'assay-bundles-'))
    put('node_modules/.package-lock.json', '{}')
    for (const [name, code] of [['tool', "export const from = 'package'"], ['user', "export { from } from 'tool'"]] as const) {
      put(`node_modules/${name}/package.json`, JSON.stringify({ name, type: 'module', exports: './index.js' }))
      put(`node_modules/${name}/index.js`, code)
    }
    put('node_modules/.cache/assay-packages/tool.mjs', "export const from = 'bundle'")
    put('main.mjs', `import { useBundles } from ${JSON.stringify(USE)}\nuseBundles(new URL('node_modules/', import.meta.url))\nconsole.log((await import('tool')).from, (await import('user')).from)\n`)
    bundled(hash('sha256', '{}'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  test('serve our code, and packages find each other as ever', () => {
    expect(taken()).toBe('bundle package\n')
  })

  test('are left when something was installed since', () => {
    put('node_modules/.package-lock.json', '{ }')
    expect(taken()).toBe('package package\n')
  })

  test.each([
    ['are not there', () => rmSync(join(root, 'node_modules/.cache'), { recursive: true })],
    ['are damaged', () => put('node_modules/.cache/assay-packages/bundles.json', '{"installed":')],
    ['say nothing', () => put('node_modules/.cache/assay-packages/bundles.json', '{}')],
    ['know no installation', () => rmSync(join(root, 'node_modules/.package-lock.json'))],
  ])('that %s are done without', (_, damage) => {
    damage()
    expect(taken()).toBe('package package\n')
  })
})
