// The fuzzer finds what is planted for it, says what it found, and goes through every target for a moment. `npm run fuzz` goes on for longer.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chance } from '../zoo/attack.ts'
import { type Coverage, isOurs, wordsOf } from './coverage.ts'
import { fault, fuzz, type Target } from './fuzz.ts'
import { PLANTED, TARGETS } from './targets.ts'

interface Ran {
  code: number | null
  out: string
  err: string
}

/** The command in a process of its own: coverage is counted where no test runner rewrites the code. */
const command = (...args: string[]): Promise<Ran> =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args], { maxBuffer: 1 << 26 }, (_error, out, err) => resolve({ code: child.exitCode, out, err }))
  })

/** Sees nothing. */
const BLIND: Coverage = { take: () => 0, peek: () => false, blocks: 0, words: [], forget() {} }
const EXECUTIONS = 60_000
const blindly = (target: Target, executions = 100) => fuzz(target, { coverage: BLIND, chance: chance('blind'), more: (done) => done < executions })
const target = (run: Target['run']): Target => ({ name: 'a target', seeds: [Uint8Array.of(1, 2, 3)], run })

describe('a planted fault', () => {
  test('is found with coverage, made small, and shown with the way to see it again', async () => {
    const found = await command('--target', 'planted', '--executions', String(EXECUTIONS), '--seed', 'd')
    expect(found).toMatchObject({ code: 1, out: expect.stringMatching(/^planted: \d+ executions, \d+ blocks, \d+ inputs kept, FOUND\n$/) })
    const [, input] = /input: (0x46555a5a[c-f][0-9a-f])\n {2}again: npm run fuzz -- --target "planted" --input \1\n$/.exec(found.err)!
    expect(await command('--target', 'planted', '--input', input!)).toMatchObject({ code: 1, out: 'TypeError: planted: the hidden fault\n' })
    expect(await command('--target', 'planted', '--input', '0x46555a5a00')).toMatchObject({ code: 0, out: 'nothing is wrong with it\n' })
  })

  test('is not found by chance alone', () => {
    expect(blindly(PLANTED[0]!, EXECUTIONS).finding).toBeNull()
  })
})

test('an input without end is found from outside, and its thread ended', async () => {
  const { code, out, err } = await command('--target', 'planted hang', '--patience', '1')
  expect({ code, out }).toEqual({ code: 1, out: 'planted hang: 1 executions, 0 blocks, 0 inputs kept, FOUND\n' })
  expect(err).toContain('FOUND in planted hang: no end within 1000 ms\n  input: 0x\n')
})

describe('every target', () => {
  test('keeps its promises for a moment', async () => {
    const { code, out, err } = await command('--executions', '50', '--json')
    expect(err).toBe('')
    expect(code).toBe(0)
    const outcomes = out.trim().split('\n').map((line) => JSON.parse(line) as { target: string; executions: number; blocks: number; finding: unknown })
    expect(outcomes.map((outcome) => outcome.target)).toEqual(TARGETS.map(({ name }) => name))
    for (const outcome of outcomes) {
      expect(outcome.finding).toBeNull()
      expect(outcome.executions).toBeGreaterThanOrEqual(50)
      // It is really that code of ours which is seen.
      expect(outcome.blocks).toBeGreaterThan(1)
    }
  })
})

describe('what counts as a fault', () => {
  test('any error, in few bytes', () => {
    const { finding, executions } = blindly(target((bytes) => { if (bytes.includes(2)) throw new TypeError('a two') }))
    expect(finding).toEqual({ what: 'TypeError: a two', input: Uint8Array.of(2) })
    expect(executions).toBe(1)
  })

  test('an input that is changed', () => {
    expect(fault(target((bytes) => void bytes.fill(9)), Uint8Array.of(1))).toBe('changed its input')
  })

  test('memory out of proportion', () => {
    const kept: Uint8Array[] = []
    expect(fault(target(() => void kept.push(new Uint8Array(2 ** 28))), Uint8Array.of(1))).toMatch(/^took \d+ bytes of memory$/)
  })

  test('nothing else', () => {
    expect(fault(target(() => {}), Uint8Array.of(1))).toBeNull()
    expect(blindly(target(() => {})).finding).toBeNull()
  })
})

describe('the command', () => {
  test.each([
    [['--target', 'no such thing'], 'no target has no such thing in its name'],
    [['--seconds', '0'], '--seconds and --patience take a number above 0'],
    [['--executions', '1.5'], '--executions a whole one'],
    [['--target', 'judgement', '--input', '0x00'], 'takes the whole name of one target; 4 have judgement'],
    [['--target', 'planted', '--input', 'zz'], 'takes 0x and an even number'],
  ])('%j says what is wrong', async (args, said) => {
    const { code, err } = await command(...args)
    expect([code, err]).toEqual([2, expect.stringContaining(said)])
  })
})

test('words of a source are its numbers and short texts', () => {
  expect(wordsOf(`if (a === 0x46 || b > 70_000 || c === 65536) throw 'FUZZ'`).map((word) => [...word])).toEqual([[0x46], [0, 0, 1, 0], [0x46, 0x55, 0x5a, 0x5a]])
})

test('our code counts, the harness and what others wrote do not', () => {
  expect(['file:///a/protocol/src/codec.ts', 'file:///a/node_modules/scale-ts/dist/x.js', 'file:///a/test/fuzz/planted.ts'].every((url) => isOurs(url))).toBe(true)
  expect(['node:fs', 'file:///a/node_modules/fastify/x.js', 'file:///a/test/fuzz/fuzz.ts', 'file:///a/protocol/testing/corpus.ts'].some((url) => isOurs(url))).toBe(false)
})
