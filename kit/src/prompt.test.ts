import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { terminalPrompt } from './prompt.ts'

/** A terminal of which the test is the user; `raw` tells whether it is left as it was. */
function terminal() {
  const shown: string[] = []
  const state = { raw: false }
  const input = Object.assign(new PassThrough(), { isTTY: true as const, setRawMode: (raw: boolean) => ((state.raw = raw), input) }) as unknown as NodeJS.ReadStream & PassThrough
  const output = { isTTY: true as const, write: (text: string) => shown.push(text) > 0 } as unknown as NodeJS.WriteStream
  const stop = new AbortController()
  return { input, shown, state, stop, prompt: terminalPrompt(input, output, stop.signal)! }
}

test('the answer is a line, corrected as it was typed, and nothing of it is shown', async () => {
  const { input, shown, state, prompt } = terminal()
  const answer = prompt('Password: ')
  expect(state.raw).toBe(true)
  input.write('nonsense\u0015')
  input.write('pä')
  input.write(Buffer.from('😀').subarray(0, 2))
  input.write(Buffer.from('😀').subarray(2))
  input.write('\u007f\u001b[D\u001b[3~\u001bOPx y\r')
  expect(await answer).toBe('päx y')
  expect(shown).toEqual(['Password: ', '\n'])
  expect(state.raw).toBe(false)
})

test('lines pasted together answer one question each', async () => {
  const { input, prompt } = terminal()
  input.write('one\r\ntwo\n')
  expect(await prompt('')).toBe('one')
  expect(await prompt('')).toBe('two')
})

test.each([
  ['Ctrl-C', ({ input }: ReturnType<typeof terminal>) => input.write('secret\u0003')],
  ['Ctrl-D', ({ input }: ReturnType<typeof terminal>) => input.write('\u0004')],
  ['the end of the terminal', ({ input }: ReturnType<typeof terminal>) => input.end()],
  ['a signal', ({ stop }: ReturnType<typeof terminal>) => stop.abort()],
])('%s ends it, and leaves the terminal as it was', async (_, end) => {
  const at = terminal()
  const answer = at.prompt('Password: ')
  end(at)
  await expect(answer).rejects.toMatchObject({ code: 'NO_ANSWER', exit: 1 })
  expect(at.state.raw).toBe(false)
})

test('there is none without a terminal on both sides', () => {
  const { signal } = new AbortController()
  expect(terminalPrompt(new PassThrough() as unknown as NodeJS.ReadStream, { isTTY: true } as unknown as NodeJS.WriteStream, signal)).toBeUndefined()
})
