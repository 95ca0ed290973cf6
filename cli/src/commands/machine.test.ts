import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const assay = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'machine', ...args], { encoding: 'utf8' })

it('assay machine doctor says what there is, for people and for programs, and its exit code says whether something must be mended', () => {
  const json = assay('doctor', '--json')
  const diagnosis = JSON.parse(json.stdout) as { ok: boolean, engine: { kind: string } }
  expect(['webgpu', 'wasm']).toContain(diagnosis.engine.kind)
  expect(json.status).toBe(diagnosis.ok ? 0 : 1)
  const text = assay('doctor')
  expect(text.status).toBe(json.status)
  expect(text.stdout).toMatch(/^will use .*$[^]*^because .*$/m)
  expect(text.stderr === '').toBe(diagnosis.ok)
})

it('assay machine start is assay provider start', () => {
  const ran = assay('start')
  expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('network is missing') })
})
