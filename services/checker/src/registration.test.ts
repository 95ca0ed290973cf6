import { mkdtempSync, rmSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { devnetParameters, fromHex } from '@assay/protocol'
import { accountFromSecret, completeRequest, consentPath, createKeystore, cryptoReady, decodeRequest, encodeAnswer, type Keystore, OwnerConsentError, ownerOf, walletPayload } from '@assay/runtime-bindings'
import { actor, anchor, NETWORK, parametersItem, registration, role, TestChain } from '../../../protocol/testing/chain.ts'
import { missingFor, openOwner } from './registration.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }) // scrypt is slow on purpose

await cryptoReady()
const checker = actor('checker', 'checker')
const account = checker.account.public

describe('what keeps an account from being a checker', () => {
  const cases: [string, RegExp | null, () => TestChain][] = [
    ['nothing on chain yet', /not confirmed yet/, () => new TestChain(1)],
    ['an anchor without its document', /does not count \(NO_DOCUMENT\)/, () => new TestChain(1).at(2, role(checker), anchor(checker, new Uint8Array(32)))],
    ['no role', /lacks the network’s checker role/, () => new TestChain(1).at(2, ...registration(checker))],
    ['a role taken away', /lacks the network’s checker role/, () => new TestChain(1).at(2, role(checker), ...registration(checker)).at(3, role(checker, false))],
    ['nothing', null, () => new TestChain(1).at(2, role(checker), ...registration(checker))],
  ]
  test.each(cases)('%s', (_, expected, chain) => {
    const { ledger } = chain().at(5, parametersItem(devnetParameters(1, 100))).to(5)
    const missing = missingFor(ledger, account)
    if (expected === null) expect(missing).toBeNull()
    else {
      expect(missing!.what).toMatch(expected)
      expect(missing!.advice).not.toBe('')
    }
    expect(ledger.network).toBe(NETWORK)
  })
})

describe('who is paid for a checker', () => {
  const network = `0x${'11'.repeat(32)}` as const
  const dataDir = mkdtempSync(join(tmpdir(), 'assay-checker-owner-'))
  const settings = { dataDir, host: '0.0.0.0', publicHost: 'checker.example', channelPort: 4610, httpPort: 4611 }
  const [owner, other] = [accountFromSecret('//owner'), accountFromSecret('//other')]
  let keys: Keystore
  beforeAll(async () => void (keys = await createKeystore({ dir: dataDir, password: 'p' })))
  afterAll(() => rmSync(dataDir, { recursive: true }))

  test('is the checker itself, unless an owner is set; then that owner once it agreed to where the checker listens, too', async () => {
    expect(ownerOf(await openOwner(settings, network, keys, undefined))).toBe(keys.account.id)
    expect(ownerOf(await openOwner({ ...settings, channelPort: 0 }, network, keys, keys.account.id))).toBe(keys.account.id)
    expect((await readdir(dataDir)).toSorted()).toEqual(['account.json', 'peer.json'])

    const asked = (await openOwner(settings, network, keys, owner.id).catch((error: unknown) => error)) as OwnerConsentError
    expect(asked).toMatchObject({ code: 'OWNER_CONSENT', exit: 1, advice: expect.stringMatching(/assay owner sign[^]*assay checker complete/) })
    const identity = decodeRequest(asked.request.line)
    expect(identity).toMatchObject({ kind: 'checker', owner: owner.id, account: keys.account.id, addresses: [expect.stringMatching(/^\/dns\/checker\.example\/tcp\/4610\/p2p\//)], evidence: ['http://checker.example:4611'] })
    await completeRequest(dataDir, { line: encodeAnswer({ identity, signature: owner.pair.sign(fromHex(walletPayload(identity))) }) })
    for (const wanted of [owner.id, undefined]) expect(ownerOf(await openOwner(settings, network, keys, wanted))).toBe(owner.id)
  })
  test('is nobody where the settings say something else than the owner agreed to', async () => {
    await expect(openOwner(settings, network, keys, other.id)).rejects.toMatchObject({ code: 'OWNER_CONFLICT', message: expect.stringContaining(other.address), advice: expect.stringContaining('assay checker request') })
    await expect(openOwner(settings, network, keys, keys.account.id)).rejects.toMatchObject({ code: 'OWNER_CONFLICT', advice: expect.stringContaining(consentPath(dataDir)) })
    await expect(openOwner({ ...settings, channelPort: 4620 }, network, keys, owner.id)).rejects.toMatchObject({ code: 'CONSENT', message: expect.stringMatching(/tcp\/4610\/.* that is .*tcp\/4620\//), advice: expect.stringContaining('assay checker request') })
    await expect(openOwner(settings, other.id, keys, owner.id)).rejects.toMatchObject({ code: 'CONSENT', message: expect.stringMatching(/the network 5/) })
    await expect(openOwner({ ...settings, channelPort: 0 }, network, keys, undefined)).rejects.toMatchObject({ code: 'CONFIG', advice: expect.stringContaining('--channel-port') })
  })
})
