import { describe, expect, it } from 'vitest'
import { createLog } from './log.ts'

function lines(options: Parameters<typeof createLog>[0]) {
  const out: string[] = []
  return { out, log: createLog({ ...options, write: (line) => void out.push(line) }) }
}

describe('createLog', () => {
  it('writes one JSON object a line with the event, the fields and those of its parents', () => {
    const { out, log } = lines({ json: true, name: 'provider' })
    log.child({ machine: '0x01' }).info('round scored', { round: 7, paid: 10n ** 20n, error: Object.assign(new Error('no'), { code: 'X' }), key: new Uint8Array([1, 255]) })
    expect(JSON.parse(out[0]!)).toMatchObject({ level: 'info', name: 'provider', event: 'round scored', machine: '0x01', round: 7, paid: '100000000000000000000', error: 'X: no', key: '0x01ff' })
  })
  it('writes short lines for people', () => {
    const { out, log } = lines({ name: 'checker' })
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
})
