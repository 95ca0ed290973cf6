import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { OperatorError } from './lifecycle.ts'
import { createLog } from './log.ts'

function lines(options: Parameters<typeof createLog>[0]) {
  const out: string[] = []
  return { out, log: createLog({ ...options, write: (line) => void out.push(line) }) }
}

describe('createLog', () => {
  it('writes one JSON object a line with the event, the fields and those of its parents', () => {
    const { out, log } = lines({ json: true, service: 'provider' })
    log.child({ machine: '0x01' }).info('round scored', { round: 7, paid: 10n ** 20n, error: Object.assign(new Error('no'), { code: 'X' }), key: new Uint8Array([1, 255]) })
    expect(JSON.parse(out[0]!)).toMatchObject({ level: 'info', service: 'provider', event: 'round scored', machine: '0x01', round: 7, paid: '100000000000000000000', error: { code: 'X', message: 'no' }, key: '0x01ff' })
  })
  it('writes short lines for people', () => {
    const { out, log } = lines({ service: 'checker' })
    log.warn('peer refused', { code: 'STRANGER', text: 'two words' })
    expect(out[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN  checker peer refused code=STRANGER text="two words"\n$/)
  })
  it('keeps below its level', () => {
    const { out, log } = lines({ level: 'warn' })
    log.info('x')
    log.debug('x')
    expect(out).toEqual([])
  })
  it('hides secrets by name, also in nested fields', () => {
    const { out, log } = lines({ json: true })
    log.info('key opened', { password: 'hunter2', key: { seed: 'aa', publicKey: 'bb' } })
    expect(out[0]).not.toMatch(/hunter2|"aa"/)
    expect(out[0]).toContain('bb')
  })
  it('lets no control character of a peer reach the terminal', () => {
    const { out, log } = lines({})
    log.info('refused', { reason: 'a\u001b[31m\nINFO forged\u009b1m' })
    expect(out[0]!.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })
  it('shows of an error what to do, of a fault of the program where it happened, and of both what caused them', () => {
    const { out, log } = lines({ json: true })
    log.warn('disk', { error: new OperatorError('DISK', 'cannot write x', { advice: 'Free some space.', cause: Object.assign(new Error('no space left'), { code: 'ENOSPC' }) }) })
    log.error('fault', { error: new TypeError('x is undefined') })
    const [disk, fault] = out.map((line) => JSON.parse(line) as { error: Record<string, string> })
    expect(disk!.error).toEqual({ code: 'DISK', message: 'cannot write x', advice: 'Free some space.', cause: 'ENOSPC: no space left' })
    expect(fault!.error).toMatchObject({ code: 'TypeError', message: 'x is undefined', stack: expect.stringContaining('log.test') })
    const human = lines({})
    human.log.warn('disk', { error: new OperatorError('DISK', 'cannot write x', { advice: 'Free some space.' }) })
    expect(human.out[0]).toContain('error="DISK: cannot write x" advice="Free some space."')
  })
  it.runIf(existsSync('/dev/full'))('lets its process go on where the disk under the log is full, or whoever read it is gone', async () => {
    const talker = `const { createLog } = await import(${JSON.stringify(new URL('./log.ts', import.meta.url).href)}); const log = createLog({ json: true }); for (let i = 0; i < 50; i++) { log.info('talking'); await new Promise((done) => setTimeout(done, 1)) } process.stdout.write('alive')`
    const outlives = async (stderr: number | 'pipe') => {
      const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', talker], { stdio: ['ignore', 'pipe', stderr] })
      child.stderr?.once('data', () => child.stderr!.destroy())
      let said = ''
      child.stdout!.on('data', (bytes) => (said += String(bytes)))
      const [code] = (await once(child, 'close')) as [number | null]
      return [said, code]
    }
    expect(await Promise.all([outlives(openSync('/dev/full', 'w')), outlives('pipe')])).toEqual([['alive', 0], ['alive', 0]])
  })
  it('bounds the warnings and errors of an event, and says how many it left out', () => {
    let at = 0
    const { out, log } = lines({ json: true, now: () => at })
    for (let i = 0; i < 100; i++) log.child({ i }).warn('stranger refused')
    for (let i = 0; i < 30; i++) log.info('round worked')
    log.error('other')
    expect(out).toHaveLength(20 + 30 + 1)
    at = 60_000
    log.warn('stranger refused')
    log.warn('stranger refused')
    expect(out.slice(-2).map((line) => JSON.parse(line) as { unsaid?: number }).map(({ unsaid }) => unsaid)).toEqual([80, undefined])
  })
})
