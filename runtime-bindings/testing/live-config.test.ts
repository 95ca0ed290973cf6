import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test, vi } from 'vitest'
import { liveConfig } from './live-config.ts'

afterEach(() => vi.unstubAllEnvs())

const set = (variables: Record<string, string>): void => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
}

test('by itself: the public endpoints, the latest block, a cache beside the clone', async () => {
  expect(await liveConfig()).toEqual({
    fork: { endpoint: [expect.stringMatching(/^wss:\/\/.*peaq/), expect.stringMatching(/^wss:\/\/.*peaq/)], block: null },
    db: { path: fileURLToPath(new URL('../../.assay/live-peaq.sqlite', import.meta.url)), keepBlocks: false },
  })
})

test('the environment chooses endpoint, block and cache', async () => {
  set({ ASSAY_LIVE_ENDPOINT: 'ws://127.0.0.1:1', ASSAY_LIVE_BLOCK: '123', ASSAY_LIVE_DB: '/tmp/x.sqlite' })
  expect(await liveConfig()).toEqual({ fork: { endpoint: 'ws://127.0.0.1:1', block: '123' }, db: { path: '/tmp/x.sqlite', keepBlocks: false } })
  set({ ASSAY_LIVE_BLOCK: `0x${'ab'.repeat(32)}`, ASSAY_LIVE_DB: 'none' })
  expect(await liveConfig()).toEqual({ fork: { endpoint: 'ws://127.0.0.1:1', block: `0x${'ab'.repeat(32)}` } })
})

test('a file that is not there, is not chopsticks’ or names no endpoint is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-live-'))
  const file = join(folder, 'chopsticks.yml')
  await expect(liveConfig(file)).rejects.toThrow(/cannot be used.*no such file/)
  writeFileSync(file, 'no-such-option: 1')
  await expect(liveConfig(file)).rejects.toThrow(/no-such-option/)
  writeFileSync(file, 'block: 1')
  await expect(liveConfig(file)).rejects.toThrow(/names no endpoint/)
  rmSync(folder, { recursive: true })
})
