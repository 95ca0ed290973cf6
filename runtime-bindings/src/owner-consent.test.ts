import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { fromHex, type Identity } from '@assay/protocol'
import { accountFromSecret, completeRequest, consentPath, createKeystore, cryptoReady, decodeRequest, encodeAnswer, keysFolder, makeRequest, readConsent, verifyOwnConsent, walletPayload, type Account, type Keystore } from './index.ts'

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 }) // scrypt is slow on purpose
const network = `0x${'11'.repeat(32)}` as const
const elsewhere = `0x${'22'.repeat(32)}` as const
const PLACES = { addresses: ['/dns/checker.example/tcp/4610/p2p/12D3KooWFz'], evidence: ['http://checker.example:4611'] }
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
beforeEach(() => void (dataDir = join(root, String(made++))))
afterAll(() => rm(root, { recursive: true }))

/** As the owner does it, elsewhere. */
const answerTo = (line: string, by = owner): string => {
  const identity = decodeRequest(line)
  return encodeAnswer({ identity, signature: by.pair.sign(fromHex(walletPayload(identity))) })
}
const complete = (line: string) => completeRequest(dataDir, { line })

describe.each(['machine', 'checker'] as const)('the owner of a %s', (kind) => {
  const identity = (more: Partial<Identity> = {}): Identity => ({ kind, network, owner: owner.id, account: keys.account.id, peer: keys.peer.publicKey, ...(kind === 'checker' ? PLACES : { addresses: [], evidence: [] }), ...more })
  const ask = (by = owner, more: Partial<Identity> = {}) => makeRequest(dataDir, identity({ owner: by.id, ...more }))
  const another = async (more: Partial<Identity>) => (await ask(), answerTo((await makeRequest(join(root, 'another'), identity(more))).line))
  beforeEach(async () => {
    await mkdir(keysFolder(dataDir, kind), { recursive: true })
    for (const file of ['account.json', 'peer.json']) await copyFile(join(root, 'keys', file), join(keysFolder(dataDir, kind), file))
  })

  it('keeps the owner’s answer; the same one again changes nothing', async () => {
    const answer = answerTo((await ask()).line)
    expect(await complete(answer)).toMatchObject({ state: 'stored', rotated: false, identity: identity() })
    expect(await readFile(consentPath(dataDir), 'utf8')).toBe(`${answer}\n`)
    const before = await stat(consentPath(dataDir))
    expect(await complete(answer)).toMatchObject({ state: 'unchanged' })
    expect((await stat(consentPath(dataDir))).ino).toBe(before.ino)
    expect(await readConsent(dataDir)).toMatchObject({ identity: { owner: owner.id } })
  })
  it('takes a wallet’s signature over the last request, and no other', async () => {
    const { payload } = await ask()
    expect(await completeRequest(dataDir, { signature: owner.pair.sign(Buffer.concat([Buffer.from('<Bytes>'), fromHex(payload), Buffer.from('</Bytes>')])) })).toMatchObject({ state: 'stored' })
    await ask(other)
    await expect(completeRequest(dataDir, { signature: owner.pair.sign(fromHex(payload)) })).rejects.toMatchObject({ code: 'CONSENT_SIGNATURE', exit: 1 })
    expect((await readConsent(dataDir))!.identity.owner).toBe(owner.id)
  })
  it('mends a consent that was damaged', async () => {
    const answer = answerTo((await ask()).line)
    for (const damaged of ['{', encodeAnswer({ identity: identity(), signature: other.pair.sign(Uint8Array.of(1)) })]) {
      await writeFile(consentPath(dataDir), damaged)
      expect(await complete(answer)).toMatchObject({ state: 'stored' })
      verifyOwnConsent((await readConsent(dataDir))!, identity())
    }
  })

  it.each<[string, () => Promise<string>, { code: string, message: RegExp }]>([
    ['another owner’s answer', async () => answerTo((await ask()).line, other), { code: 'CONSENT_SIGNATURE', message: /not one of 5/ }],
    ['another account’s', () => another({ account: other.id }), { code: 'CONSENT', message: /agreed to another \w+, 5/ }],
    ['another network’s', () => another({ network: elsewhere }), { code: 'CONSENT', message: /agreed to the network 5/ }],
    ['one to an older peer key', () => another({ peer: elsewhere }), { code: 'CONSENT', message: /agreed to the peer key 0x2222/ }],
    ['one to other places', () => another(kind === 'checker' ? { evidence: ['http://other:1'] } : { kind: 'checker', evidence: ['http://other:1'] }), { code: 'CONSENT', message: kind === 'checker' ? /agreed to evidence at http:\/\/other:1, and by its settings that is http:\/\/checker\.example:4611 now/ : /a checker, and this is a machine/ }],
    ['one to another kind', () => another(kind === 'machine' ? { kind: 'checker' } : { kind: 'machine', addresses: [], evidence: [] }), { code: 'CONSENT', message: kind === 'machine' ? /a checker, and this is a machine/ : /a machine, and this is a checker/ }],
    ['the answer to an older request, played again', async () => {
      const old = answerTo((await ask()).line)
      await ask(other)
      return old
    }, { code: 'CONSENT', message: /the last request was to 5/ }],
    ['the request itself', async () => (await ask()).line, { code: 'CONSENT_TEXT', message: /it is a request/ }],
    ['a damaged answer', async () => answerTo((await ask()).line).slice(0, -3), { code: 'CONSENT_TEXT', message: /damaged|cut short/ }],
    ['an answer whose signature was changed', async () => `${answerTo((await ask()).line).slice(0, -6)}AAAAAA`, { code: 'CONSENT_SIGNATURE', message: /not one of 5/ }],
    ['an answer nobody asked for', async () => answerTo((await makeRequest(join(root, 'another'), identity())).line), { code: 'NO_REQUEST', message: /There is no request in/ }],
    ['an answer while the request’s file is damaged', async () => {
      const answer = answerTo((await ask()).line)
      await writeFile(join(dataDir, 'owner.request'), 'assay-request:1:AAAA')
      return answer
    }, { code: 'CONSENT', message: /owner\.request is damaged/ }],
    ['an answer to keys that are gone', async () => {
      const answer = answerTo((await ask()).line)
      await rm(join(keysFolder(dataDir, kind), 'account.json'))
      return answer
    }, { code: 'KEYSTORE_MISSING', message: /account\.json/ }],
    ['an answer to keys that were replaced', async () => answerTo((await ask(owner, { account: other.id })).line), { code: 'CONSENT', message: /keys of this \w+ are others than when the request was made/ }],
  ])('refuses %s', async (_, answer, expected) => {
    await expect(complete(await answer())).rejects.toMatchObject({ code: expected.code, message: expect.stringMatching(expected.message), exit: 1, advice: expect.stringMatching(/./) })
    expect(await readConsent(dataDir)).toBeNull()
  })

  it('says what stands in the way on the disk, and leaves no half file', async () => {
    await rm(dataDir, { recursive: true })
    await writeFile(dataDir, '')
    await expect(ask()).rejects.toMatchObject({ code: 'DISK', exit: 1, message: expect.stringContaining('owner.request cannot be written (E') })
    await rm(dataDir)
    await mkdir(join(dataDir, 'owner.request'), { recursive: true })
    await expect(ask()).rejects.toMatchObject({ code: 'DISK' })
    expect(await readdir(dataDir)).toEqual(['owner.request'])
    await expect(complete('assay-answer:1:AAAA')).rejects.toMatchObject({ code: 'CONSENT', message: expect.stringContaining('cannot be read (EISDIR)') })
  })
})
