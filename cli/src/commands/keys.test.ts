import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { accountFromSecret, cryptoReady, openAccount } from '@assay/runtime-bindings'

// Opening a key costs a second of purpose, and each of these opens many.
vi.setConfig({ testTimeout: 600_000 })
const WORDS = 'legal winner thank year wave sausage worth useful legal winner thank yellow'
const root = mkdtempSync(join(tmpdir(), 'assay-keys-'))
afterAll(() => rmSync(root, { recursive: true }))
const password = file('password', 'only-for-tests\n')
const other = file('other', 'another one\n')
const checker = join(root, 'checker')

function file(name: string, text: string): string {
  writeFileSync(join(root, name), text, { mode: 0o600 })
  return join(root, name)
}
function assay(args: string[], { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {}) {
  const ran = spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'keys', ...args], { encoding: 'utf8', cwd: root, input, env: { ...process.env, ...env } })
  return { status: ran.status, stdout: ran.stdout, stderr: ran.stderr }
}
const said = (text: string | RegExp): unknown => (typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text))

beforeAll(async () => {
  await cryptoReady()
  expect(assay(['create', '--data-dir', checker], { env: { ASSAY_PASSWORD: 'only-for-tests' } })).toMatchObject({ status: 0, stderr: '', stdout: said(/^made /) })
})

test('a keystore is found again, its keys are shown without the password, and verify opens them', () => {
  const [, address, peer] = /account (\S+)\npeer {4}(\S+)\n$/.exec(assay(['create', '--data-dir', checker, '--password-file', password]).stdout)!
  expect(assay(['show', '--data-dir', checker])).toEqual({ status: 0, stderr: '', stdout: `account.json         account ${address}\npeer.json            peer    ${peer}\n` })
  expect(JSON.parse(assay(['show', '--data-dir', checker, '--json']).stdout)).toMatchObject({ event: 'keys', keys: [{ file: join(checker, 'account.json'), kind: 'account', address }, { kind: 'peer', publicKey: peer }] })
  expect(assay(['verify', '--data-dir', checker, '--password-file', password])).toMatchObject({ status: 0, stderr: '', stdout: said(/^account.json +opens\npeer.json +opens\n$/) })
})

test('a password that is wrong, nowhere, or readable by others is a sentence', () => {
  expect(assay(['verify', '--data-dir', checker, '--password-file', other])).toMatchObject({ status: 1, stderr: said('2 of 2 key files do not open') })
  expect(assay(['verify', '--data-dir', checker])).toMatchObject({ status: 1, stderr: said(/no --password-file, no systemd credential assay-password, no ASSAY_PASSWORD, and no terminal/) })
  const open = file('open', 'only-for-tests\n')
  chmodSync(open, 0o644)
  expect(assay(['verify', '--data-dir', checker, '--password-file', open])).toMatchObject({ status: 1, stderr: said(/can be read by others \(mode 644\)\n {2}Run: chmod 600/) })
  // Where nobody can make a folder, Node's own way to make several never comes back.
  expect(assay(['create', '--data-dir', '/proc/none/keys', '--password-file', password])).toMatchObject({ status: 1, stderr: said('the data folder /proc/none/keys cannot be written') })
  expect(assay(['show', '--data-dir', join(root, 'none')])).toMatchObject({ status: 1, stderr: said('There is no key file') })
})

test('the password of all keys is changed, and run again after an interruption it goes on', async () => {
  const dir = join(root, 'machine')
  cpSync(checker, join(dir, 'machine'), { recursive: true })
  expect(assay(['create', '--owner', '--data-dir', dir, '--password-file', other])).toMatchObject({ status: 1, stderr: said('The password does not open') })
  expect(assay(['create', '--owner', '--data-dir', dir, '--password-file', password, '--json'])).toMatchObject({ status: 0, stdout: said('"made":true') })
  const change = ['password', '--data-dir', dir, '--password-file', password, '--new-password-file', other]
  // As a crash between two files leaves it.
  const before = readFileSync(join(dir, 'machine/peer.json'))
  expect(assay([...change, '--json'])).toMatchObject({ status: 0, stderr: '', stdout: said('"changed":3') })
  writeFileSync(join(dir, 'machine/peer.json'), before)
  writeFileSync(join(dir, 'machine/peer.json.new'), 'half of')
  expect(assay(['verify', '--data-dir', dir, '--password-file', other])).toMatchObject({ status: 1, stdout: said(/peer.json +The password does not open/), stderr: said('run assay keys password again with the same two') })
  expect(assay(change)).toMatchObject({ status: 0, stdout: said(/1 of 3 key files was changed; the others had the new one\n.*password still has the old one/) })
  expect(assay(['verify', '--data-dir', dir, '--password-file', other])).toMatchObject({ status: 0 })
  for (const path of ['owner.json', 'machine/account.json', 'machine/peer.json']) expect(statSync(join(dir, path)).mode & 0o777, path).toBe(0o600)
  expect(readdirSync(join(dir, 'machine'))).toEqual(['account.json', 'peer.json'])
  expect((await openAccount(join(dir, 'machine/account.json'), 'another one')).address).toBe(JSON.parse(readFileSync(join(checker, 'account.json'), 'utf8')).address)
})

