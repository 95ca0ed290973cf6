import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLog, silentLog } from '@assay/kit/log'
import { fromHex, type Identity } from '@assay/protocol'
import { accountFromSecret, completeRequest, consentPath, createKeystore, cryptoReady, decodeAnswer, decodeRequest, encodeAnswer, makeRequest, ownerOf, prepareNextPeer, saveAccount, walletPayload } from '@assay/runtime-bindings'
import type { Account, Keystore } from '@assay/runtime-bindings'
import { machineIdentity, openKeys, type KeysOptions } from './registration.ts'

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 }) // scrypt is slow on purpose
const network = `0x${'11'.repeat(32)}` as const
const elsewhere = `0x${'22'.repeat(32)}` as const
let root: string
let keys: Keystore
let owner: Account
let other: Account
let dataDir: string
let made = 0
beforeAll(async () => {
  await cryptoReady()
  root = await mkdtemp(join(tmpdir(), 'assay-consent-'))
  keys = await createKeystore({ dir: join(root, 'keys'), password: 'p' })
  ;[owner, other] = [accountFromSecret('//owner'), accountFromSecret('//other')]
})
beforeEach(async () => {
  dataDir = join(root, String(made++))
  await mkdir(join(dataDir, 'machine'), { recursive: true })
  for (const file of ['account.json', 'peer.json']) await copyFile(join(root, 'keys', file), join(dataDir, 'machine', file))
})
afterAll(() => rm(root, { recursive: true }))

const ask = (by = owner, more: Partial<Identity> = {}) => makeRequest(dataDir, { ...machineIdentity({ network, account: keys.account.id, peer: keys.peer.publicKey }), owner: by.id, ...more })
/** As the owner does it, elsewhere. */
const answerTo = (line: string, by = owner): string => {
  const identity = decodeRequest(line)
  return encodeAnswer({ identity, signature: by.pair.sign(fromHex(walletPayload(identity))) })
}
const complete = (line: string) => completeRequest(dataDir, { line })
const open = (more: Partial<KeysOptions> = {}) => openKeys({ dataDir, network, password: 'p', log: silentLog, ...more })
const agree = async (by = owner) => complete(answerTo((await ask(by)).line, by))

