import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkerRoleId, devnetParameters, encodeParameters, multisigId, PARAMETERS_KEY, statementKey, thresholdOf, type AccountId } from '@assay/protocol'
import { startDevchain, type Devchain } from '../testing/index.ts'
import { accountFromSecret, toAddress, type Account } from './account.ts'
import { readBalance, transfer } from './balances.ts'
import { connectChain, type Chain } from './chain.ts'
import { cryptoReady, nodeCrypto } from './crypto.ts'
import { approve, cancel, multisigAccount, readOperation, type Approval, type ApproveOptions } from './multisig.ts'
import { createNetwork, findNetwork, networkAccount, updateNetwork } from './network.ts'
import { utilCrypto } from './polkadot.ts'
import { rolesOf } from './rbac.ts'
import { createSender, type Sender } from './sender.ts'
import { addItem, hasItem, readItem } from './storage.ts'
import { batchAll } from './utility.ts'

const PEAQ = 10n ** 18n
const stop = new AbortController()
let dev: Devchain
let chain: Chain
let members: Account[]
let senders: Sender[]
let pot: AccountId
const four = () => ({ members: members.map(({ id }) => id), threshold: 3 })

beforeAll(async () => {
  await cryptoReady()
  members = Array.from({ length: 4 }, (_, i) => accountFromSecret(`//member//${i}`))
  pot = multisigAccount(four())
  dev = await startDevchain({ blocks: 'instant', fund: { ...Object.fromEntries(members.map(({ address }) => [address, 100n * PEAQ])), [toAddress(pot)]: 1_000n * PEAQ } })
  chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
  senders = members.map((account) => createSender({ chain, account, signal: stop.signal }))
})
afterAll(async () => {
  stop.abort()
  await dev?.close()
})

describe('the account', () => {
  test('is polkadot\'s, whatever the order of the members', () => {
    const addresses = members.map(({ address }) => address)
    expect(toAddress(pot)).toBe(utilCrypto.encodeMultiAddress(addresses, 3, 42))
    expect(multisigAccount({ members: four().members.toReversed(), threshold: 3 })).toBe(pot)
    expect(multisigAccount({ ...four(), threshold: 2 })).not.toBe(pot)
  })
  test('is that of the protocol, which derives it without a chain', () => {
    const many = Array.from({ length: 20 }, (_, i) => accountFromSecret(`//many//${i}`).id)
    for (const count of [2, 3, 4, 7, 20]) expect(multisigId(nodeCrypto, many.slice(0, count), thresholdOf(count)), `${count}`).toBe(networkAccount(many.slice(0, count)))
  })
  test.each([[4, 1], [4, 5], [4, 2.5], [1, 1]])('%i members do not go with a threshold of %d', (count, threshold) => {
    expect(() => multisigAccount({ members: four().members.slice(0, count), threshold })).toThrow(RangeError)
  })
  test('names each member once', () => expect(() => multisigAccount({ members: [members[0]!.id, members[0]!.id], threshold: 2 })).toThrow(/twice/))
  test('of a network needs more than two thirds', () => expect([2, 3, 4, 5, 7, 20].map(thresholdOf)).toEqual([2, 3, 3, 4, 5, 14]))
})

// What a settlement is: single use by its items, then the payments.
const statement = (epoch: number, payees: [AccountId, bigint][]) =>
  batchAll(chain, [addItem(chain, statementKey(pot, epoch, 0), Uint8Array.of(epoch)), ...payees.map(([to, amount]) => transfer(chain, to, amount))])
const payee = (i: number): AccountId => accountFromSecret(`//payee//${i}`).id
const balance = async (account: AccountId): Promise<bigint> => (await readBalance(chain, account)).free
const act = (i: number, call: ApproveOptions['call'], more: Partial<ApproveOptions> = {}): Promise<Approval> => approve({ chain, sender: senders[i]!, ...four(), call, label: 'settlement', ...more })