test('where the change cannot be done, nothing is changed', () => {
  const dir = join(root, 'mixed')
  cpSync(checker, dir, { recursive: true })
  const third = file('third', 'a third\n')
  expect(assay(['password', '--data-dir', dir, '--password-file', third, '--new-password-file', other])).toMatchObject({ status: 1, stderr: said('The password does not open') })
  writeFileSync(join(dir, 'peer.json'), '{"encoded":"00","encoding":{"content":["pkcs8","ed25519"],"type":["scrypt","xsalsa20-poly1305"],"version":"3"},"address":"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}', { mode: 0o600 })
  expect(assay(['password', '--data-dir', dir, '--password-file', password, '--new-password-file', other])).toMatchObject({ status: 1, stderr: said('peer.json is not a usable key file') })
  expect(readdirSync(dir)).toEqual(['account.json', 'peer.json'])
  expect(readFileSync(join(dir, 'account.json'))).toEqual(readFileSync(join(checker, 'account.json')))
  expect(assay(['password', '--data-dir', checker, '--password-file', password, '--new-password-file', password])).toMatchObject({ status: 1, stderr: said('the new password is the old one') })
  expect(assay(['password', '--data-dir', checker, '--password-file', password])).toMatchObject({ status: 1, stderr: said('no --new-password-file, and no terminal') })
  expect(assay(['password', '--data-dir', join(root, 'none'), '--password-file', password, '--new-password-file', other])).toMatchObject({ status: 1, stderr: said('There is no key file') })
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.pid, started: null }))
  expect(assay(['password', '--data-dir', dir, '--password-file', password, '--new-password-file', other])).toMatchObject({ status: 1, stderr: said('is in use by another process') })
})

test('words are imported from standard input, and never half of them', async () => {
  const dir = join(root, 'imported')
  const run = (input: string, ...more: string[]) => assay(['import', '--data-dir', dir, '--password-file', password, ...more], { input })
  for (const bad of ['', 'nonsense', WORDS.slice(7), `${WORDS} legal`, `${'legal '.repeat(5000)}`, '//Alice', '0x12']) {
    const ran = run(bad)
    expect(ran, bad.slice(0, 20)).toMatchObject({ status: 1, stdout: '', stderr: said('The secret is neither a mnemonic nor a seed') })
    expect(ran.stderr).not.toContain('legal')
  }
  const { address } = accountFromSecret(`${WORDS}//stash`)
  expect(run(`  ${WORDS.replaceAll(' ', '\n')}//stash\n`)).toMatchObject({ status: 0, stderr: '', stdout: said(new RegExp(`^made .*\\naccount ${address}\\npeer    0x\\w{64}\\n$`)) })
  expect(run(WORDS)).toMatchObject({ status: 1, stderr: said('exists already') })
  expect((await openAccount(join(dir, 'account.json'), 'only-for-tests')).address).toBe(address)
  expect(run(WORDS, '--owner', '--json')).toMatchObject({ status: 0, stdout: said(accountFromSecret(WORDS).address) })
  expect(statSync(join(dir, 'owner.json')).mode & 0o777).toBe(0o600)
})

test('a wallet’s file is imported, whichever password it has', async () => {
  const wallet = file('wallet.json', JSON.stringify(accountFromSecret('//Wallet').pair.toJson('another one')))
  const dir = join(root, 'from-wallet')
  const args = ['import', '--data-dir', dir, '--owner', '--file', wallet, '--password-file', password]
  expect(assay(args)).toMatchObject({ status: 1, stderr: said('The password does not open') })
  expect(assay([...args, '--file-password-file', other])).toMatchObject({ status: 0, stdout: said(accountFromSecret('//Wallet').address) })
  expect((await openAccount(join(dir, 'owner.json'), 'only-for-tests')).id).toBe(accountFromSecret('//Wallet').id)
  chmodSync(wallet, 0o644)
  mkdirSync(join(root, 'more'))
  expect(assay(['import', '--data-dir', join(root, 'more'), '--file', wallet, '--password-file', other])).toMatchObject({ status: 1, stderr: said('can be read by others (mode 644)') })
})
