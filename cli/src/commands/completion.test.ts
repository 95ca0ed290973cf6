import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { addCommand, COMMANDS } from '../commands.ts'

// Each of these starts a process or several.
vi.setConfig({ testTimeout: 300_000 })
const dir = mkdtempSync(join(tmpdir(), 'assay-completion-'))
afterAll(() => rmSync(dir, { recursive: true }))
const assay = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), ...args], { encoding: 'utf8' })

beforeAll(() => {
  writeFileSync(join(dir, 'assay.bash'), assay('completion', 'bash').stdout)
  writeFileSync(join(dir, 'a file.yaml'), '')
})

/** What bash offers for the last of the words. */
function complete(...words: string[]): string[] {
  const ran = spawnSync('bash', ['-c', 'source ./assay.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _assay; printf "%s\\n" "${COMPREPLY[@]}"; complete -p assay', 'bash', 'assay', ...words], { cwd: dir, encoding: 'utf8' })
  const lines = ran.stdout.trim().split('\n')
  expect({ status: ran.status, stderr: ran.stderr, last: lines.pop() }).toEqual({ status: 0, stderr: '', last: 'complete -o filenames -F _assay assay' })
  return lines.filter((line) => line !== '')
}

test('bash completes commands, their commands, flags and files', () => {
  expect(complete('')).toEqual(expect.arrayContaining(Object.keys(COMMANDS)))
  expect(complete('ke')).toEqual(['keys'])
  expect(complete('keys', '')).toEqual(expect.arrayContaining(['create', 'show', 'password', 'import', 'verify']))
  expect(complete('start', '')).toEqual(expect.arrayContaining(['machine', 'checker', 'indexer']))
  expect(complete('start', 'checker', '--pub')).toEqual(complete('checker', 'start', '--pub'))
  expect(complete('keys', 'create', '--pass')).toEqual(['--password-file'])
  expect(complete('keys', 'password', '--new')).toEqual(['--new-password-file'])
  expect(complete('keys', 'show', '--pass')).toEqual([])
  expect(complete('checker', 'start', '--http-port', '4611', '--pub')).toEqual(['--public-host'])
  expect(complete('machine', 'start', '--config', 'a')).toEqual(expect.arrayContaining(['a file.yaml', 'assay.bash']))
  // The value of a flag is no command.
  expect(complete('keys', 'create', '--data-dir', 'keys', '--own')).toEqual(['--owner'])
  expect(complete('nonsense', '--ver')).toEqual(['--version'])
})

test('zsh and fish get every command and flag', () => {
  const { commands } = JSON.parse(assay('completion', 'fish', '--json').stdout) as { commands: { path: string; flags: { name: string }[] }[] }
  expect(commands.map(({ path }) => path)).toEqual(expect.arrayContaining(['', 'keys create', 'indexer backup']))
  const [zsh, fish] = [assay('completion', 'zsh').stdout, assay('completion', 'fish').stdout]
  for (const { path, flags } of commands) {
    expect(zsh).toContain(`    '${path}') offers=(`)
    for (const { name } of flags) {
      expect(zsh).toContain(`'${name}:`)
      expect(fish).toContain(`"__assay_at '${path}'" -l ${name.slice(2)} `)
    }
  }
})

test('every command that prints for people prints JSON for programs; one that runs on logs JSON', () => {
  const { commands } = JSON.parse(assay('completion', 'fish', '--json').stdout) as { commands: { path: string; flags: { name: string }[] }[] }
  const leaves = commands.filter(({ path }) => path !== '' && !commands.some((other) => other.path.startsWith(`${path} `)))
  expect(leaves.length).toBeGreaterThan(40)
  expect(leaves.filter(({ flags }) => !flags.some(({ name }) => name === '--json' || name === '--log-json')).map(({ path }) => path)).toEqual([])
})

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