describe('a settlement by 3 of 4', () => {
  test('is executed at the threshold, exactly; deposits come back', async () => {
    const call = statement(1, [[payee(1), 7n * PEAQ], [payee(2), 5n * PEAQ + 3n]])
    const hash = call.hash.toHex()
    const before = await balance(pot)
    expect(await act(1, call, { open: false })).toEqual({ state: 'closed' })
    expect((await act(0, call)).state).toBe('opened')
    expect(await readOperation(chain, pot, hash)).toMatchObject({ depositor: members[0]!.id, deposit: (6n * PEAQ) / 100n + (30n * PEAQ) / 100n, approvals: [members[0]!.id] })
    expect((await readBalance(chain, members[0]!.id)).reserved).toBe((36n * PEAQ) / 100n)
    expect(await act(0, call)).toEqual({ state: 'waiting', approvals: 1 })
    expect((await act(1, call, { open: false })).state).toBe('approved')
    expect(await balance(payee(1))).toBe(0n)
    expect(await act(2, call)).toMatchObject({ state: 'executed', result: { ok: true } })
    expect([await balance(payee(1)), await balance(payee(2)), before - (await balance(pot))]).toEqual([7n * PEAQ, 5n * PEAQ + 3n, 12n * PEAQ + 3n])
    expect(await readOperation(chain, pot, hash)).toBeNull()
    expect((await readBalance(chain, members[0]!.id)).reserved).toBe(0n)
  })

  test('submitted by more than the threshold pays once: the second operation fails whole', async () => {
    const call = statement(2, [[payee(3), PEAQ]])
    for (const i of [0, 1, 2]) await act(i, call)
    const after = await balance(pot)
    // a late member that asks first sends nothing
    expect(await act(3, call, { spent: () => hasItem(chain, pot, statementKey(pot, 2, 0)) })).toEqual({ state: 'spent' })
    // members that do not ask open it again, and it fails inside
    expect((await act(3, call)).state).toBe('opened')
    expect((await act(0, call)).state).toBe('approved')
    expect(await act(1, call)).toMatchObject({ state: 'executed', result: { ok: false, code: 'INNER_MULTISIG', name: 'peaqStorage.ItemTypeAlreadyExists' } })
    expect([await balance(payee(3)), await balance(pot)]).toEqual([PEAQ, after])
  })

  test('with a payment that cannot be made pays nobody and stays open to be made right', async () => {
    const call = statement(3, [[payee(4), PEAQ], [payee(5), 10n ** 30n]])
    for (const i of [0, 1]) await act(i, call)
    expect(await act(2, call)).toMatchObject({ state: 'executed', result: { ok: false, code: 'INNER_MULTISIG', name: 'balances.InsufficientBalance' } })
    expect([await balance(payee(4)), await readItem(chain, pot, statementKey(pot, 3, 0))]).toEqual([0n, null])
    const right = statement(3, [[payee(4), PEAQ]])
    for (const i of [0, 1, 2]) await act(i, right)
    expect(await balance(payee(4))).toBe(PEAQ)
  })

  test('of a member who computed something else changes nothing, and is taken back', async () => {
    const [mine, theirs] = [statement(4, [[payee(6), 99n * PEAQ]]), statement(4, [[payee(6), PEAQ]])]
    expect((await act(3, mine)).state).toBe('opened')
    for (const i of [0, 1, 2]) await act(i, theirs)
    expect(await balance(payee(6))).toBe(PEAQ)
    expect(await readOperation(chain, pot, mine.hash.toHex())).not.toBeNull()
    const group = { chain, ...four(), callHash: mine.hash.toHex(), label: 'withdrawal' }
    expect(await cancel({ ...group, sender: senders[0]! })).toMatchObject({ ok: false, name: 'multiSig.NotOwner' })
    expect(await cancel({ ...group, sender: senders[3]! })).toMatchObject({ ok: true })
    expect(await cancel({ ...group, sender: senders[3]! })).toBeNull()
    expect((await readBalance(chain, members[3]!.id)).reserved).toBe(0n)
  })

  test('of all members at once opens one operation and pays once', async () => {
    const call = statement(5, [[payee(7), PEAQ]])
    const spent = () => hasItem(chain, pot, statementKey(pot, 5, 0))
    const states = (await Promise.all(members.map((_, i) => act(i, call, { spent })))).map(({ state }) => state)
    // whoever was too early for the state it read, tries again as a service would at the next block
    for (const [i, state] of states.entries()) if (state === 'failed') states[i] = (await act(i, call, { spent })).state
    expect(states).toContain('executed')
    expect(states).not.toContain('failed')
    expect(states.filter((state) => state === 'opened')).toHaveLength(1)
    expect(await balance(payee(7))).toBe(PEAQ)
    expect(await readOperation(chain, pot, call.hash.toHex())).toBeNull()
  })

  test('a stranger cannot take part', async () => {
    await expect(approve({ chain, sender: createSender({ chain, account: accountFromSecret('//stranger'), signal: stop.signal }), ...four(), call: statement(9, []), label: 'x' })).rejects.toThrow(/no member/)
  })

  test('the opener without the deposit is told', async () => {
    const poor = accountFromSecret('//poor member')
    const result = await approve({ chain, sender: createSender({ chain, account: poor, signal: stop.signal }), members: [poor.id, members[0]!.id], threshold: 2, call: statement(9, []), label: 'x' })
    expect(result).toMatchObject({ state: 'failed', result: { code: 'NO_FUNDS' } })
    if (result.state === 'failed') expect(result.result.missing).toBeGreaterThan((26n * PEAQ) / 100n)
  })
})

