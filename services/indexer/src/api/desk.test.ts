import { describe, expect, it } from 'vitest'
import { Desk, placesFor } from './desk.ts'

const STAYS = new AbortController().signal

/** Work that lasts until it is let go, and says when it begins. */
function work(begun: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<string>()
  return { do: () => (begun.push(name), promise), end: () => resolve(name) }
}
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('the desk', () => {
  it('works on so much at once, and on what waits by clients in turn', async () => {
    const desk = new Desk(2)
    const begun: string[] = []
    const works = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) => ({ name, ...work(begun, name) }))
    const done = works.map((one) => desk.run(one.name[0]!, STAYS, one.do))
    await turn()
    expect(begun).toEqual(['a1', 'a2'])
    for (const name of ['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2']) {
      works.find((one) => one.name === name)!.end()
      await turn()
    }
    expect(begun).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2'])
    expect(await Promise.all(done)).toEqual(works.map(({ name }) => name))
  })

  it('does nothing for whoever has left', async () => {
    const desk = new Desk(1)
    const begun: string[] = []
    const [first, second, third] = [work(begun, 'first'), work(begun, 'second'), work(begun, 'third')]
    const left = new AbortController()
    const one = desk.run('a', STAYS, first.do)
    const two = desk.run('b', left.signal, second.do)
    const three = desk.run('b', STAYS, third.do)
    left.abort()
    await expect(two).rejects.toMatchObject({ code: 'TIMED_OUT' })
    await expect(desk.run('c', left.signal, second.do)).rejects.toMatchObject({ code: 'TIMED_OUT' })
    first.end()
    await one
    await turn()
    expect(begun).toEqual(['first', 'third'])
    third.end()
    await three
  })

  it('leaves connections of a pool to the follower, however small it is', () => {
    expect([2, 3, 4, 9, 10, 1000].map(placesFor)).toEqual([1, 1, 2, 7, 8, 8])
  })

  it('goes on after work that fails', async () => {
    const desk = new Desk(1)
    const fails = desk.run('a', STAYS, () => Promise.reject(new Error('no')))
    const goes = desk.run('a', STAYS, () => 'yes')
    await expect(fails).rejects.toThrow('no')
    expect(await goes).toBe('yes')
    expect(await desk.run('a', STAYS, () => 'again')).toBe('again')
  })
})
