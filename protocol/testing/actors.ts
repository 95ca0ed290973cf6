// Cryptography and keys for tests: real signatures, by keys that anybody can make from their names.
import { createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto'
import { blake2AsU8a, cryptoWaitReady, sr25519PairFromSeed, sr25519Sign, sr25519Verify } from '@polkadot/util-crypto'
import { type AccountId, type Hash, toHex, utf8 } from '../src/bytes.ts'
import type { Crypto } from '../src/crypto.ts'
import { encodeSignedIdentity, type Identity, identityDigest, type IdentityKind } from '../src/identity.ts'
import type { LedgerEvent } from '../src/ledger.ts'
import { CHECKER_KEY, MACHINE_KEY } from '../src/storage-keys.ts'

await cryptoWaitReady()

const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

const never = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}

/** What was computed once for a text. */
const remember = <T>(known: Map<string, T>, asked: string, compute: () => T): T => {
  const value = known.get(asked) ?? compute()
  known.set(asked, value)
  return value
}

/** A check takes milliseconds, and a registration is checked in every network that is played. */
const answers = new Map<string, boolean>()
const registrations = new Map<string, LedgerEvent[]>()

/** The real thing, from Node and polkadot's util-crypto. */
export const testCrypto: Crypto = {
  sha256: (bytes) => new Uint8Array(hash('sha256', bytes, 'buffer')),
  blake2b256: (bytes) => blake2AsU8a(bytes, 256),
  ed25519Verify: (signature, message, publicKey) => never(() => verify(null, message, createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: 'der', type: 'spki' }), signature)),
  sr25519Verify: (signature, message, publicKey) => remember(answers, [signature, message, publicKey].map(toHex).join(), () => never(() => sr25519Verify(message, signature, publicKey))),
}

const seedOf = (name: string): Uint8Array => testCrypto.sha256(utf8(name))

/** An ed25519 key made from a name; signatures are deterministic. */
export function peerKey(name: string): { peer: Hash; sign(message: Uint8Array): Uint8Array } {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seedOf(name)]), format: 'der', type: 'pkcs8' })
  const peer = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
  return { peer: toHex(peer), sign: (message) => new Uint8Array(sign(null, message, key)) }
}

const accounts = new Map<string, AccountId>()

/** The sr25519 account made from a name. */
export function accountOf(name: string): AccountId {
  return remember(accounts, name, () => toHex(sr25519PairFromSeed(seedOf(name)).publicKey))
}

/** A machine or a checker of a test network. */
export interface Actor {
  kind: IdentityKind
  name: string
  account: AccountId
  owner: AccountId
  peer: Hash
  /** ed25519 by its peer key. */
  sign(message: Uint8Array): Uint8Array
  /** The events of a registration: document and anchor. The same for the same actor and network. */
  registration(network: AccountId): LedgerEvent[]
}

/** An actor whose keys follow from the names of itself and its owner; `peerName` lets it use another's peer key. */
export function actor(kind: IdentityKind, name: string, ownerName = `owner of ${name}`, peerName = `peer of ${name}`): Actor {
  const [account, owner] = [accountOf(name), accountOf(ownerName)]
  const key = peerKey(peerName)
  const registration = (network: AccountId): LedgerEvent[] => remember(registrations, [kind, name, ownerName, peerName, network].join(), () => registers(network))
  const registers = (network: AccountId): LedgerEvent[] => {
    const identity: Identity = { kind, network, account, owner, peer: key.peer, addresses: [], evidence: [] }
    const digest = identityDigest(testCrypto, identity)
    const by = (signer: string): Uint8Array => sr25519Sign(digest, sr25519PairFromSeed(seedOf(signer)))
    const bytes = encodeSignedIdentity({ identity, accountSignature: by(name), ownerSignature: by(ownerName), peerSignature: key.sign(digest) })
    // sr25519 signatures differ each time; a document of its own text keeps the anchor the same.
    const document = utf8(`document of ${name}, owned by ${ownerName}, as ${peerName}`)
    return [
      { kind: 'attribute', who: account, subject: account, value: document, identity: bytes },
      { kind: 'item', who: account, key: kind === 'machine' ? MACHINE_KEY : CHECKER_KEY, value: testCrypto.blake2b256(document), update: false },
    ]
  }
  return { kind, name, account, owner, peer: key.peer, sign: (message) => key.sign(message), registration }
}