/** What the shells offer for the last of the words; zsh with what its completion system would be called with. */
const offers: Record<'zsh' | 'fish', (words: string[]) => string[]> = {
  zsh: (words) => {
    writeFileSync(join(dir, 'assay.zsh'), assay('completion', 'zsh').stdout)
    const ran = spawnSync('zsh', ['-f', '-c', 'compdef() { :; }; _files() { print -r -- FILES; }; _describe() { print -rl -- "${(@)${(P)2}%%:*}"; }; source ./assay.zsh; words=(assay "$@"); CURRENT=$#words; _assay', 'zsh', ...words], { cwd: dir, encoding: 'utf8' })
    expect([ran.status, ran.stderr]).toEqual([0, ''])
    return ran.stdout.trim().split('\n').filter((offer) => offer.startsWith(words.at(-1)!))
  },
  fish: (words) => {
    writeFileSync(join(dir, 'assay.fish'), assay('completion', 'fish').stdout)
    const ran = spawnSync('fish', ['--no-config', '-c', 'source ./assay.fish; complete -C "$argv"', 'assay', ...words], { cwd: dir, encoding: 'utf8' })
    expect([ran.status, ran.stderr]).toEqual([0, ''])
    return ran.stdout.trim().split('\n').map((offer) => offer.split('\t')[0]!)
  },
}

for (const shell of ['zsh', 'fish'] as const) {
  test.skipIf(!has(shell))(`${shell} completes commands, their commands and flags`, () => {
    const offer = offers[shell]
    expect(offer([''])).toEqual(expect.arrayContaining(Object.keys(COMMANDS)))
    expect(offer(['ke'])).toEqual(['keys'])
    expect(offer(['network', 'ad'])).toEqual(['admit'])
    expect(offer(['network', 'admit', '5D', '--mem'])).toEqual(['--members'])
    // The value of a flag is no command.
    expect(offer(['keys', 'create', '--data-dir', 'keys', '--own'])).toEqual(['--owner'])
  })
}

test('another shell is refused', () => expect(assay('completion', 'tcsh')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringMatching(/no completion for tcsh\n.*bash, zsh, fish/) as unknown }))

test('help has a line for each command, the same as the command has', async () => {
  const help = assay('--help')
  expect(help).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('Examples:') as unknown })
  const program = new Command('assay')
  for (const name of Object.keys(COMMANDS)) {
    await addCommand(program, name)
    expect(help.stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
  }
  expect(Object.fromEntries(program.commands.map((command) => [command.name(), command.description()]))).toEqual(COMMANDS)
})

test('help needs no command’s file, and a command no other’s', () => {
  const loaded = (...args: string[]): string[] => {
    const ran = spawnSync(process.execPath, ['--import', 'data:text/javascript,import{registerHooks}from"node:module";registerHooks({load(url,context,next){if(url.includes("/commands/"))process.stderr.write(`loaded ${url.split("/commands/")[1]}\\n`);return next(url,context)}})', fileURLToPath(new URL('../main.ts', import.meta.url)), ...args], { encoding: 'utf8' })
    expect(ran.status).toBe(0)
    return [...ran.stderr.matchAll(/^loaded (\S+)$/gm)].map(([, file]) => file!)
  }
  expect(loaded('--help')).toEqual([])
  expect(loaded('help')).toEqual([])
  expect(loaded('keys', '--help')).toEqual(['keys.ts'])
  expect(loaded('help', 'init')).toEqual(['init.ts'])
})

test('a word that is almost one is answered with that one', () => {
  expect(assay('kyes')).toMatchObject({ status: 1, stderr: expect.stringContaining('Did you mean keys?') as unknown })
  expect(assay('keys', 'creat')).toMatchObject({ status: 1, stderr: expect.stringContaining('Did you mean create?') as unknown })
  expect(assay('checker', 'start', '--chian', 'x')).toMatchObject({ status: 1, stderr: expect.stringContaining('Did you mean --chain?') as unknown })
})
