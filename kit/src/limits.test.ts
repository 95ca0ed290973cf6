import { expect, test } from 'vitest'
import { filesLimit } from './limits.ts'

test('the limit of open files is read from what the system says, and not known where it says nothing', () => {
  expect(filesLimit(() => 'Limit  Soft Limit  Hard Limit  Units\nMax processes  7  7  processes\nMax open files            64                   4096                 files\n')).toBe(64)
  expect(filesLimit(() => 'Max open files            unlimited            unlimited            files\n')).toBe(Infinity)
  expect(filesLimit(() => 'nothing of it')).toBeNull()
  expect(filesLimit(() => { throw new Error('ENOENT') })).toBeNull()
  if (process.platform === 'linux') expect(filesLimit()).toBeGreaterThan(0)
})
