import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { encode } from 'uqr'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { fromHex, toHex, walletMessage, type Hex } from '@assay/protocol'
import { accountFromSecret, cryptoReady, saveAccount, toAddress, type Account } from '@assay/runtime-bindings'
import { agreed } from './agreed.ts'
import { readLine } from './handover.ts'
import { qrCode } from './qr.ts'

vi.setConfig({ testTimeout: 600_000, hookTimeout: 120_000 }) // each of many commands opens keys, which is slow on purpose and slower on a busy machine
const network = toAddress(`0x${'11'.repeat(32)}`)
let dir: string
let owner: Account
let other: Account
const assay = (args: string[], input = '') => spawnSync(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), ...args], { encoding: 'utf8', input })
const at = (name: string): string => join(dir, name)

beforeAll(async () => {
  await cryptoReady()
  dir = await mkdtemp(join(tmpdir(), 'assay-owner-'))
  await writeFile(at('password'), 'machine pw\n', { mode: 0o600 })
  await writeFile(at('owner password'), 'owner pw\n', { mode: 0o600 })
  ;[owner, other] = [accountFromSecret('//owner'), accountFromSecret('//other')]
  await saveAccount(at('owner.json'), owner, 'owner pw')
  await saveAccount(at('other.json'), other, 'owner pw')
})
afterAll(() => rm(dir, { recursive: true, force: true }))

const request = (by: Account, more: string[] = []) => assay(['machine', 'request', '--owner', by.address, '--network', network, '--data-dir', at('data'), '--password-file', at('password'), ...more])
const sign = (given: string, more: string[] = [], key = 'owner.json', input = '') => assay(['owner', 'sign', given, '--key-file', at(key), '--password-file', at('owner password'), ...more], input)
const complete = (args: string[], input = '') => assay(['machine', 'complete', ...args, '--data-dir', at('data')], input)

describe('an owner elsewhere', () => {
  it('is asked in a line, agrees in a line, and its key is never here', async () => {
    const asked = request(owner, ['--out', at('request.txt')])
    expect(asked).toMatchObject({ status: 0, stdout: expect.stringMatching(/^assay-request:1:[\w-]+\n$/) })
    expect(await readFile(at('request.txt'), 'utf8')).toBe(asked.stdout)
    for (const said of [`paid to the owner ${owner.address}`, `network ${network}`, 'assay owner sign <line>', 'sign this as raw bytes', '--signature 0x…']) expect(asked.stderr).toContain(said)
    expect(asked.stderr).not.toContain('█') // nobody looks at a pipe
    expect(request(owner).stdout).toBe(asked.stdout)

    const refused = sign(at('request.txt'))
    expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('nobody can be asked') })
    expect(refused.stderr).toContain(`paid to the owner ${owner.address}`)
    const wrongKey = sign(at('request.txt'), ['--yes'], 'other.json')
    expect(wrongKey).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(`the request is to the owner ${owner.address}, and ${at('other.json')} is the key of ${other.address}`) })
    const signed = sign('-', ['--yes', '--qr'], 'owner.json', asked.stdout)
    expect(signed).toMatchObject({ status: 0, stdout: expect.stringMatching(/^assay-answer:1:[\w-]+\n$/) })
    expect(signed.stderr).toContain('█')

    const taken = complete(['-'], signed.stdout)
    expect(taken).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`${owner.address} agreed`) })
    expect(complete([signed.stdout.trim()])).toMatchObject({ status: 0, stdout: expect.stringContaining('had agreed already') })
    expect((await readdir(at('data'))).sort()).toEqual(['machine', 'owner.consent', 'owner.request'])

    // Another owner takes its place; an answer of before does not come back.
    const asked2 = JSON.parse(request(other, ['--json']).stdout) as { request: string, payload: Hex, owner: string, network: string }
    expect(asked2).toMatchObject({ owner: other.address, network })
    expect(complete([signed.stdout.trim()])).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(`the last request was to ${other.address}`) })
    const signature = toHex(other.pair.sign(walletMessage(fromHex(asked2.payload))))
    expect(JSON.parse(complete(['--signature', signature, '--json']).stdout)).toMatchObject({ event: 'consent', state: 'stored', owner: other.address })
    expect(JSON.parse(complete([(JSON.parse(sign(asked2.request, ['--yes', '--json'], 'other.json').stdout) as { answer: string }).answer, '--json']).stdout)).toMatchObject({ state: 'unchanged' })
  })

  it('refuses what cannot be, each with a sentence, and makes nothing', async () => {
    const failures: [ReturnType<typeof assay>, string][] = [
      [assay(['machine', 'request', '--owner', '5Nobody', '--network', network, '--data-dir', at('none'), '--password-file', at('password')]), '"5Nobody" is not an account'],
      [assay(['machine', 'request', '--network', network, '--data-dir', at('none'), '--password-file', at('password')]), 'owner is missing'],
      [assay(['machine', 'request', '--owner', owner.address, '--network', network, '--data-dir', at('none'), '--password-file', at('nothing')]), 'cannot be read (ENOENT)'],
      [assay(['machine', 'request', '--owner', owner.address, '--network', network, '--data-dir', at('none'), '--password-file', at('password'), '--chain', 'ws://127.0.0.1:1']), 'No chain answers'],
      [assay(['machine', 'complete', 'assay-answer:1:AAAA', '--data-dir', at('none')]), 'There is no request in'],
      [complete([]), 'no answer is given'],
      [complete(['x', '--signature', '0x']), 'both an answer and a signature'],
      [complete(['--signature', '0x12']), 'not a signature of an sr25519 key'],
      [complete(['answer.txt']), 'neither such a line nor a file'],
      [sign('assay-request:1:AAAA'), 'This is not a request: it is damaged'],
      [sign(''), 'neither such a line nor a file'],
      [sign('-', [], 'owner.json', 'x'.repeat(100_000)), 'more than such a line'],
    ]
    for (const [{ status, stdout, stderr }, said] of failures) {
      expect(stderr).toContain(said)
      expect(stderr.trim().split('\n').at(-1), said).toMatch(/^ {2}\S/)
      expect([status, stdout], said).toEqual([said === 'No chain answers' ? 75 : 1, ''])
    }
    await expect(stat(at('none'))).rejects.toThrow('ENOENT')
  })
})

