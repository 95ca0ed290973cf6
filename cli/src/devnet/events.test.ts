import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type DevnetEvent, jsonView, lineView, screenView } from './events.ts'

const names = new Map([['0x0a', 'machine 10'], ['0x02', 'machine 2'], ['0xc1', 'checker 1'], ['0x77', 'owner 2']])
const verdict = (round: number, machine: string, outcome: string, reason: string, steps: number): DevnetEvent => ({ event: 'verdict', round, machine, outcome, reason, steps, work: '0', kbpsDown: null, kbpsUp: null, rttUs: null, relayUs: null, memoryKiB: 0, flags: [] })

/** What stands on a screen of that size after the events. */
function screen(events: DevnetEvent[], size = { columns: 100, rows: 30 }): string[] {
  let drawn = ''
  const view = screenView({ ...size, write: (text: string) => (drawn = text) }, names)
  for (const event of events) view.show(event)
  return stripVTControlCharacters(drawn).split('\n')
}

describe('the live screen', () => {
  test('shows a machine from its first round on, in the order of names, and its verdict once there is one', () => {
    const running = screen([{ event: 'eligible', round: 0, machine: '0x0a' }, { event: 'eligible', round: 0, machine: '0x02' }, { event: 'eligible', round: 1, machine: '0x02' }])
    expect(running.filter((line) => line.includes('machine ')).map((line) => line.split('│')[1]?.trim())).toEqual(['machine', 'machine 2', 'machine 10'])
    const judged = screen([{ event: 'eligible', round: 0, machine: '0x02' }, { event: 'eligible', round: 1, machine: '0x02' }, verdict(0, '0x02', 'PASS', 'NONE', 207), verdict(1, '0x0a', 'FAIL', 'WRONG_PRODUCT', 0)])
    expect(judged.find((line) => line.includes('│ machine 2 '))).toContain('0:PASS(207) 1:…')
    expect(judged.find((line) => line.includes('│ machine 10'))).toContain('1:FAIL')
  })

  test('fits the terminal: wraps what is long, cuts what is old', () => {
    const long = 'x'.repeat(250)
    const lines = screen([...Array.from({ length: 100 }, (_, i): DevnetEvent => ({ event: 'step', text: `step ${i}` })), { event: 'step', text: long }], { columns: 100, rows: 24 })
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
    expect(lines.join('')).toContain(long)
    expect(lines).not.toContain('step 0')
    expect(lines).toContain('step 99')
  })

  test('tells payouts by name, with the balances before and after', () => {
    const lines = screen([{ event: 'payout', epoch: 0, payee: '0x77', planck: '1000000000000000000', before: '0', after: '1000000000000000000', extrinsic: '0xee', block: 9 }])
    expect(lines.at(-1)).toBe('epoch 0: owner 2 got 1 PEAQ: 0 PEAQ -> 1 PEAQ')
  })
})

test('a verdict on memory tells how much was shown', () => {
  let lines = ''
  const view = lineView({ write: (text) => (lines += text) }, names)
  view.show(verdict(0, '0x02', 'PASS', 'NONE', 207))
  view.show({ ...verdict(1, '0x02', 'PASS', 'NONE', 300), memoryKiB: 24_576 } as DevnetEvent)
  expect(lines).toBe('round 0: machine 2 PASS, 207 proven steps\nround 1: machine 2 PASS, 300 proven steps, 24 MiB of memory\n')
})

test('lines tell what a log needs and no more; JSON tells all', () => {
  const events: DevnetEvent[] = [{ event: 'block', number: 5, round: 0, epoch: 0, phase: 'work' }, { event: 'eligible', round: 0, machine: '0x02' }, { event: 'report', round: 0, checker: '0xc1', block: 9 }]
  let lines = ''
  let json = ''
  const views = [lineView({ write: (text) => (lines += text) }, names), jsonView({ write: (text) => (json += text) })]
  for (const view of views) for (const event of events) view.show(event)
  expect(lines).toBe('round 0: checker 1 reported in block 9\n')
  expect(json.trim().split('\n').map((line) => JSON.parse(line) as DevnetEvent)).toEqual(events)
})
