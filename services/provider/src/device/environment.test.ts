import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LINUX, plant } from '../../testing/tree.ts'
import { LINUX_ENVIRONMENT, readEnvironment } from './environment.ts'

const sha256 = (content: string | Uint8Array): string => `0x${createHash('sha256').update(content).digest('hex')}`
const { signal } = new AbortController()

test('each part is named by the hash of its file or text, in order', async () => {
  using tree = plant(LINUX)
  const lock = join(tree.root, 'package-lock.json')
  const large = new Uint8Array(3_000_000).fill(7)
  writeFileSync(lock, large)
  expect(await readEnvironment({ image: { text: 'sha256:12' }, packageLock: { file: lock } }, signal)).toEqual({ items: [{ what: 'packageLock', hash: sha256(large) }, { what: 'image', hash: sha256('sha256:12') }], gaps: [] })
})

test('what is not there is left out, what cannot be read is a gap', async () => {
  using tree = plant(LINUX)
  const { items, gaps } = await readEnvironment({ model: { file: join(tree.root, 'nothing') }, engine: { file: tree.root } }, signal)
  expect([items, gaps]).toEqual([[], [expect.stringMatching(/^engine: EISDIR/)]])
})

test('a stop ends it', async () => {
  await expect(readEnvironment({ image: { text: '' } }, AbortSignal.abort(new Error('stopped by SIGTERM')))).rejects.toThrow('stopped by SIGTERM')
})

test('every Linux names its Node and its kernel', async () => {
  const { items } = await readEnvironment(LINUX_ENVIRONMENT, signal)
  expect(items.map(({ what }) => what)).toEqual(expect.arrayContaining(['node', 'kernel']))
})
