import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '@assay/protocol'
import { accountFromSecret } from './account.ts'
import { cryptoReady, nodeCrypto } from './crypto.ts'
import {
  createKeystore,
  KeystoreDamagedError,
  KeystoreExistsError,
  KeystoreMissingError,
  KeystorePermissionsError,
  keystoreExists,
  nextPeerOf,
  openAccount,
  openKeystore,
  prepareNextPeer,
  readPublicKey,
  saveAccount,
  takeNextPeer,
  WrongPasswordError,
  type Keystore,
} from './keystore.ts'
import { keyring } from './polkadot.ts'

let root: string
let dir: string
let made: Keystore & { mnemonic: string | null }
beforeAll(async () => {
  await cryptoReady()
  root = await mkdtemp(join(tmpdir(), 'keystore-'))
  dir = join(root, 'keys')
  made = await createKeystore({ dir, password: 'correct horse' })
})
afterAll(() => rm(root, { recursive: true }))

describe('a new keystore', () => {
  test('opens to the same keys', async () => {
    expect(await keystoreExists(dir)).toBe(true)
    const opened = await openKeystore({ dir, password: 'correct horse' })
    expect(opened.account.id).toBe(made.account.id)
    expect(opened.peer.publicKey).toBe(made.peer.publicKey)
    expect(accountFromSecret(made.mnemonic!).id).toBe(made.account.id)
    const message = utf8('message')
    expect(nodeCrypto.sr25519Verify(opened.account.pair.sign(message), message, made.account.pair.publicKey)).toBe(true)
    expect(opened.peer.sign(message)).toEqual(made.peer.sign(message))
  })

  test('is readable by its owner only, and holds no secret in the clear', async () => {
    expect((await stat(dir)).mode & 0o777).toBe(0o700)
    expect((await readdir(dir)).sort()).toEqual(['account.json', 'peer.json'])
    for (const name of await readdir(dir)) {
      expect((await stat(join(dir, name))).mode & 0o777).toBe(0o600)
      expect(await readFile(join(dir, name), 'utf8')).not.toContain(Buffer.from(made.peer.seed).toString('hex'))
    }
  })

  test('is read by any polkadot wallet', async () => {
    const ring = new keyring.Keyring({ ss58Format: 42 })
    for (const [name, type] of [['account.json', 'sr25519'], ['peer.json', 'ed25519']] as const) {
      const pair = ring.addFromJson(JSON.parse(await readFile(join(dir, name), 'utf8')))
      pair.decodePkcs8('correct horse')
      expect(pair.type).toBe(type)
      expect(pair.isLocked).toBe(false)
    }
  })

  test('is never overwritten', async () => {
    await expect(createKeystore({ dir, password: 'x' })).rejects.toThrow(KeystoreExistsError)
    await expect(saveAccount(join(dir, 'account.json'), made.account, 'x')).rejects.toThrow(KeystoreExistsError)
  })

  test('takes a given secret; an interrupted creation is begun again', async () => {
    const other = join(root, 'other')
    const first = await createKeystore({ dir: other, password: 'p', secret: '//Alice' })
    expect(first).toMatchObject({ mnemonic: null, account: { id: accountFromSecret('//Alice').id } })
    await rm(join(other, 'account.json'))
    const second = await createKeystore({ dir: other, password: 'p', secret: '//Alice' })
    expect((await openKeystore({ dir: other, password: 'p' })).peer.publicKey).toBe(second.peer.publicKey)
  })

  test('wants a password', () => expect(createKeystore({ dir: join(root, 'open'), password: '' })).rejects.toMatchObject({ code: 'NO_PASSWORD' }))
})

describe('an account from a wallet', () => {
  test('with the cost that wallets used before opens too', async () => {
    const pair = new keyring.Keyring({ type: 'sr25519' }).addFromUri('//Wallet')
    const path = join(root, 'wallet.json')
    await writeFile(path, JSON.stringify(pair.toJson('p')), { mode: 0o600 })
    expect((await openAccount(path, 'p')).id).toBe(accountFromSecret('//Wallet').id)
  })
})

