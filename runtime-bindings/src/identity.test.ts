import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyBlock, CHECKER_KEY, devnetParameters, emptyLedger, fromHex, registeredCheckers, registeredMachines, registrationOf, toHex, utf8, walletMessage, type AccountId, type Identity, type Ledger } from '@assay/protocol'
import { startDevchain, type Devchain } from '../testing/index.ts'
import { accountFromSecret, peerKey, type Account, type PeerKey } from './account.ts'
import { readBalance, transfer } from './balances.ts'
import { connectChain, type Chain } from './chain.ts'
import { walletPayload, type Consent } from './consent.ts'
import { cryptoReady, nodeCrypto } from './crypto.ts'
import { addAttribute, isOwner, readAttribute, updateAttribute } from './did.ts'
import { MissingFundsError, registerIdentity, registrationCost, retireIdentity, type DocumentMemory, type RegisterOptions, type Registration } from './identity.ts'
import { ledgerBlocks } from './ledger-blocks.ts'
import { createNetwork, networkAccount } from './network.ts'
import type { TxFailure } from './result.ts'
import { createSender, type Sender } from './sender.ts'
import { addItem, readItem } from './storage.ts'
import { batchAll } from './utility.ts'

const PEAQ = 10n ** 18n
const stop = new AbortController()
let dev: Devchain
let chain: Chain
let network: AccountId
let founders: Account[]
let owner: Account
let attacker: Account
const senders = new Map<AccountId, Sender>()
const senderOf = (account: Account): Sender => {
  const known = senders.get(account.id) ?? createSender({ chain, account, signal: stop.signal })
  senders.set(account.id, known)
  return known
}
beforeAll(async () => {
  await cryptoReady()
  founders = [0, 1].map((i) => accountFromSecret(`//founder//${i}`))
  ;[owner, attacker] = ['//owner', '//attacker'].map(accountFromSecret) as [Account, Account]
  dev = await startDevchain({ blocks: 'instant', fund: Object.fromEntries([...founders, owner, attacker].map(({ address }) => [address, 100n * PEAQ])) })
  chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
  network = networkAccount(founders.map(({ id }) => id))
  for (const founder of founders) await createNetwork({ chain, sender: senderOf(founder), founders: founders.map(({ id }) => id), parameters: devnetParameters(1, 1_000) })
})
afterAll(async () => {
  stop.abort()
  await dev?.close()
})

let made = 0
const machine = (): { account: Account; peer: PeerKey } => {
  made++
  return { account: accountFromSecret(`//machine//${made}`), peer: peerKey(new Uint8Array(32).fill(made)) }
}
const memory = (): DocumentMemory & { document?: Uint8Array } => {
  const kept: DocumentMemory & { document?: Uint8Array } = {
    load: async () => kept.document,
    save: async (document) => void (kept.document = document),
  }
  return kept
}
const register = (who: { account: Account; peer: PeerKey }, more: Partial<RegisterOptions> = {}): Promise<Registration> =>
  registerIdentity({ chain, sender: senderOf(who.account), ownerSender: senderOf(owner), owner, ...who, kind: 'machine', network, addresses: [], evidence: [], ...more })
const name = (kind = 'machine'): string => `assay/${network.slice(2, 18)}/${kind}`

// The protocol's ledger of all blocks up to the head.
let ledger: Ledger
const readLedger = async (): Promise<Ledger> => {
  ledger ??= emptyLedger(network)
  const to = dev.head().number
  const from = (ledger.head?.number ?? 0) + 1
  if (from > to) return ledger
  for await (const event of ledgerBlocks(chain, { from, confirmations: 0, signal: stop.signal })) {
    if (event.type !== 'block') throw new Error(JSON.stringify(event))
    ledger = applyBlock(nodeCrypto, ledger, event.block)
    if (event.block.number === to) break
  }
  return ledger
}
const machines = async (): Promise<AccountId[]> => registeredMachines(await readLedger()).map(({ account }) => account)

