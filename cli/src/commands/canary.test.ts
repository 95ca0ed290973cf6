import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { devnetParameters, fromHex, consentMessage, judgementOfEpoch, schedule } from '@assay/protocol'
import { createKeystore, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { type Consent, nextEpoch, openingWindow } from '../canary/epoch.ts'
import { readConsents } from './canary.ts'

const assay = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'canary', ...args], { encoding: 'utf8' })
const NETWORK = `0x${'11'.repeat(32)}` as const
const CALIBRATOR = `0x${'22'.repeat(32)}` as const
const parameters = devnetParameters(100, 120)
let dir: string
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), 'assay-canary-'))))
afterAll(() => rmSync(dir, { recursive: true }))

it('consent is one line, signed by the machine’s peer key, that commit reads', async () => {
  const { account, peer } = await createKeystore({ dir: join(dir, 'machine'), password: 'only-for-tests' })
  const passwordFile = join(dir, 'password')
  writeFileSync(passwordFile, 'only-for-tests\n', { mode: 0o600 })
  const args = ['consent', '--network', NETWORK, '--calibrator', CALIBRATOR, '--data-dir', dir, '--password-file', passwordFile]
  const ran = assay(...args, '--mute', '64')
  expect(ran).toMatchObject({ status: 0, stderr: '' })
  const path = join(dir, 'canaries.jsonl')
  writeFileSync(path, ran.stdout)
  const [line] = readConsents(path) as [Consent]
  expect(line).toMatchObject({ machine: account.id, peer: peer.publicKey, mute: 64 })
  expect(crypto.ed25519Verify(fromHex(line.consent), consentMessage({ network: NETWORK, calibrator: CALIBRATOR, machine: account.id }), fromHex(peer.publicKey))).toBe(true)
  expect(assay(...args, '--mute', '256')).toMatchObject({ status: 1, stderr: expect.stringContaining('not a whole number from 0 to 255') as unknown })
})

it('a list with anything else in it is refused, and its line named', () => {
  const path = join(dir, 'bad.jsonl')
  expect(() => readConsents(join(dir, 'none'))).toThrow('cannot be read')
  const good: Consent = { machine: NETWORK, peer: CALIBRATOR, mute: 0, consent: `0x${'00'.repeat(64)}` }
  for (const bad of ['{', 'null', '[]', JSON.stringify({ ...good, mute: 256 }), JSON.stringify({ ...good, mute: '1' }), JSON.stringify({ ...good, machine: '0x11' }), JSON.stringify({ ...good, consent: '0x00' })]) {
    writeFileSync(path, `${JSON.stringify(good)}\n\n${bad}\n`)
    expect(() => readConsents(path), bad).toThrow('line 2')
  }
})

it('the next epoch is the one whose freeze is still to come; it is opened between the window of the round after it and its judgement', () => {
  const freeze = schedule(parameters, 2).freeze
  expect([0, schedule(parameters, 0).freeze - 1, schedule(parameters, 0).freeze, freeze - 1, freeze].map((best) => nextEpoch(parameters, best))).toEqual([0, 0, 1, 1, 2])
  const [from, to] = openingWindow(parameters, 0)
  expect(from).toBe(schedule(parameters, 2).commitTo + 2)
  expect(to).toBe(judgementOfEpoch(parameters, 0))
  expect(from).toBeLessThan(to)
})

it('help has examples and exit codes; what lacks an option ends with 1', () => {
  for (const name of ['consent', 'commit', 'open']) expect(assay(name, '--help').stdout).toContain(`Example:\n  assay canary ${name}`)
  expect(assay('commit', '--help').stdout).toContain('Exit codes:')
  expect(assay('open').status).toBe(1)
})
