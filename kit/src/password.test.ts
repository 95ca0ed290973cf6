import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