describe('registration', () => {
  test('of a machine with empty pockets is paid by its owner; the ledger knows it; again changes nothing', async () => {
    const who = machine()
    const first = await register(who, { reserve: PEAQ, memory: memory() })
    expect(first).toMatchObject({ state: 'registered', anchor: toHex(nodeCrypto.blake2b256(first.document)) })
    expect(toHex((await readItem(chain, who.account.id, 'assay/machine'))!)).toBe(first.anchor)
    expect(await readAttribute(chain, who.account.id, name())).toEqual(first.document)
    expect((await readBalance(chain, who.account.id)).free).toBeGreaterThanOrEqual(PEAQ)
    expect(registeredMachines(await readLedger())).toMatchObject([
      { account: who.account.id, anchor: first.anchor, block: first.block, identity: { kind: 'machine', owner: owner.id, peer: who.peer.publicKey, network } },
    ])
    const head = dev.head().number
    expect(await register(who)).toEqual({ state: 'unchanged', anchor: first.anchor, document: first.document })
    expect(dev.head().number).toBe(head)
  })

  test('of a checker carries its addresses; with new ones it is written anew', async () => {
    const who = { account: founders[0]!, peer: peerKey(new Uint8Array(32).fill(200)) }
    const options: Partial<RegisterOptions> = { kind: 'checker', owner: founders[0]!, addresses: ['/ip4/127.0.0.1/tcp/4001'], evidence: ['http://127.0.0.1:8080'] }
    const first = await register(who, options)
    const second = await register(who, { ...options, addresses: ['/ip4/127.0.0.1/tcp/4002'] })
    expect(second.state).toBe('registered')
    expect(second.anchor).not.toBe(first.anchor)
    expect(registeredCheckers(await readLedger())).toMatchObject([{ account: who.account.id, anchor: second.anchor, identity: { addresses: ['/ip4/127.0.0.1/tcp/4002'], evidence: ['http://127.0.0.1:8080'] } }])
    expect(await readAttribute(chain, who.account.id, `${name('checker')}/1`)).toBeNull() // updated, not added beside
  })

  test('says exactly what is missing when the owner cannot pay either', async () => {
    const poor = accountFromSecret('//poor owner')
    const who = machine()
    const missing = await register(who, { owner: poor, ownerSender: senderOf(poor), reserve: PEAQ }).catch((error: unknown) => error)
    expect(missing).toBeInstanceOf(MissingFundsError)
    expect(missing).toMatchObject({ address: poor.address, exit: 1, message: expect.stringMatching(new RegExp(`^${poor.address} lacks 1\\.0000\\d+ PEAQ for`)), advice: `Send at least 1.01 PEAQ to ${poor.address}.` })
    const own = await register(who, { owner: who.account, reserve: PEAQ }).catch((error: unknown) => error)
    expect(own).toMatchObject({ code: 'MISSING_FUNDS', address: who.account.address })
    expect(await readItem(chain, who.account.id, 'assay/machine')).toBeNull()
  })

  test('costs what was said before: no more is asked for, and once it stands nothing', async () => {
    const who = machine()
    const cost = (more: { peer?: PeerKey } = {}) => registrationCost({ chain, sender: senderOf(who.account), account: who.account, peer: who.peer, owner: owner.id, kind: 'machine', network, addresses: [], evidence: [], ...more })
    const before = await cost()
    expect(before).toMatchObject({ registered: false, keep: chain.features.existentialDeposit, missing: before.fee + before.deposits + before.keep })
    // A registration that has no payer lacks the very same.
    expect(await register(who, { owner: who.account }).catch((error: unknown) => error)).toMatchObject({ code: 'MISSING_FUNDS', missing: before.missing })
    expect(await senderOf(attacker).send(transfer(chain, who.account.id, before.missing), { label: 'exactly that' })).toMatchObject({ ok: true })
    expect((await cost()).missing).toBe(0n)
    expect((await registerIdentity({ chain, sender: senderOf(who.account), owner, ...who, kind: 'machine', network, addresses: [], evidence: [] })).state).toBe('registered')
    expect(await cost()).toMatchObject({ registered: true, fee: 0n, missing: 0n })
    // With another peer key it is written anew, for a fee alone.
    expect(await cost({ peer: peerKey(new Uint8Array(32).fill(201)) })).toMatchObject({ registered: false, deposits: 0n })
  })

  test('takes the owner’s consent in place of its key, and money from anywhere; another owner’s consent registers anew', async () => {
    const who = machine()
    const consentOf = (by: Account, change: Partial<Identity> = {}): Consent => {
      const identity: Identity = { kind: 'machine', network, account: who.account.id, owner: by.id, peer: who.peer.publicKey, addresses: [], evidence: [], ...change }
      return { identity, signature: by.pair.sign(walletMessage(fromHex(walletPayload(identity)))) }
    }
    const remote = accountFromSecret('//remote owner')
    const alone = (consent: Consent): Promise<Registration> => registerIdentity({ chain, sender: senderOf(who.account), owner: consent, ...who, kind: 'machine', network, addresses: [], evidence: [] })
    const missing = await alone(consentOf(remote)).catch((error: unknown) => error)
    expect(missing).toMatchObject({ code: 'MISSING_FUNDS', address: who.account.address })
    expect(await senderOf(attacker).send(transfer(chain, who.account.id, 5n * PEAQ), { label: 'a gift' })).toMatchObject({ ok: true })
    expect((await alone(consentOf(remote))).state).toBe('registered')
    expect(await readLedger().then(registeredMachines)).toContainEqual(expect.objectContaining({ account: who.account.id, identity: expect.objectContaining({ owner: remote.id }) }))
    expect((await alone(consentOf(remote))).state).toBe('unchanged')
    expect((await alone(consentOf(owner))).state).toBe('registered')
    expect(await readLedger().then(registeredMachines)).toContainEqual(expect.objectContaining({ account: who.account.id, identity: expect.objectContaining({ owner: owner.id }) }))

    const head = dev.head().number
    await expect(alone(consentOf(owner, { peer: peerKey(new Uint8Array(32).fill(98)).publicKey }))).rejects.toMatchObject({ code: 'NO_CONSENT', exit: 1 })
    const forged = { ...consentOf(remote), signature: owner.pair.sign(fromHex(walletPayload(consentOf(remote).identity))) }
    await expect(alone(forged)).rejects.toMatchObject({ code: 'REGISTRATION_FAILED' })
    expect(dev.head().number).toBe(head)
  })

  test('wants a network', async () => {
    await expect(register(machine(), { network: attacker.id })).rejects.toMatchObject({ code: 'NO_NETWORK' })
  })

  test('with a peer key that signs wrongly is refused before it costs anything', async () => {
    const who = machine()
    const head = dev.head().number
    await expect(register(who, { peer: { publicKey: who.peer.publicKey, sign: peerKey(new Uint8Array(32).fill(99)).sign } })).rejects.toMatchObject({ code: 'REGISTRATION_FAILED' })
    expect(dev.head().number).toBe(head)
  })
})