describe('a network', () => {
  test('is founded by its checkers: parameters, role, assignments; again changes nothing', async () => {
    const founders = members.slice(0, 3).map(({ id }) => id)
    const parameters = devnetParameters(dev.head().number, dev.head().number + 40)
    const network = networkAccount(founders)
    const found = (i: number, p = parameters) => createNetwork({ chain, sender: senders[i]!, founders, parameters: p })
    expect(await findNetwork(chain, network)).toBeNull()
    expect(await found(0)).toEqual({ network, state: 'waiting' })
    expect(await found(0)).toEqual({ network, state: 'waiting' })
    expect(await found(2)).toEqual({ network, state: 'waiting' })
    expect(await found(1)).toEqual({ network, state: 'created' })
    expect(await found(0)).toEqual({ network, state: 'created' })
    expect(await findNetwork(chain, network)).toEqual({ prefix: parameters, parameters, raw: encodeParameters(parameters) })
    expect(await Promise.all(members.map(({ id }) => rolesOf(chain, network, id)))).toEqual([...founders.map(() => [checkerRoleId(nodeCrypto)]), []])
    await expect(found(1, { ...parameters, samples: 32 })).rejects.toMatchObject({ code: 'NETWORK_EXISTS' })
    await expect(found(1, { ...parameters, log2n: 99 })).rejects.toMatchObject({ code: 'BAD_PARAMETERS' })
    await expect(found(1, { ...parameters, minimumPayout: 499n })).rejects.toMatchObject({ code: 'BAD_PARAMETERS' })
    // On a runtime whose accounts must hold more than the network's least payout.
    const dearer: Chain = Object.create(chain, { features: { value: { ...chain.features, existentialDeposit: parameters.minimumPayout + 1n } } })
    await expect(createNetwork({ chain: dearer, sender: senders[0]!, founders, parameters })).rejects.toMatchObject({ code: 'BAD_PARAMETERS', message: expect.stringContaining('existential deposit') })
    await expect(updateNetwork({ chain: dearer, sender: senders[0]!, founders, change: (current) => ({ ...current, samples: current.samples + 1 }) })).rejects.toMatchObject({ code: 'BAD_PARAMETERS', message: expect.stringContaining('existential deposit') })
  })

  test('is not what any account wrote under its key', async () => {
    await senders[0]!.send(addItem(chain, PARAMETERS_KEY, Uint8Array.of(1, 2, 3)), { label: 'nonsense' })
    await expect(findNetwork(chain, members[0]!.id)).rejects.toMatchObject({ code: 'NOT_A_NETWORK' })
  })
})
