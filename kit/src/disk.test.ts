import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { diskError, makeFolder } from './disk.ts'
import { lockFolder } from './lock.ts'

test.each([['ENOSPC', 75, /full/], ['EDQUOT', 75, /quota/], ['EMFILE', 75, /ulimit -n/], ['EIO', 75, /fails/], ['EACCES', 1, /may write/], ['EROFS', 1, /may write/]] as const)('%s ends with %i and says what to do', (code, exit, advice) => {
  expect(diskError('DISK', 'cannot write x', Object.assign(new Error('no'), { code }))).toMatchObject({ code: 'DISK', exit, message: `cannot write x (${code})`, advice: expect.stringMatching(advice) })
})

test('a folder is made with those above it, by as many as want it, and not where a file is', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-disk-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const deep = join(dir, 'a', 'b', 'c')
  await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(deep, { mode: 0o700 })])
  await makeFolder(deep)
  expect(statSync(deep).isDirectory()).toBe(true)
  writeFileSync(join(dir, 'file'), '')
  await expect(makeFolder(join(dir, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(makeFolder(join(dir, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
})

test.runIf(existsSync('/proc/self'))('a data folder where nobody can make one is refused, not waited for', async () => {
  await expect(lockFolder('/proc/assay/data')).rejects.toMatchObject({ code: 'DATA_DIR', exit: 1, message: 'the data folder /proc/assay/data cannot be written (ENOENT)' })
})

test('folders beside each other are made at once, though the one above is missing', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'assay-disk-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  for (let again = 0; again < 20; again++) await Promise.all(Array.from({ length: 32 }, (_, i) => makeFolder(join(dir, `fresh ${again}`, String(i)))))
  expect(readdirSync(join(dir, 'fresh 19'))).toHaveLength(32)
})
