import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { readPassword } from './password.ts'

const dir = mkdtempSync(join(tmpdir(), 'assay-password-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('is the first line, whatever ends it', async () => {
  writeFileSync(join(dir, 'password'), 'secret words\r\nmore\n')
  expect(await readPassword(join(dir, 'password'))).toBe('secret words')
})

test('an empty or missing file is said with its path', async () => {
  writeFileSync(join(dir, 'empty'), '\nsecond')
  await expect(readPassword(join(dir, 'empty'))).rejects.toMatchObject({ code: 'PASSWORD_FILE', message: expect.stringContaining('is empty') })
  await expect(readPassword(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'PASSWORD_FILE', message: expect.stringContaining('ENOENT') })
})

test('comes from standard input as far as its first line, which must end', async () => {
  expect(await readPassword('-', Readable.from(['sec', 'ret\nmore']))).toBe('secret')
  await expect(readPassword('-', Readable.from(['\n']))).rejects.toMatchObject({ code: 'PASSWORD_FILE', message: expect.stringContaining('standard input is empty') })
  await expect(readPassword('-', Readable.from(Array.from({ length: 10 }, () => 'x'.repeat(1000))))).rejects.toMatchObject({ code: 'PASSWORD_FILE', message: expect.stringContaining('4 kB') })
})
