import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { lockFolder } from '@assay/kit/lock'
import { bringDown } from '../bring-down.ts'

// What up and down do to real machines stands in test/machine-up.test.ts.
const dir = mkdtempSync(join(tmpdir(), 'assay-down-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const never = new AbortController().signal
const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code })
}

it('waits until the process is gone', async () => {
  const lock = await lockFolder(dir)
  const asked: unknown[] = []
  const down = bringDown(dir, never, (pid, name) => void asked.push(pid, name))
  await expect.poll(() => asked).toEqual([process.pid, 'SIGTERM'])
  await lock.release()
  expect(await down).toBe(process.pid)
  expect(await bringDown(dir, never)).toBeNull()
})

it('says that a process of another user cannot be stopped, and ends when it is told to', async () => {
  const lock = await lockFolder(dir)
  await expect(bringDown(dir, never, failing('EPERM'))).rejects.toMatchObject({ code: 'NOT_OURS', message: `process ${process.pid} on ${dir} cannot be stopped (EPERM)` })
  const stop = new AbortController()
  const down = bringDown(dir, stop.signal, () => stop.abort())
  await expect(down).rejects.toThrow()
  await lock.release()
})

it('does not mind a process that was quicker', async () => {
  const lock = await lockFolder(dir)
  const gone = failing('ESRCH')
  const down = bringDown(dir, never, () => {
    void lock.release()
    gone()
  })
  expect(await down).toBe(process.pid)
})