describe('a checker’s owner elsewhere', () => {
  const checker = (command: string, args: string[]) => assay(['checker', command, '--data-dir', at('checker'), ...args])
  const asks = (...more: string[]) => checker('request', ['--owner', owner.address, '--network', network, '--password-file', at('password'), ...more])
  it('agrees to where it listens, too', async () => {
    for (const [args, said] of [[['--host', '0.0.0.0'], '--public-host'], [['--channel-port', '0'], '--channel-port'], [['--http-port', 'x'], 'httpPort = "x"']] as const) {
      expect(asks(...args), said).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(said) })
    }
    await expect(stat(at('checker'))).rejects.toThrow('ENOENT')
    // The file that the service takes is taken here, too.
    await writeFile(at('checker.yaml'), `publicHost: checker.example\nmembers: [${owner.address}]\n`)
    const asked = asks('--config', at('checker.yaml'))
    expect(asked).toMatchObject({ status: 0, stdout: expect.stringMatching(/^assay-request:1:[\w-]+\n$/), stderr: expect.stringMatching(/listens at \/dns\/checker\.example\/tcp\/4610[^]*serves evidence at http:\/\/checker\.example:4611[^]*assay checker complete <answer>/) })
    const signed = sign('-', ['--yes'], 'owner.json', asked.stdout)
    expect(signed).toMatchObject({ status: 0, stderr: expect.stringContaining('assay checker complete') })
    expect(JSON.parse(checker('complete', [signed.stdout.trim(), '--json']).stdout)).toMatchObject({ event: 'consent', state: 'stored', kind: 'checker', checker: expect.stringMatching(/^5/), owner: owner.address, evidence: ['http://checker.example:4611'] })
    expect((await readdir(at('checker'))).sort()).toEqual(['account.json', 'owner.consent', 'owner.request', 'peer.json'])
    // The start holds it to that before it looks for a chain.
    expect(checker('start', ['--chain', 'ws://127.0.0.1:1', '--network', network, '--password-file', at('password'), '--public-host', 'other.example'])).toMatchObject({ status: 1, stderr: expect.stringContaining('and by its settings that is /dns/other.example') })
  })
})

describe('the owner is asked', () => {
  const answer = (text: string) => {
    const input = new PassThrough()
    input.end(text)
    return agreed('Agree? ', new AbortController().signal, input, new PassThrough())
  }
  it('and only yes is yes', async () => {
    for (const yes of ['yes\n', 'y\n', ' YES \n']) expect(await answer(yes), yes).toBe(true)
    for (const no of ['no\n', '\n', '', 'yes please\n', 'nyes\n', 'no\nyes\n']) expect(await answer(no), no).toBe(false)
  })
  it('until somebody stops it', async () => {
    const stop = new AbortController()
    const asking = agreed('Agree? ', stop.signal, new PassThrough(), new PassThrough())
    stop.abort()
    await expect(asking).rejects.toMatchObject({ name: 'AbortError' })
  })
})

it('a QR code holds the modules of the text, white on black, with a border; none where it would be broken', () => {
  const text = `assay-request:1:${'Ab_9'.repeat(44)}`
  const code = qrCode(text)!
  const lines = code.trimEnd().split('\n')
  for (const line of lines) expect(line).toMatch(/^\x1b\[97;40m[█▀▄ ]+\x1b\[0m$/)
  const rows = lines.map((line) => line.slice('\x1b[97;40m'.length, -'\x1b[0m'.length))
  const { data } = encode(text, { border: 2 })
  const dark = (x: number, y: number): boolean => !(y % 2 === 0 ? '█▀' : '█▄').includes(rows[y >> 1]![x]!)
  data.forEach((row, y) => row.forEach((module, x) => expect(dark(x, y)).toBe(module)))
  expect(qrCode(text, data.length)).toBe(code)
  expect(qrCode(text, data.length - 1)).toBeNull()
})

it('a file that is too long is not read', async () => {
  await writeFile(at('long'), 'x'.repeat(100_000))
  await expect(readLine(at('long'))).rejects.toMatchObject({ code: 'INPUT', exit: 1 })
})
