import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { isLeaving, leaveMarked, markRetired, refuseRetired } from './leaving.ts'

let dir: string
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-leaving-'))))
afterEach(() => rm(dir, { recursive: true }))

const leave = (where = dir) => leaveMarked(where, () => Promise.resolve('left'), () => false)

it('a folder stays, leaves, and has left for good, whatever is said of it then', async () => {
  expect(isLeaving(dir)).toBe(false)
  refuseRetired(dir)
  expect(await leaveMarked(dir, () => Promise.resolve(isLeaving(dir)), () => false)).toBe(true)
  expect(await leave()).toBe('left')
  expect(isLeaving(dir)).toBe(true)
  refuseRetired(dir) // it is started to end what it owes
  await markRetired(dir)
  expect(await leave()).toBe('left')
  expect(isLeaving(dir)).toBe(false)
  expect(() => refuseRetired(dir)).toThrow(expect.objectContaining({ code: 'RETIRED', exit: 1, advice: expect.stringContaining(join(dir, 'retired')) }))
  expect(await readdir(dir)).toEqual(['retired'])
})

it('leaves no mark where nothing was done, and the mark where nobody knows', async () => {
  for (const isUndone of [true, false]) {
    await expect(leaveMarked(dir, () => Promise.reject(new Error('no money')), () => isUndone)).rejects.toThrow('no money')
    expect(isLeaving(dir)).toBe(!isUndone)
  }
})

it('a mark that cannot be written is an error, and nothing is done', async () => {
  const file = join(dir, 'file')
  await writeFile(file, '')
  await expect(leave(file)).rejects.toMatchObject({ code: 'DISK' })
  await expect(markRetired(file)).rejects.toMatchObject({ code: 'DISK' })
})
