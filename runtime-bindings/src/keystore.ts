import { randomBytes, scrypt } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { toHex, utf8, type AccountId, type Hex } from '@assay/protocol'
import { accountFromSecret, accountOf, newMnemonic, peerKey, toAccountId, toAddress, type Account, type PeerKey } from './account.ts'
import { cryptoReady, nodeCrypto } from './crypto.ts'
import { syncFolder } from './disk.ts'
import { ChainError } from './errors.ts'
import { keyring, utilCrypto } from './polkadot.ts'

/** The two keys of a machine or checker, open. */
export interface Keystore {
  readonly account: Account
  readonly peer: PeerKey
}

/** There is no key file where one was expected. */
export class KeystoreMissingError extends ChainError {
  constructor(path: string) {
    super('KEYSTORE_MISSING', `There is no key file ${path}.`, 'Create the keystore first, or point to the right folder.')
  }
}
/** A key file is there already; it is never overwritten. */
export class KeystoreExistsError extends ChainError {
  constructor(path: string) {
    super('KEYSTORE_EXISTS', `A key file ${path} exists already.`, 'Use it, or choose another folder: keys are never overwritten.')
  }
}
/** The password does not open the file. */
export class WrongPasswordError extends ChainError {
  constructor(path: string) {
    super('WRONG_PASSWORD', `The password does not open ${path}.`, 'Check the password; if it is surely right the file is damaged: restore it from your backup.')
  }
}
/** The file is not a key file of the kind expected, or parts of it are lost. */
export class KeystoreDamagedError extends ChainError {
  constructor(path: string, why: string) {
    super('KEYSTORE_DAMAGED', `${path} is not a usable key file: ${why}.`, 'Restore it from your backup, or create the account again from its mnemonic.')
  }
}
/** Others on this system may read the file. */
export class KeystorePermissionsError extends ChainError {
  constructor(path: string, mode: number) {
    super('KEYSTORE_PERMISSIONS', `${path} can be read by others (mode ${(mode & 0o777).toString(8)}).`, `Run: chmod 600 ${path}`)
  }
}

/**
 * Creates `dir` with an sr25519 account (`account.json`, the polkadot JSON format version 3, so any polkadot wallet opens it) and an ed25519 peer key (`peer.json`, same format), both encrypted
 * with `password`. Of `account`, or from `secret` (mnemonic) if given, else a new mnemonic, which is returned so that it can be shown once. Throws KeystoreExistsError rather than replace an account.
 */
export async function createKeystore({ dir, password, secret, account: given }: { dir: string; password: string; secret?: string; account?: Account }): Promise<Keystore & { mnemonic: string | null }> {
  await cryptoReady()
  const path = join(dir, 'account.json')
  if (await exists(path)) throw new KeystoreExistsError(path)
  const mnemonic = secret === undefined && given === undefined ? newMnemonic() : null
  const account = given ?? accountFromSecret(secret ?? mnemonic!)
  const peer = peerKey(randomBytes(32))
  // the account last: a folder without one is an interrupted creation and may be begun again
  await writeKey(join(dir, 'peer.json'), peer, password)
  await saveAccount(path, account, password)
  return { account, peer, mnemonic }
}

/** Whether `dir` holds a complete keystore. */
export async function keystoreExists(dir: string): Promise<boolean> {
  return exists(join(dir, 'account.json'))
}

/** Opens what `createKeystore` made. Throws KeystoreMissingError, KeystorePermissionsError, WrongPasswordError or KeystoreDamagedError. */
export async function openKeystore({ dir, password }: { dir: string; password: string }): Promise<Keystore> {
  const [account, peer] = await Promise.all([openAccount(join(dir, 'account.json'), password), openPeer(join(dir, 'peer.json'), password)])
  return { account, peer }
}

async function openPeer(path: string, password: string): Promise<PeerKey> {
  const { secret, publicKey } = await readKey(path, 'ed25519', password)
  const peer = peerKey(secret.subarray(0, 32))
  if (!Buffer.from(publicKey).equals(Buffer.from(peer.publicKey.slice(2), 'hex'))) throw new KeystoreDamagedError(path, 'its public key is not that of its secret')
  return peer
}

