import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { core } from './chopsticks.ts'
import { startDevchain, type Devchain } from './devchain.ts'
import { accelerate, createExecutor, decelerate, Overlay, runFast, UnsupportedCall } from './executor.ts'
import type { Hex } from './genesis.ts'
import { connect, person, submit, type TestApi } from './test-api.ts'

// chopsticks' own executor takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const alice = person('alice')
const bob = person('bob')
let dev: Devchain
let api: TestApi

beforeAll(async () => {
  dev = await startDevchain({ fund: { [alice.address]: 1000n * 10n ** 18n, [bob.address]: 10n ** 18n } })
  api = await connect(dev.endpoint)
  await dev.setStorage({ Sudo: { Key: alice.address } })
  await dev.newBlocks(2)
})
afterAll(async () => {
  await api.disconnect()
  await dev.close()
})

type Outcome = { result: string; changes: Record<string, string | undefined> } | { error: string }
const told = (error: unknown): Outcome => ({ error: error instanceof Error ? error.message : String(error) })
const sorted = (diff: readonly (readonly [string, string | null | undefined])[]): Record<string, string | undefined> =>
  Object.fromEntries([...diff].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, value ?? undefined]))

/** What chopsticks' executor alone says of a call on the head. */
async function stock(method: string, args: Hex[]): Promise<Outcome> {
  decelerate(dev.chain)
  try {
    return await dev.chain.head.call(method, args).then(({ result, storageDiff }) => ({ result, changes: sorted(storageDiff) }), told)
  } finally {
    accelerate(dev.chain)
  }
}
/** What this one alone says: undefined where it leaves the call to the other. */
const fast = async (method: string, args: Hex[]): Promise<Outcome | undefined> => {
  const done = await runFast(dev.chain.head, [[method, args]])
  return done && { result: done.result, changes: sorted(done.storageDiff) }
}

type Call = ReturnType<TestApi['tx'][string][string]>
const signed = (call: Call, who = alice, nonce = -1): Promise<Call> => call.signAsync(who, { nonce, era: 0 })
const hex = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
const taskOf = async (method: string, ...args: Hex[]) => ({ wasm: await dev.chain.head.wasm, calls: [[method, args]] as [string, Hex[]][], mockSignatureHost: false, allowUnresolvedImports: false, runtimeLogLevel: 0 })
/** A transaction, a source (external) and the parent's hash, as the pool asks. */
const validation = (tx: Call, damaged = false): Hex[] => {
  const bytes = tx.toHex()
  return ['0x02', (damaged ? `${bytes.slice(0, 200)}${bytes[200] === '0' ? '1' : '0'}${bytes.slice(201)}` : bytes) as Hex, dev.head().hash]
}

test('what chopsticks\' executor would say of a runtime is known before it is asked', async () => {
  const code = await dev.chain.head.wasm
  const worker = await core.getWorker()
  const { specName, implName, ...rest } = await worker.remote.getRuntimeVersion(code)
  const text = (hex: string): string => Buffer.from(hex.slice(2), 'hex').toString()
  expect(core.getRuntimeVersion.cache.has(code)).toBe(true)
  expect(await core.getRuntimeVersion(code)).toEqual({ specName: text(specName), implName: text(implName), ...rest })
  const { cache } = core.getAuraSlotDuration
  const told: unknown = await cache.get(code)
  cache.delete(code)
  expect(await core.getAuraSlotDuration(code)).toBe(told)
})

