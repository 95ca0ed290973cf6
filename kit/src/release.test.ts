import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { RELEASE } from './release.ts'

test('the release is that of the packages', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  expect(RELEASE).toBe(version)
  // What the wire takes as a label.
  expect(RELEASE).toMatch(/^[0-9A-Za-z.+-]{1,32}$/)
})
