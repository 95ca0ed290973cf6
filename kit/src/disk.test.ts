import { expect, test } from 'vitest'
import { diskError } from './disk.ts'

test.each([['ENOSPC', 75, /full/], ['EDQUOT', 75, /quota/], ['EMFILE', 75, /ulimit -n/], ['EIO', 75, /fails/], ['EACCES', 1, /may write/], ['EROFS', 1, /may write/]] as const)('%s ends with %i and says what to do', (code, exit, advice) => {
  expect(diskError('DISK', 'cannot write x', Object.assign(new Error('no'), { code }))).toMatchObject({ code: 'DISK', exit, message: `cannot write x (${code})`, advice: expect.stringMatching(advice) })
})
