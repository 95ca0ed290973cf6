import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { isLeaving, markLeaving, markRetired, refuseRetired } from './leaving.ts'

let dir: string
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-leaving-'))))
afterEach(() => rm(dir, { recursive: true }))

it('a folder stays, leaves, and has left for good, whatever is said of it then', async () => {
  expect(isLeaving(dir)).toBe(false)
  refuseRetired(dir)
  await markLeaving(dir)
  await markLeaving(dir)
  expect(isLeaving(dir)).toBe(true)
  refuseRetired(dir) // it is started to end what it owes
  await markRetired(dir)
  await markLeaving(dir)
  expect(isLeaving(dir)).toBe(false)
  expect(() => refuseRetired(dir)).toThrow(expect.objectContaining({ code: 'RETIRED', exit: 1, advice: expect.stringContaining(join(dir, 'retired')) }))
  expect(await readdir(dir)).toEqual(['retired'])
})

it('a mark that cannot be written is an error', async () => {
  const file = join(dir, 'file')
  await writeFile(file, '')
  for (const mark of [markLeaving, markRetired]) await expect(mark(file)).rejects.toMatchObject({ code: 'DISK' })
})
