import { beforeEach } from 'vitest'

/**
 * For tests that go on from one another: after a failure the rest is skipped, and `fail` is told, so that whatever still waits gives up. What failed is not told a second time: it would begin where it broke, and
 * if it were skipped then, its failure would count for nothing.
 */
export function isStory(fail: (error: Error) => void): void {
  let failed: string | undefined
  beforeEach(({ task, onTestFailed, skip }) => {
    if (failed === task.id) throw new Error('a story is not told twice: it failed before')
    if (failed !== undefined) skip('the story ended before')
    onTestFailed(() => {
      failed = task.id
      fail(new Error('a part of the story failed'))
    })
  })
}
