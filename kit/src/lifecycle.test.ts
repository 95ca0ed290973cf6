import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { EXIT, OperatorError, failureText, mainSignal, runMain } from './lifecycle.ts'

async function run(main: (signal: AbortSignal) => Promise<void>, signal = new AbortController().signal) {
  const seen = { text: '', code: -1 }
  await runMain(main, { signal, tell: (error) => void (seen.text += failureText(error)), exit: (code) => void (seen.code = code) })
  return seen
}

describe('runMain', () => {
  it('ends with 0 and no word when all is well', async () => {
    expect(await run(async () => {})).toEqual({ text: '', code: EXIT.ok })
  })
  it('prints one sentence and the advice of an OperatorError, and its exit code', async () => {
    const seen = await run(async () => { throw new OperatorError('CHAIN_DOWN', 'nothing answers at ws://x', { advice: 'Start the node.', exit: EXIT.again }) })
    expect(seen).toEqual({ text: 'error: nothing answers at ws://x\n  Start the node.\n', code: 75 })
  })
  it('shows any other error as a fault of the program, with its stack', async () => {
    const seen = await run(async () => { throw new TypeError('x is undefined') })
    expect(seen.code).toBe(1)
    expect(seen.text).toMatch(/unexpected: TypeError: x is undefined\n.*lifecycle\.test/s)
  })
  it('takes what was stopped for no failure, and another failure after the signal for one', async () => {
    const after = (code: string) => {
      const controller = new AbortController()
      return run(async () => { controller.abort(); throw new OperatorError(code, 'the connection was stopped', { advice: 'Nothing to do.', exit: EXIT.again }) }, controller.signal)
    }
    expect(await after('STOPPED')).toEqual({ text: '', code: EXIT.ok })
    expect((await after('DISK')).code).toBe(EXIT.again)
  })
  it('takes a rejection after the signal as a normal stop', async () => {
    const controller = new AbortController()
    expect((await run(async (signal) => { controller.abort(); signal.throwIfAborted() }, controller.signal)).code).toBe(0)
  })
})

describe('mainSignal', () => {
  it('aborts on the first signal and ends the process on the second', () => {
    const exits: number[] = []
    const source = Object.assign(new EventEmitter(), { exit: (code: number) => void exits.push(code) })
    const signal = mainSignal(source as never)
    expect(signal.aborted).toBe(false)
    source.emit('SIGTERM')
    expect([signal.aborted, exits]).toEqual([true, []])
    source.emit('SIGINT')
    expect(exits).toEqual([130])
  })
})