describe('openKeys with an owner elsewhere', () => {
  it('opens and makes no owner’s key', async () => {
    await agree()
    const opened = await open({ owner: owner.id })
    expect(opened).toMatchObject({ owner: { identity: { owner: owner.id } }, account: { id: keys.account.id } })
    await expect(stat(join(dataDir, 'owner.json'))).rejects.toThrow('ENOENT')
    expect(ownerOf((await open()).owner)).toBe(owner.id)
  })
  it('ends with the request and what to run while the owner has not agreed, and goes on once it has', async () => {
    const dir = join(root, 'fresh')
    const lines: string[] = []
    const refused = (await open({ dataDir: dir, owner: owner.id, log: createLog({ write: (line) => void lines.push(line) }) }).catch((error: unknown) => error)) as Error & { advice: string }
    expect(refused).toMatchObject({ code: 'OWNER_CONSENT', exit: 1, message: expect.stringMatching(/assay-request:1:/), advice: expect.stringMatching(/assay owner sign[^]*assay machine complete/) })
    expect(lines.join('')).toContain('keys made')
    const line = /assay-request:1:[\w-]+/.exec(refused.message)![0]
    expect(((await open({ dataDir: dir, owner: owner.id }).catch((error: unknown) => error)) as Error).message).toContain(line)
    await completeRequest(dir, { line: answerTo(line) })
    expect(ownerOf((await open({ dataDir: dir, owner: owner.id })).owner)).toBe(owner.id)
    await expect(stat(join(dir, 'owner.json'))).rejects.toThrow('ENOENT')
  })
  it('takes the owner’s key from a file that holds it, as without the setting', async () => {
    await saveAccount(join(dataDir, 'owner.json'), owner, 'p')
    expect(await open({ owner: owner.id })).toMatchObject({ owner: { id: owner.id } })
    await expect(open({ owner: other.id })).rejects.toMatchObject({ code: 'OWNER_CONSENT' })
  })
  it('refuses what contradicts itself', async () => {
    const file = join(root, 'wallet.json')
    await saveAccount(file, other, 'p')
    await expect(open({ owner: owner.id, ownerFile: file })).rejects.toMatchObject({ code: 'OWNER_CONFLICT', message: expect.stringContaining(other.address) })
    await agree()
    await expect(open({ ownerFile: file })).rejects.toMatchObject({ code: 'OWNER_CONFLICT', message: expect.stringContaining(other.address) })
    await expect(open({ owner: other.id })).rejects.toMatchObject({ code: 'OWNER_CONFLICT', message: expect.stringContaining(other.address) })
    await expect(open({ ownerFile: join(root, 'none.json') })).rejects.toMatchObject({ code: 'KEYSTORE_MISSING' })
    await expect(open({ network: elsewhere })).rejects.toMatchObject({ code: 'CONSENT', message: expect.stringMatching(/is for the network 5/) })
    await agree(other)
    expect(ownerOf((await open({ ownerFile: file })).owner)).toBe(other.id)
  })
  it('refuses a consent that is damaged, of other keys, or without keys', async () => {
    await agree()
    const good = await readFile(consentPath(dataDir), 'utf8')
    for (const bad of ['', '{', good.replace('assay-answer:1:', 'assay-request:1:'), good.replace(':1:', ':2:'), good.slice(0, -40), `${good}${good}`]) {
      await writeFile(consentPath(dataDir), bad)
      await expect(open(), bad).rejects.toMatchObject({ code: 'CONSENT', message: expect.stringMatching(/is damaged/), exit: 1 })
    }
    const { identity, signature } = decodeAnswer(good)
    await writeFile(consentPath(dataDir), encodeAnswer({ identity: { ...identity, owner: other.id }, signature }))
    await expect(open()).rejects.toMatchObject({ code: 'CONSENT_SIGNATURE' })
    await writeFile(consentPath(dataDir), encodeAnswer({ identity: { ...identity, peer: other.id }, signature }))
    await expect(open()).rejects.toMatchObject({ code: 'CONSENT', message: expect.stringMatching(/peer key/) })
    await writeFile(consentPath(dataDir), good)
    await rm(join(dataDir, 'machine'), { recursive: true })
    await expect(open()).rejects.toMatchObject({ code: 'MACHINE_KEYS' })
    await expect(stat(join(dataDir, 'machine'))).rejects.toThrow('ENOENT')
  })
  it('takes over the peer key that the owner agreed to, also after a crash between the consent and the change', async () => {
    await agree()
    const dir = join(dataDir, 'machine')
    const next = await prepareNextPeer({ dir, password: 'p' })
    expect((await prepareNextPeer({ dir, password: 'p' })).publicKey).toBe(next.publicKey)
    expect((await open()).peer.publicKey).toBe(keys.peer.publicKey) // the old one works on until then
    const answer = answerTo((await ask(owner, { peer: next.publicKey })).line)
    await copyFile(join(dir, 'peer.next.json'), join(root, 'saved.json'))
    await copyFile(join(dir, 'peer.json'), join(root, 'old.json'))
    expect(await complete(answer)).toMatchObject({ state: 'stored', rotated: true })
    expect((await open()).peer.publicKey).toBe(next.publicKey)
    expect(await complete(answer)).toMatchObject({ state: 'unchanged', rotated: false })
    await copyFile(join(root, 'saved.json'), join(dir, 'peer.next.json'))
    await copyFile(join(root, 'old.json'), join(dir, 'peer.json'))
    expect((await open()).peer.publicKey).toBe(next.publicKey)
    await expect(stat(join(dir, 'peer.next.json'))).rejects.toThrow('ENOENT')
  })
})