describe('says what chopsticks\' executor says', () => {
  test.each<[string, () => Promise<[string, Hex[]]>]>([
    ['the version', async () => ['Core_version', []]],
    ['the metadata', async () => ['Metadata_metadata', []]],
    ['a nonce', async () => ['AccountNonceApi_account_nonce', [hex(alice.publicKey)]]],
    ['a fee', async () => {
      const tx = await signed(api.tx.balances!.transfer!(bob.address, 5n))
      return ['TransactionPaymentApi_query_info', [tx.toHex(), hex(new Uint8Array(new Uint32Array([tx.encodedLength]).buffer))]]
    }],
    ['a good transaction', async () => ['TaggedTransactionQueue_validate_transaction', validation(await signed(api.tx.balances!.transfer!(bob.address, 5n)))]],
    ['a wrong signature', async () => ['TaggedTransactionQueue_validate_transaction', validation(await signed(api.tx.balances!.transfer!(bob.address, 5n)), true)]],
    ['an old nonce', async () => ['TaggedTransactionQueue_validate_transaction', validation(await signed(api.tx.balances!.transfer!(bob.address, 5n), alice, 0))]],
    ['an account without funds', async () => ['TaggedTransactionQueue_validate_transaction', validation(await signed(api.tx.balances!.transfer!(bob.address, 5n), person('poor'), 0))]],
  ])('of %s', async (_, make) => {
    await submit(api, await signed(api.tx.system!.remark!('0x00')))
    await dev.newBlock()
    const [method, args] = await make()
    const mine = await fast(method, args)
    expect(mine).toBeDefined()
    expect(mine).toEqual(await stock(method, args))
  })

  // Prefixes are cleared, keys walked and values appended by these; a failing batch rolls back.
  test.each<[string, () => Call[]]>([
    ['a prefix cleared', () => [api.tx.sudo!.sudo!(api.tx.system!.killPrefix!(api.query.peaqStorage!.itemStore!.keyPrefix(), 2))]],
    ['keys set and removed', () => [api.tx.sudo!.sudo!(api.tx.system!.setStorage!([['0x6162', '0x01'], ['0x616263', '0x']])), api.tx.sudo!.sudo!(api.tx.system!.killStorage!(['0x6162', '0x6163']))]],
    ['a batch that fails', () => [api.tx.utility!.batchAll!([api.tx.peaqStorage!.addItem!('0x01', '0x01'), api.tx.peaqStorage!.addItem!('0x01', '0x02')])]],
    ['an EVM call', () => [api.tx.sudo!.sudo!(api.tx.evm!.create!('0x00000000000000000000000000000000000000aa', '0x600160005560206000f3', 0, 1_000_000, 10n ** 12n, null, null, []))]],
  ])('of a block with %s', async (_, calls) => {
    const start = (await api.rpc.system.accountNextIndex(alice.address)).toNumber()
    for (const [i, call] of [0, 1, 2].map((n) => api.tx.peaqStorage!.addItem!(`0x70${dev.head().number.toString(16).padStart(4, '0')}0${n}`, '0x05')).entries()) await submit(api, await signed(call, alice, start + i))
    await dev.newBlock()
    const extrinsics = (await Promise.all(calls().map((call, i) => signed(call, alice, start + 3 + i)))).map((tx) => tx.toHex())
    const header = await core.newHeader(dev.chain.head)
    const draft = new core.Block(dev.chain, header.number.toNumber(), header.hash.toHex(), dev.chain.head, { header, extrinsics: [], storage: dev.chain.head.storage })
    const inherents: Hex[] = []
    for (const provider of dev.chain.getInherents()) inherents.push(...(await provider.createInherents(draft, { transactions: [], upwardMessages: {}, downwardMessages: [], horizontalMessages: {} })))
    const steps: [string, Hex[]][] = [['Core_initialize_block', [header.toHex()]], ...[...inherents, ...extrinsics].map((bytes): [string, Hex[]] => ['BlockBuilder_apply_extrinsic', [bytes]])]
    const mine = await runFast(draft, steps)
    expect(mine).toBeDefined()
    const theirs = await core.runTask({ wasm: await draft.wasm, calls: steps, mockSignatureHost: false, allowUnresolvedImports: false, runtimeLogLevel: 0 }, core.taskHandler(draft))
    if (!('Call' in theirs)) throw new Error(JSON.stringify(theirs))
    expect(mine!.result).toBe(theirs.Call.result)
    expect(mine!.result).toMatch(/^0x00/) // applied
    expect(sorted(mine!.storageDiff)).toEqual(sorted(theirs.Call.storageDiff))
  })
})