describe('a peer key that waits', () => {
  test('is one until it is taken, and takes the place of the old one at once; another than was named is not taken', async () => {
    const home = join(root, 'rotated')
    const { account, peer } = await createKeystore({ dir: home, password: 'p' })
    expect(await nextPeerOf(home)).toBeNull()
    expect(await takeNextPeer(home, peer.publicKey)).toBe(false)
    const next = await prepareNextPeer({ dir: home, password: 'p' })
    expect((await prepareNextPeer({ dir: home, password: 'p' })).publicKey).toBe(next.publicKey)
    await expect(prepareNextPeer({ dir: home, password: 'wrong' })).rejects.toMatchObject({ code: 'WRONG_PASSWORD' })
    expect(await nextPeerOf(home)).toBe(next.publicKey)
    expect(await takeNextPeer(home, peer.publicKey)).toBe(false)
    expect(await readPublicKey(join(home, 'peer.json'))).toBe(peer.publicKey)
    expect(await takeNextPeer(home, next.publicKey)).toBe(true)
    expect(await openKeystore({ dir: home, password: 'p' })).toMatchObject({ account: { id: account.id }, peer: { publicKey: next.publicKey } })
    expect(await nextPeerOf(home)).toBeNull()
  })
  test('a file says whose key it holds, or that it does not', async () => {
    const path = join(root, 'whose.json')
    await expect(readPublicKey(path)).rejects.toThrow(KeystoreMissingError)
    for (const bad of ['', '{', 'null', '{}', '{"address":5}', '{"address":"5Nobody"}']) {
      await writeFile(path, bad)
      await expect(readPublicKey(path), bad).rejects.toMatchObject({ code: 'KEYSTORE_DAMAGED' })
    }
  })
})

describe('a keystore that does not open says why', () => {
  const broken = async (change: (json: { encoded: string; encoding: { version: string; content: string[] } }) => unknown): Promise<string> => {
    const path = join(root, 'broken.json')
    const json = JSON.parse(await readFile(join(dir, 'account.json'), 'utf8'))
    const changed = change(json) ?? json
    await writeFile(path, typeof changed === 'string' ? changed : JSON.stringify(changed), { mode: 0o600 })
    return path
  }

  test('missing', () => expect(openKeystore({ dir: join(root, 'none'), password: 'p' })).rejects.toThrow(KeystoreMissingError))
  test('wrong password, with advice', async () => {
    await expect(openKeystore({ dir, password: 'wrong' })).rejects.toMatchObject({ name: 'WrongPasswordError', code: 'WRONG_PASSWORD', exit: 1, advice: expect.stringContaining('backup') })
  })
  test('readable by others, with the command that mends it', async () => {
    const path = join(dir, 'account.json')
    await chmod(path, 0o644)
    await expect(openKeystore({ dir, password: 'correct horse' })).rejects.toMatchObject({ name: KeystorePermissionsError.name, advice: `Run: chmod 600 ${path}` })
    await chmod(path, 0o600)
  })
  test.each<[string, Parameters<typeof broken>[0], RegExp]>([
    ['no JSON', () => 'not json at all', /not JSON/],
    ['JSON of something else', () => '[1]', /lacks/],
    ['null', () => 'null', /lacks/],
    ['cut short', (json) => void (json.encoded = json.encoded.slice(0, 60)), /cut short/],
    ['another format', (json) => void (json.encoding.version = '2'), /version 3/],
    ['another kind of key', (json) => void (json.encoding.content = ['pkcs8', 'ecdsa']), /ecdsa/],
    ['unknown cost of encryption', (json) => void (json.encoded = Buffer.from(Buffer.from(json.encoded, 'base64').fill(0xff, 32, 44)).toString('base64')), /not a usable key file/],
  ])('%s', async (_, change, message) => {
    const path = await broken(change)
    await expect(openAccount(path, 'correct horse')).rejects.toThrow(KeystoreDamagedError)
    await expect(openAccount(path, 'correct horse')).rejects.toThrow(message)
  })
  test('a flipped bit reads as a wrong password', async () => {
    const path = await broken((json) => {
      const bytes = Buffer.from(json.encoded, 'base64')
      bytes[100]! ^= 1
      json.encoded = bytes.toString('base64')
    })
    await expect(openAccount(path, 'correct horse')).rejects.toThrow(WrongPasswordError)
  })
})
