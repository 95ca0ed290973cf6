import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { requireFormat } from './format.ts'

let dir: string
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'assay-format-'))))
afterEach(() => rmSync(dir, { recursive: true }))

test('a folder gets its mark once, and is taken again', async () => {
  await requireFormat(dir, 1)
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('1\n')
  await requireFormat(dir, 1)
  // A later program reads the older format, and the mark is its to change.
  await requireFormat(dir, 2)
  expect(readdirSync(dir)).toEqual(['format'])
})

test('what a later program wrote is refused in a sentence, and left alone', async () => {
  writeFileSync(join(dir, 'format'), '2\n')
  await expect(requireFormat(dir, 1)).rejects.toMatchObject({ code: 'NEWER', exit: 1, message: `the data folder ${dir} was written by a later version of this program` })
  expect(readFileSync(join(dir, 'format'), 'utf8')).toBe('2\n')
})

test.each(['', 'one', '0', '-1', '1.5', '12345678', '1\n2'])('%j is no mark', async (text) => {
  writeFileSync(join(dir, 'format'), text)
  await expect(requireFormat(dir, 1)).rejects.toMatchObject({ code: 'MARK', exit: 1 })
})