describe('leaves to chopsticks\' executor', () => {
  test('a call on which the runtime breaks, and goes on', async () => {
    const args: Hex[] = ['0xffffffff']
    expect(await fast('Core_execute_block', args)).toBeUndefined()
    const theirs = await stock('Core_execute_block', args)
    expect(theirs).toHaveProperty('error')
    expect(await dev.chain.head.call('Core_execute_block', args).catch(told)).toEqual(theirs)
    expect(await fast('Core_version', [])).toEqual(await stock('Core_version', []))
  })

  test('a call that needs a host function which is seldom used', async () => {
    const args = validation(await signed(api.tx.balances!.transfer!(bob.address, 5n), person('seldom', 'ed25519'), 0))
    expect(await fast('TaggedTransactionQueue_validate_transaction', args)).toBeUndefined()
    expect(await dev.chain.head.call('TaggedTransactionQueue_validate_transaction', args).then(({ result, storageDiff }) => ({ result, changes: sorted(storageDiff) }), told)).toEqual(await stock('TaggedTransactionQueue_validate_transaction', args))
  })

  test('a call that the runtime does not have', async () => {
    expect(await fast('No_such_call', [])).toBeUndefined()
    expect(await dev.chain.head.call('No_such_call', []).catch(told)).toEqual(await stock('No_such_call', []))
  })

  test('a mocked signature, and a runtime that is none', async () => {
    const run = createExecutor()
    const task = await taskOf('Core_version')
    const checked = await taskOf('TaggedTransactionQueue_validate_transaction', ...validation(await signed(api.tx.system!.remark!('0x00'))))
    await expect(run({ ...checked, mockSignatureHost: true }, core.taskHandler(dev.chain.head))).rejects.toThrow(UnsupportedCall)
    await expect(run({ ...task, mockSignatureHost: true }, core.taskHandler(dev.chain.head))).resolves.toEqual(await run(task, core.taskHandler(dev.chain.head)))
    await expect(run({ ...task, wasm: '0x0061736d0100' }, core.taskHandler(dev.chain.head))).rejects.toThrow(UnsupportedCall)
    await expect(run(task, core.taskHandler(dev.chain.head))).resolves.toMatchObject({ storageDiff: [] })
  })
})

test('a block that cannot be read is told, not tried again', async () => {
  const run = createExecutor()
  const task = await taskOf('AccountNonceApi_account_nonce', hex(alice.publicKey))
  const gone = new Error('the forked chain does not answer')
  await expect(run(task, { getStorage: () => Promise.reject(gone), getNextKey: () => Promise.reject(gone) })).rejects.toBe(gone)
  expect(await run(task, core.taskHandler(dev.chain.head))).toMatchObject({ result: expect.stringMatching(/^0x[0-9a-f]{8}$/) })
})

test('a call that waits for its block holds up no other', async () => {
  const run = createExecutor()
  const task = await taskOf('AccountNonceApi_account_nonce', hex(alice.publicKey))
  const handler = core.taskHandler(dev.chain.head)
  let answer = (): void => {}
  const asked = new Promise<void>((resolve) => (answer = resolve))
  const slow = run(task, { ...handler, getStorage: (key) => asked.then(() => handler.getStorage(key)) })
  const quick = await run(task, handler)
  answer()
  expect(await slow).toEqual(quick)
})