/** Whose key a file holds, as it says itself: no password is needed and nothing is proven. Throws KeystoreMissingError or KeystoreDamagedError. */
export async function readPublicKey(path: string): Promise<AccountId> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) throw new KeystoreMissingError(path)
  try {
    const { address } = JSON.parse(text) as { address?: unknown }
    if (typeof address === 'string') return toAccountId(address)
  } catch {
    // said below
  }
  throw new KeystoreDamagedError(path, 'it does not say whose key it holds')
}

/** The peer key that shall take the place of the one in `dir`: made and kept beside it, or the one that waits there already. Throws as `openKeystore`. */
export async function prepareNextPeer({ dir, password }: { dir: string; password: string }): Promise<PeerKey> {
  const path = join(dir, NEXT_PEER)
  if (await exists(path)) return openPeer(path, password)
  const peer = peerKey(randomBytes(32))
  await writeKey(path, peer, password)
  return peer
}

/** The public key of the peer key that waits, null if none does. Throws KeystoreDamagedError. */
export async function nextPeerOf(dir: string): Promise<Hex | null> {
  const path = join(dir, NEXT_PEER)
  return (await exists(path)) ? readPublicKey(path) : null
}

/** Puts the peer key that waits in the place of the old one, which is gone then, if it is the one named; at once or not at all. */
export async function takeNextPeer(dir: string, publicKey: Hex): Promise<boolean> {
  if ((await nextPeerOf(dir)) !== publicKey) return false
  await replaceFile(join(dir, NEXT_PEER), join(dir, 'peer.json'))
  return true
}

/** Writes an sr25519 account as one encrypted polkadot JSON file (mode 600). */
export async function saveAccount(path: string, account: Account, password: string): Promise<void> {
  const pkcs8 = account.pair.encodePkcs8()
  await writeFileOnce(path, await seal(pkcs8, 'sr25519', account.address, password))
}

/** Opens one encrypted polkadot JSON file of an sr25519 account, made by `saveAccount` or exported from a wallet. Throws as `openKeystore`. */
export async function openAccount(path: string, password: string): Promise<Account> {
  await cryptoReady()
  const { secret, publicKey } = await readKey(path, 'sr25519', password)
  const account = accountOf(pairOf(secret, publicKey))
  if (!Buffer.from(publicKey).equals(Buffer.from(account.pair.publicKey))) throw new KeystoreDamagedError(path, 'its public key is not that of its secret')
  return account
}

const NEXT_PEER = 'peer.next.json'

/** A key file as it says of itself, without its password. */
export interface KeyFile {
  readonly path: string
  /** an account signs on chain, a peer key on the wire */
  readonly kind: 'account' | 'peer'
  readonly publicKey: Hex
  readonly address: string
}

/** Names under which a key file is missed if it is none. */
const KEY_NAMES = new Set(['account.json', 'peer.json', 'owner.json'])
/** Far more than a key and what wallets write beside it. */
const MOST_KEY_BYTES = 1 << 16

/** The key files in `dir` and in its folder `machine`, by path; other JSON files are passed over. Throws KeystoreDamagedError where one is not what its name says. */
export async function keyFiles(dir: string): Promise<KeyFile[]> {
  await cryptoReady()
  const found: KeyFile[] = []
  for (const folder of [dir, join(dir, 'machine')]) {
    const names = await readdir(folder).catch(() => [] as string[])
    for (const name of names.filter((one) => one.endsWith('.json')).sort()) {
      const path = join(folder, name)
      const size = (await stat(path)).size
      const json = size > MOST_KEY_BYTES ? undefined : parsed(await readFile(path, 'utf8'))
      if (typeof json?.encoded !== 'string' && !KEY_NAMES.has(name)) continue
      if (json === undefined) throw new KeystoreDamagedError(path, 'it is not JSON')
      found.push(describe(path, json))
    }
  }
  return found
}

