import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bundleForBrowsers, replayPage } from './replay-page.ts'

test('the replay is one script without anything of Node, smaller than a photograph', async () => {
  const script = await bundleForBrowsers()
  expect(script.match(/.{0,40}(?:['"`]node:|\brequire\(|\bprocess\.|\bBuffer\b)/g) ?? []).toEqual([])
  expect(script.length).toBeLessThan(250_000)
  const page = await replayPage()
  expect(page).toContain('assayReplay.tellRecording')
  expect(page.match(/<\/script/g)).toHaveLength(2)
})

test('what only Node has is refused by name', async () => {
  await expect(bundleForBrowsers(join(import.meta.dirname, 'gates/planted/browser/reader.ts'))).rejects.toThrow('node:fs')
})