test('calls at the same time do not meet', async () => {
  const people = Array.from({ length: 8 }, (_, i) => person(`nobody ${i}`)).concat(alice, bob)
  const all = await Promise.all(people.map(({ publicKey }) => fast('AccountNonceApi_account_nonce', [hex(publicKey)])))
  for (const [i, { publicKey }] of people.entries()) expect(all[i]).toEqual(await fast('AccountNonceApi_account_nonce', [hex(publicKey)]))
  expect(all.slice(0, 8).every((outcome) => outcome && 'result' in outcome && outcome.result === '0x00000000')).toBe(true)
})

describe('the state of a task', () => {
  const below = (state: ReadonlyMap<string, string>) => ({
    getStorage: async (key: string) => state.get(key) as Hex | undefined,
    getNextKey: async (prefix: string, key: string) => [...state.keys()].sort().find((candidate) => candidate > key && candidate.startsWith(prefix)) as Hex | undefined,
  })
  const key = fc.array(fc.constantFrom('00', '01', '02'), { minLength: 1, maxLength: 3 }).map((bytes): Hex => `0x${bytes.join('')}`)
  const step = fc.oneof(
    fc.record({ do: fc.constant('set' as const), key, value: fc.option(fc.constantFrom('aa', 'bb')) }),
    fc.record({ do: fc.constant('clear' as const), key }),
    fc.record({ do: fc.constantFrom('start' as const, 'commit' as const, 'roll back' as const) }),
  )

  test('is a map with transactions, whatever is done', async () => {
    await fc.assert(fc.asyncProperty(fc.dictionary(key, fc.constant('0xcc')), fc.array(step, { maxLength: 20 }), key, async (base, steps, from) => {
      const state = new Overlay(below(new Map(Object.entries(base))))
      const models = [new Map<string, string>(Object.entries(base))]
      for (const one of steps) {
        const top = models.at(-1)!
        if (one.do === 'set') {
          state.set(one.key, one.value === null ? null : Buffer.from(one.value, 'hex'))
          if (one.value === null) top.delete(one.key)
          else top.set(one.key, `0x${one.value}`)
        } else if (one.do === 'clear') {
          await state.clear(one.key, undefined)
          for (const known of top.keys()) if (known.startsWith(one.key)) top.delete(known)
        } else if (one.do === 'start') {
          state.start()
          models.push(new Map(top))
        } else if (models.length > 1) {
          state.end(one.do === 'commit')
          const ended = models.pop()!
          if (one.do === 'commit') models[models.length - 1] = ended
        }
      }
      const model = models.at(-1)!
      const read = await state.get(from)
      expect(read === null ? undefined : hex(read)).toBe(model.get(from))
      expect(await state.next(from)).toBe([...model.keys()].sort().find((candidate) => candidate > from))
      expect(state.depth).toBe(models.length)
    }), { numRuns: 300 })
  })

  test('clears at most so many of the block\'s keys, and all of its own', async () => {
    const state = new Overlay(below(new Map([['0x0101', '0xcc'], ['0x0102', '0xcc'], ['0x0103', '0xcc'], ['0x02', '0xcc']])))
    state.set('0x0105', Buffer.from([1]))
    expect(await state.clear('0x01', 2)).toEqual({ removed: 2, more: true })
    expect(await state.next('0x00')).toBe('0x0103')
    expect(await state.get('0x0105')).toBeNull()
    expect(await state.clear('0x02', 1)).toEqual({ removed: 1, more: false })
    expect(() => state.end(true)).toThrow(UnsupportedCall)
  })

  test('has a root of its own for each change', () => {
    const root = (...written: [Hex, string | null][]): string => {
      const state = new Overlay(below(new Map()))
      for (const [at, value] of written) state.set(at, value === null ? null : Buffer.from(value, 'hex'))
      return hex(state.root())
    }
    expect(root(['0x01', 'aa'], ['0x02', null])).toBe(root(['0x02', null], ['0x01', 'aa']))
    expect(new Set([root(), root(['0x01', 'aa']), root(['0x01', 'ab']), root(['0x01', null]), root(['0x02', 'aa'])]).size).toBe(5)
  })
})
