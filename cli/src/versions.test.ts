import { expect, test } from 'vitest'
import { tellSpoken, versionsSpoken } from './versions.ts'

const { signal } = new AbortController()
const checker = (...evidence: string[]) => ({ identity: { evidence } }) as unknown as Parameters<typeof versionsSpoken>[0][number]
const ready = (highest: number, machines: Record<string, number>): string => JSON.stringify({ ready: true, detail: { protocol: { lowest: 1, highest, machines } } })

test('checkers are counted by their word, machines by the word of the checker that has the most; silence and nonsense are told as such', async () => {
  const answers: Record<string, string> = {
    'http://a/ready': ready(2, { 1: 3, 2: 4 }),
    'http://b/evidence/ready': ready(1, { 1: 1, newer: 8 }),
    'http://c/ready': ready(2, { 2: 1 }),
    'http://nonsense/ready': '{"detail":{"protocol":{"highest":"<b>","machines":{}}}}',
    'http://long/ready': ready(2, {}) + ' '.repeat(70_000),
  }
  const asked: string[] = []
  const spoken = await versionsSpoken([checker('http://a', 'http://other'), checker('http://b/evidence/'), checker('http://c'), checker('http://nonsense'), checker('http://long'), checker('http://gone'), checker()], 2, {
    signal,
    fetch: async (url) => {
      asked.push(url)
      if (answers[url] === undefined) throw new Error('nobody')
      return new Response(answers[url])
    },
  })
  expect(spoken).toEqual({ checkers: { registered: 7, speak: 2, silent: 4 }, machines: { connected: 9, speak: 8 } })
  expect(asked).not.toContain('http://other/ready')
  expect(tellSpoken(2, spoken)).toBe('version 2 is spoken by 2 of 7 checkers (4 did not say), and by 8 of the 9 machines of the checker that has the most')
})

test('of a network without checkers nothing is said', async () => {
  expect(await versionsSpoken([], 2, { signal, fetch: () => Promise.reject(new Error('nobody')) })).toEqual({ checkers: { registered: 0, speak: 0, silent: 0 }, machines: { connected: 0, speak: 0 } })
})
