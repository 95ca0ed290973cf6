import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { passwordFrom } from './password.ts'

const dir = mkdtempSync(join(tmpdir(), 'assay-password-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(dir, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}
const of = 'the keys'

describe('a password file', () => {
  test('has the password in its first line, whatever ends it', async () => {
    expect(await passwordFrom({ of, file: file('password', 'secret words\r\nmore\n') })).toBe('secret words')
    expect(await passwordFrom({ of, file: file('bare', 'ünlike') })).toBe('ünlike')
    expect(await passwordFrom({ of, env: { ASSAY_PASSWORD_FILE: file('named', 'by name\n') } })).toBe('by name')
  })
  test.each([
    ['is empty', () => file('empty', '\nsecond'), 'has an empty first line'],
    ['is missing', () => join(dir, 'nowhere'), 'ENOENT'],
    ['is a folder', () => (mkdirSync(join(dir, 'folder'), { mode: 0o700 }), join(dir, 'folder')), 'EISDIR'],
    ['may be read by the group', () => file('group', 'x\n', 0o640), 'can be read by others (mode 640)'],
    ['may be read by all', () => file('all', 'x\n', 0o604), 'can be read by others (mode 604)'],
    ['has no end', () => file('long', 'x'.repeat(100_000)), 'more than 1024 bytes'],
  ])('that %s is refused with its path', async (_, path, message) => {
    const named = path()
    await expect(passwordFrom({ of, file: named, env: { ASSAY_PASSWORD: 'other' }, prompt: () => Promise.resolve('typed') })).rejects.toMatchObject({ code: 'PASSWORD_FILE', exit: 1, message: expect.stringMatching(new RegExp(`^the password file ${named} .*`)) as unknown })
    await expect(passwordFrom({ of, file: named })).rejects.toThrow(message)
  })
})

describe('the first place that has a password is taken', () => {
  const credentials = join(dir, 'credentials')
  mkdirSync(credentials)
  test('file, credential, environment, terminal', async () => {
    file('credentials/assay-password', 'of systemd\n', 0o644)
    const all = () => ({ of, file: file('first', 'of the file\n'), env: { CREDENTIALS_DIRECTORY: credentials, ASSAY_PASSWORD: 'of the environment' }, prompt: () => Promise.resolve('typed') })
    expect(await passwordFrom(all())).toBe('of the file')
    expect(await passwordFrom({ ...all(), file: undefined })).toBe('of systemd')
    expect(await passwordFrom({ ...all(), file: undefined, env: { CREDENTIALS_DIRECTORY: dir, ASSAY_PASSWORD: 'of the environment' } })).toBe('of the environment')
    expect(await passwordFrom({ ...all(), file: undefined, env: { ASSAY_PASSWORD: '', ASSAY_PASSWORD_FILE: '' } })).toBe('typed')
  })
  test('a credential that is there and wrong is not passed over', async () => {
    file('credentials/assay-password', '', 0o400)
    await expect(passwordFrom({ of, env: { CREDENTIALS_DIRECTORY: credentials, ASSAY_PASSWORD: 'x' } })).rejects.toMatchObject({ code: 'PASSWORD_FILE' })
  })
  test('no child process inherits it, whichever place was taken', async () => {
    const env: Record<string, string | undefined> = { ASSAY_PASSWORD: 'x' }
    await passwordFrom({ of, env, file: file('taken', 'y\n') })
    expect('ASSAY_PASSWORD' in env).toBe(false)
  })
  test('where there is none all four are named', async () => {
    await expect(passwordFrom({ of, env: {} })).rejects.toMatchObject({ code: 'NO_PASSWORD', exit: 1, message: expect.stringMatching(/the keys: no --password-file, no systemd credential assay-password, no ASSAY_PASSWORD, and no terminal/) as unknown, advice: expect.stringMatching(/LoadCredential=assay-password:FILE/) as unknown })
  })
})

describe('at a terminal', () => {
  const answers = (...given: string[]) => {
    const asked: string[] = []
    return { asked, prompt: (question: string) => Promise.resolve((asked.push(question), given.shift()!)) }
  }
  test('it is asked once to open keys and twice to make them', async () => {
    const once = answers('a')
    expect(await passwordFrom({ of, prompt: once.prompt })).toBe('a')
    expect(once.asked).toEqual(['Password of the keys: '])
    const twice = answers('a', 'b', 'c', 'c')
    expect(await passwordFrom({ of, making: true, prompt: twice.prompt })).toBe('c')
    expect(twice.asked).toEqual(['New password for the keys: ', 'The same again: ', 'New password for the keys: ', 'The same again: '])
  })
  test('an empty one and three that differ are refused', async () => {
    await expect(passwordFrom({ of, prompt: answers('').prompt })).rejects.toMatchObject({ code: 'NO_PASSWORD' })
    await expect(passwordFrom({ of, making: true, prompt: answers('a', 'b', 'a', 'b', 'a', 'b').prompt })).rejects.toThrow('the two passwords differ')
  })
})

test('standard input is named by -, and read as far as its first line', async () => {
  const from = (...chunks: string[]) => passwordFrom({ of, file: '-', stdin: Readable.from(chunks) })
  expect(await from('sec', 'ret\r\nmore')).toBe('secret')
  expect(await from('no line end')).toBe('no line end')
  await expect(from('\n')).rejects.toMatchObject({ code: 'PASSWORD_FILE', message: expect.stringContaining('empty first line') as unknown })
  await expect(from(...Array.from({ length: 10 }, () => 'x'.repeat(1000)))).rejects.toMatchObject({ code: 'PASSWORD_FILE', message: expect.stringContaining('more than 1024 bytes') as unknown })
})