describe('retirement', () => {
  const retire = (who: { account: Account }) => retireIdentity({ chain, sender: senderOf(who.account), account: who.account, kind: 'machine' })
  test('takes a machine out of the ledger at once; again changes nothing; registered anew it is back', async () => {
    const who = machine()
    expect(await retire(who)).toEqual({ state: 'never registered' })
    await register(who, { reserve: PEAQ })
    expect(await machines()).toContain(who.account.id)
    expect(await retire(who)).toMatchObject({ state: 'retired', block: expect.any(Number) })
    expect(await machines()).not.toContain(who.account.id)
    const head = dev.head().number
    expect(await retire(who)).toEqual({ state: 'unchanged' })
    expect(dev.head().number).toBe(head)
    expect((await register(who)).state).toBe('registered')
    expect(await machines()).toContain(who.account.id)
  })
  test('says what is missing, and why the chain refuses', async () => {
    const who = machine()
    await register(who)
    const refusing = (result: TxFailure): Sender => ({ ...senderOf(who.account), send: async () => result })
    const failing = (result: TxFailure) => retireIdentity({ chain, sender: refusing(result), account: who.account, kind: 'machine' })
    await expect(failing({ ok: false, final: true, code: 'NO_FUNDS', message: 'too poor', advice: 'Pay.', missing: 5n })).rejects.toMatchObject({ code: 'MISSING_FUNDS', address: who.account.address, missing: 5n })
    await expect(failing({ ok: false, final: true, code: 'DISPATCH', message: 'no', advice: 'See.' })).rejects.toMatchObject({ code: 'RETIREMENT_FAILED', exit: 1 })
    await expect(failing({ ok: false, final: false, code: 'TIMEOUT', message: 'no', advice: 'See.' })).rejects.toMatchObject({ code: 'RETIREMENT_FAILED', exit: 75 })
    expect(await machines()).toContain(who.account.id)
  })
})