/** Opens one key file, and makes sure that its secret is that of its address. Throws as `openKeystore`. */
export async function verifyKeyFile({ path, kind, publicKey }: KeyFile, password: string): Promise<void> {
  const { secret, publicKey: inside } = await readKey(path, TYPES[kind], password)
  const account = kind === 'account' ? accountOf(pairOf(secret, inside)) : undefined
  const signs = account ? nodeCrypto.sr25519Verify(account.pair.sign(MESSAGE), MESSAGE, inside) : peerKey(secret.subarray(0, 32)).publicKey === toHex(inside)
  if (!signs || (account && account.id !== toHex(inside))) throw new KeystoreDamagedError(path, 'its public key is not that of its secret')
  if (toHex(inside) !== publicKey) throw new KeystoreDamagedError(path, 'the address it shows is not that of its key')
}

/**
 * Changes the password of all of `files`. Every new file is written and on the disk before the first takes the place of an old one, so a crash leaves each file with the old password or the new
 * one; run again with the same two it goes on. Returns how many were changed now. Throws WrongPasswordError, before anything is changed, if neither password opens a file.
 */
export async function changePassword(files: readonly KeyFile[], from: string, to: string): Promise<number> {
  const ready: string[] = []
  try {
    for (const { path, kind } of files) {
      const key = await readKey(path, TYPES[kind], from).catch(async (error: unknown) => {
        if (!(error instanceof WrongPasswordError)) throw error
        await readKey(path, TYPES[kind], to)
        return undefined
      })
      if (key === undefined) continue
      const { address, meta } = JSON.parse(await readFile(path, 'utf8')) as { address: string; meta?: object }
      ready.push(path)
      await writeNew(path, await seal(Buffer.concat([HEADER, key.secret, DIVIDER, key.publicKey]), TYPES[kind], address, to, meta))
    }
  } catch (error) {
    for (const path of ready) await rm(`${path}.new`, { force: true })
    throw error
  }
  for (const path of ready) await rename(`${path}.new`, path)
  for (const folder of new Set(ready.map((path) => dirname(path)))) await syncFolder(folder)
  return ready.length
}

const TYPES = { account: 'sr25519', peer: 'ed25519' } as const
const MESSAGE = utf8('does this key sign?')

function describe(path: string, json: KeyJson): KeyFile {
  const type = Array.isArray(json.encoding?.content) ? (json.encoding.content as unknown[])[1] : undefined
  const kind = type === TYPES.account ? 'account' : type === TYPES.peer ? 'peer' : undefined
  if (kind === undefined) throw new KeystoreDamagedError(path, 'it holds no key of type sr25519 or ed25519')
  let publicKey: AccountId
  try {
    publicKey = toAccountId(typeof json.address === 'string' ? json.address : '')
  } catch {
    throw new KeystoreDamagedError(path, 'it shows no address')
  }
  return { path, kind, publicKey, address: toAddress(publicKey) }
}

// polkadot's wrapping of a secret: header, secret (64 bytes, in old files a 32-byte seed), divider, public key
const HEADER = Uint8Array.of(48, 83, 2, 1, 1, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32)
const DIVIDER = Uint8Array.of(161, 35, 3, 33, 0)
const SCRYPT = { N: 1 << 17, p: 1, r: 8 }

function pairOf(secret: Uint8Array, publicKey: Uint8Array): Account['pair'] {
  const ring = new keyring.Keyring({ type: 'sr25519', ss58Format: 42 })
  return secret.length === 32 ? ring.addFromSeed(secret) : ring.addFromPair({ publicKey, secretKey: secret })
}

async function writeKey(path: string, peer: PeerKey, password: string): Promise<void> {
  const publicKey = Buffer.from(peer.publicKey.slice(2), 'hex')
  const pkcs8 = Buffer.concat([HEADER, peer.seed, publicKey, DIVIDER, publicKey])
  await writeFileOnce(path, await seal(pkcs8, 'ed25519', utilCrypto.encodeAddress(publicKey, 42), password), true)
}

async function seal(pkcs8: Uint8Array, type: 'sr25519' | 'ed25519', address: string, password: string, meta: object = {}): Promise<string> {
  if (password === '') throw new ChainError('NO_PASSWORD', 'An empty password protects nothing.', 'Give a password for the key files.')
  const salt = randomBytes(32)
  const { encrypted, nonce } = utilCrypto.naclEncrypt(pkcs8, await stretch(password, salt, SCRYPT))
  const encoded = Buffer.concat([utilCrypto.scryptToU8a(salt, SCRYPT), nonce, encrypted]).toString('base64')
  return JSON.stringify({ encoded, encoding: { content: ['pkcs8', type], type: ['scrypt', 'xsalsa20-poly1305'], version: '3' }, address, meta })
}

