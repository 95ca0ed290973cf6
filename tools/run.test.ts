// The launcher in a folder of its own, with a stand-in for npm: what it says, and that a stop reaches whatever it started.
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'

const scratch = mkdtempSync(join(tmpdir(), 'assay-run-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let folder: string
let count = 0
beforeEach(() => {
  folder = join(scratch, String(count++))
  mkdirSync(join(folder, 'bin'), { recursive: true })
  for (const file of ['run.cjs', 'node-path.cjs']) cpSync(join(import.meta.dirname, file), join(folder, 'tools', file))
  writeFileSync(join(folder, 'package-lock.json'), '{}')
})

/** Starts the launcher with `npm` as the text of a program; resolves with its exit code and what it said. */
function launch(npm: string, started?: (child: ReturnType<typeof spawn>, said: () => string) => void): Promise<{ code: number | null; said: string }> {
  writeFileSync(join(folder, 'bin', 'npm'), `#!${process.execPath}\n${npm}`)
  chmodSync(join(folder, 'bin', 'npm'), 0o755)
  const child = spawn(process.execPath, [join(folder, 'tools', 'run.cjs'), 'nonsense'], { env: { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}` } })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += String(chunk)
    started?.(child, () => said)
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })))
}

const stamp = (): string => join(folder, 'node_modules', '.assay-setup')

test('installs once, then goes to its task', async () => {
  const first = await launch('')
  expect(first).toMatchObject({ code: 1, said: expect.stringContaining('unknown task nonsense') })
  expect(first.said).toContain('installed in')
  expect((await launch('process.exit(7)')).said).not.toContain('npm ci')
})

test('a failed installation shows what npm said, and is tried again', async () => {
  const failed = await launch('console.error("no room"); process.exit(7)')
  expect(failed).toMatchObject({ code: 1, said: expect.stringMatching(/no room[^]*npm ci failed with exit code 7/) })
  expect(existsSync(stamp())).toBe(false)
})

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const)
  test(`${signal} to the launcher alone ends npm too`, async () => {
    const file = join(folder, 'pid')
    // It says that it runs through the file, which appears whole; the launcher is stopped as soon as it stands there.
    const npm = `const fs = require('node:fs'); const file = ${JSON.stringify(file)}; fs.writeFileSync(file + '.part', String(process.pid)); fs.renameSync(file + '.part', file); setInterval(() => {}, 1000)`
    let stopped = false
    const ended = await launch(npm, (child) => {
      if (stopped) return
      stopped = true
      const ready = setInterval(() => {
        if (!existsSync(file)) return
        clearInterval(ready)
        child.kill(signal)
      }, 20)
    })
    expect(ended.code).toBe(code)
    expect(() => process.kill(Number(readFileSync(file, 'utf8')), 0)).toThrow('ESRCH')
    expect(existsSync(stamp())).toBe(false)
  })
