import { beforeAll, describe, expect, it } from 'vitest'
import { createLog, silentLog } from '@assay/kit/log'
import { decodeFacts, type Hash } from '@assay/protocol'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { createReferenceEngine } from './engines/reference.ts'
import { factsOfRound, readAll, type Reading } from './facts.ts'
import { ModelError } from './model/model.ts'

const hash = (byte: number): Hash => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
const who = { crypto, network: hash(1), account: hash(2), log: silentLog }
const on = new AbortController().signal

let reading: Reading
beforeAll(async () => {
  await cryptoReady()
  reading = await readAll({ crypto, engine: createReferenceEngine(crypto), choice: 'reference', threads: 2, signal: on, log: silentLog })
}, 30_000)

describe('facts of a round', () => {
  it('are this machine’s own, and hidden by chance', async () => {
    const [a, b] = await Promise.all([factsOfRound(who, { ...reading, runModel: null }, hash(3), on), factsOfRound(who, { ...reading, runModel: null }, hash(3), on)])
    const [facts, again] = [decodeFacts(a), decodeFacts(b)]
    expect(facts.salt).not.toBe(again.salt)
    expect({ ...facts, salt: again.salt }).toEqual(again)
    expect(facts.device).toMatchObject({ kind: 'CPU', units: 2 })
    expect(facts.device.memoryMiB).toBeGreaterThan(0)
    expect(facts.device.profile.int8Mmacs).toBeGreaterThan(0)
    expect(facts.environment.map(({ what }) => what)).toEqual(expect.arrayContaining(['node', 'engine']))
    expect(facts.model).toEqual([])
  })

  it('identify a device to one round only, and its fingerprint to all', async () => {
    const [one, other] = (await Promise.all([3, 4].map((beacon) => factsOfRound(who, { ...reading, runModel: null }, hash(beacon), on)))).map(decodeFacts)
    expect(one!.device.fingerprint).toBe(other!.device.fingerprint)
    const identified = { ...reading, runModel: null, machine: { ...reading.machine, secrets: { ...reading.machine.secrets, boot: '6f2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e11' } } }
    const [first, second] = (await Promise.all([3, 4].map((beacon) => factsOfRound(who, identified, hash(beacon), on)))).map((bytes) => decodeFacts(bytes).device.identifiers)
    expect(first!.length).toBeGreaterThan(0)
    expect(first!.filter((identifier) => second!.includes(identifier))).toEqual([])
  })

  it('hold the model’s answers to the round’s question; without them where it fails or there is no time', async () => {
    const asked: Hash[] = []
    const runs: Reading = { ...reading, runModel: async ({ beacon }) => (asked.push(beacon), { model: hash(9), outputs: [7] }) }
    expect(decodeFacts(await factsOfRound(who, runs, hash(3), on)).model).toEqual([{ model: hash(9), outputs: [7] }])
    expect(decodeFacts(await factsOfRound(who, runs, hash(3), AbortSignal.abort())).model).toEqual([])
    expect(asked).toEqual([hash(3)])
    const lines: string[] = []
    const fails: Reading = { ...reading, runModel: () => Promise.reject(new ModelError('TIMED_OUT', 'the model was not done within 1 ms')) }
    expect(decodeFacts(await factsOfRound({ ...who, log: createLog({ json: true, write: (line) => void lines.push(line) }) }, fails, hash(3), on)).model).toEqual([])
    expect(lines.join()).toContain('not done within 1 ms')
  })
})

it('a model that cannot be opened is told and left out', async () => {
  const lines: string[] = []
  const open = () => Promise.reject(new ModelError('WRONG_MODEL', 'the model has another hash'))
  const { runModel } = await readAll({ crypto, engine: createReferenceEngine(crypto), choice: 'reference', signal: on, log: createLog({ json: true, write: (line) => void lines.push(line) }), open })
  expect(runModel).toBeNull()
  expect(lines.join()).toContain('the model has another hash')
}, 30_000)

it('reading stops with the signal', async () => {
  await expect(readAll({ crypto, engine: createReferenceEngine(crypto), choice: 'reference', signal: AbortSignal.abort(new Error('stopped')), log: silentLog })).rejects.toThrow('stopped')
})