// Node's scrypt rather than polkadot's: that one leaves 128 MB of WebAssembly memory behind and blocks the thread.
function stretch(password: string, salt: Uint8Array, { N, p, r }: { N: number; p: number; r: number }): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 64, { N, p, r, maxmem: 256 * N * r }, (error, key) => (error ? reject(error) : resolve(Uint8Array.from(key.subarray(0, 32)))))
  })
}

async function readKey(path: string, type: 'sr25519' | 'ed25519', password: string): Promise<{ secret: Uint8Array; publicKey: Uint8Array }> {
  const info = await stat(path).catch(() => undefined)
  if (!info) throw new KeystoreMissingError(path)
  if ((info.mode & 0o077) !== 0) throw new KeystorePermissionsError(path, info.mode)
  const sealed = parse(path, await readFile(path, 'utf8'), type)
  let opened: { params: { N: number; p: number; r: number }; salt: Uint8Array }
  try {
    opened = utilCrypto.scryptFromU8a(sealed) // refuses cost parameters that would eat the machine
  } catch (error) {
    throw new KeystoreDamagedError(path, error instanceof Error ? error.message : 'unknown encryption')
  }
  const body = sealed.subarray(44)
  const plain = utilCrypto.naclDecrypt(body.subarray(24), body.subarray(0, 24), await stretch(password, opened.salt, opened.params))
  if (!plain) throw new WrongPasswordError(path)
  for (const length of [64, 32]) {
    const at = HEADER.length + length
    if (plain.length === at + DIVIDER.length + 32 && startsWith(plain, HEADER, 0) && startsWith(plain, DIVIDER, at)) {
      return { secret: plain.slice(HEADER.length, at), publicKey: plain.slice(at + DIVIDER.length) }
    }
  }
  throw new KeystoreDamagedError(path, 'what is encrypted in it is no key')
}

interface KeyJson {
  encoded?: unknown
  encoding?: { content?: unknown; type?: unknown; version?: unknown }
  address?: unknown
}

function parsed(text: string): KeyJson | undefined {
  try {
    return (JSON.parse(text) as KeyJson | null) ?? {}
  } catch {
    return undefined
  }
}

function parse(path: string, text: string, type: string): Uint8Array {
  const json = parsed(text)
  if (json === undefined) throw new KeystoreDamagedError(path, 'it is not JSON')
  const { encoded, encoding } = json
  if (typeof encoded !== 'string' || !encoding) throw new KeystoreDamagedError(path, 'it lacks "encoded" or "encoding"')
  if (encoding.version !== '3' || String(encoding.type) !== 'scrypt,xsalsa20-poly1305') throw new KeystoreDamagedError(path, 'only format version 3 with scrypt is read; export the account again from a current wallet')
  if (String(encoding.content) !== `pkcs8,${type}`) throw new KeystoreDamagedError(path, `it holds ${String(encoding.content)}, not a key of type ${type}`)
  const bytes = Uint8Array.from(Buffer.from(encoded, 'base64'))
  if (bytes.length < 44 + 24 + 16) throw new KeystoreDamagedError(path, 'it is cut short')
  return bytes
}

const startsWith = (bytes: Uint8Array, part: Uint8Array, at: number): boolean => part.every((byte, i) => bytes[at + i] === byte)
const exists = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)

// All or nothing, and on the disk when it returns: a key that was used must not be lost by a power cut.
async function writeFileOnce(path: string, text: string, replace = false): Promise<void> {
  if (!replace && (await exists(path))) throw new KeystoreExistsError(path)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeNew(path, text)
  await replaceFile(`${path}.new`, path)
}

/** Writes what is to become `path` beside it, as far as the disk. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(`${text}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await chmod(`${path}.new`, 0o600)
}

async function replaceFile(from: string, path: string): Promise<void> {
  await rename(from, path)
  await syncFolder(dirname(path))
}