describe('squatting and takeover of a DID change nothing', () => {
  const attack = async (...calls: Parameters<typeof batchAll>[1][number][]): Promise<void> => {
    expect(await senderOf(attacker).send(batchAll(chain, calls), { label: 'attack' })).toMatchObject({ ok: true })
  }

  test('somebody sits on the name before: the machine takes the next one', async () => {
    const who = machine()
    await attack(addAttribute(chain, who.account.id, name(), utf8('mine')), addAttribute(chain, who.account.id, `${name()}/1`, utf8('mine too')))
    expect((await register(who)).state).toBe('registered')
    expect(await isOwner(chain, who.account.id, who.account.id)).toBe(true)
    expect(await readAttribute(chain, who.account.id, name())).toEqual(utf8('mine'))
    expect(await machines()).toContain(who.account.id)
  })

  test('somebody overwrites and removes the document after: the machine stays what it is, and a restart does not register again', async () => {
    const who = machine()
    const kept = memory()
    const { anchor } = await register(who, { memory: kept })
    await attack(addAttribute(chain, who.account.id, 'junk', utf8('x')), updateAttribute(chain, who.account.id, name(), utf8('taken')))
    expect(await readAttribute(chain, who.account.id, name())).toEqual(utf8('taken'))
    expect(registeredMachines(await readLedger())).toContainEqual(expect.objectContaining({ account: who.account.id, anchor }))
    expect(await register(who, { memory: kept })).toMatchObject({ state: 'unchanged', anchor })
    await attack(chain.call('peaqDid', 'removeAttribute', who.account.address, toHex(utf8(name()))))
    expect(await readAttribute(chain, who.account.id, name())).toBeNull()
    expect(await register(who, { memory: kept })).toMatchObject({ state: 'unchanged', anchor })
    expect(await machines()).toContain(who.account.id)
  })

  test('somebody copies the document to an account of his own: it is not his', async () => {
    const who = machine()
    const { document, anchor } = await register(who)
    await attack(addAttribute(chain, attacker.id, 'copy', document), addItem(chain, 'assay/machine', nodeCrypto.blake2b256(document)))
    expect(registrationOf(await readLedger(), 'machine', attacker.id)).toBe('WRONG_ACCOUNT')
    expect(await machines()).not.toContain(attacker.id)
    expect(registeredMachines(ledger)).toContainEqual(expect.objectContaining({ account: who.account.id, anchor }))
  })

  test('somebody registers a checker without the role: he is none', async () => {
    const who = { account: attacker, peer: peerKey(new Uint8Array(32).fill(201)) }
    await register(who, { kind: 'checker', owner: attacker, addresses: ['/ip4/127.0.0.1/tcp/1'], evidence: ['http://127.0.0.1:1'] })
    expect(await readItem(chain, attacker.id, CHECKER_KEY)).not.toBeNull()
    expect(registeredCheckers(await readLedger()).map(({ account }) => account)).not.toContain(attacker.id)
  })

  test('a document of 20,000 bytes and attributes of any bytes do not stop the ledger', async () => {
    await attack(
      addAttribute(chain, attacker.id, 'long', new Uint8Array(20_000).fill(0x61)),
      addAttribute(chain, attacker.id, 'odd', Uint8Array.of(0x2a, 0xff, 0xff, 0xff, 0xff)),
      addAttribute(chain, attacker.id, 'empty', new Uint8Array()),
    )
    expect((await machines()).length).toBeGreaterThanOrEqual(4)
  })
})
