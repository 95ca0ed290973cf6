// A chain for tests of the ledger: blocks by hand, and actors who write to it as the real ones do.
import { type Identity, type IdentityKind, applyBlock, CHECKER_KEY, checkerRoleId, emptyLedger, encodeParameters, encodeReportItem, encodeSignedIdentity, identityDigest, type Ledger, type LedgerBlock, type LedgerEvent, MACHINE_KEY, type Parameters, PARAMETERS_KEY, reportKey, type ReportItem, type SignedIdentity, toHex, utf8, concat, type AccountId } from '../src/index.ts'
import { accountKey, crypto, hashOf, peerKey, type TestKey } from './crypto.ts'

export const NETWORK: AccountId = accountKey('network').public

/** Somebody with an account, a peer key and an owner. */
export interface Actor {
  kind: IdentityKind
  account: TestKey
  peer: TestKey
  owner: TestKey
}

export function actor(kind: IdentityKind, name: string): Actor {
  return { kind, account: accountKey(name), peer: peerKey(name), owner: accountKey(`${name}'s owner`) }
}

/** The identity of an actor, properly signed; `change` alters it before it is signed. */
export function signedIdentity({ kind, account, peer, owner }: Actor, change: Partial<Identity> = {}): SignedIdentity {
  const places = kind === 'checker' ? { addresses: ['/ip4/127.0.0.1/tcp/4001'], evidence: ['http://127.0.0.1:4002'] } : { addresses: [], evidence: [] }
  const identity: Identity = { kind, network: NETWORK, account: account.public, owner: owner.public, peer: peer.public, ...places, ...change }
  const digest = identityDigest(crypto, identity)
  return { identity, accountSignature: account.sign(digest), ownerSignature: owner.sign(digest), peerSignature: peer.sign(digest) }
}

/** The two events of a registration: the attribute with a document, and the anchor. */
export function registration(who: Actor, signed: SignedIdentity = signedIdentity(who)): LedgerEvent[] {
  const service = encodeSignedIdentity(signed)
  const document = concat(utf8('did:'), service)
  return [attribute(who.account.public, document, service), anchor(who, crypto.blake2b256(document))]
}

export function attribute(who: AccountId, document: Uint8Array, service: Uint8Array | null, subject: AccountId = who): LedgerEvent {
  return { kind: 'attribute', who, subject, value: document, identity: service }
}

export function anchor({ kind, account }: Actor, value: Uint8Array, who: AccountId = account.public): LedgerEvent {
  return { kind: 'item', who, key: kind === 'machine' ? MACHINE_KEY : CHECKER_KEY, value, update: false }
}

export function role(user: Actor, assigned = true, owner: AccountId = NETWORK): LedgerEvent {
  return { kind: 'role', owner, role: checkerRoleId(crypto), user: user.account.public, assigned }
}

export function parametersItem(parameters: Parameters, who: AccountId = NETWORK): LedgerEvent {
  return { kind: 'item', who, key: PARAMETERS_KEY, value: encodeParameters(parameters), update: false }
}

export function reportEvent({ account }: Actor, item: ReportItem): LedgerEvent {
  return { kind: 'item', who: account.public, key: reportKey(NETWORK), value: encodeReportItem(item), update: true }
}

/** A ledger that grows: events are put in a block by its height, and all other blocks are empty. */
export class TestChain {
  ledger: Ledger = emptyLedger(NETWORK)
  readonly blocks: LedgerBlock[] = []
  readonly #events = new Map<number, LedgerEvent[]>()
  readonly #from: number
  readonly #name: string

  constructor(from: number, name = 'chain') {
    this.#from = from
    this.#name = name
  }

  /** Adds events to a block that does not exist yet. */
  at(block: number, ...events: LedgerEvent[]): this {
    if (block <= this.head) throw new RangeError(`block ${block} exists`)
    this.#events.set(block, [...(this.#events.get(block) ?? []), ...events])
    return this
  }

  get head(): number {
    return this.#from - 1 + this.blocks.length
  }

  /** Applies all blocks up to and with this one. */
  to(block: number): this {
    while (this.head < block) {
      const number = this.head + 1
      const next: LedgerBlock = { number, hash: this.hash(number), parentHash: this.hash(number - 1), relayRoot: hashOf(`${this.#name} relay ${number}`), events: this.#events.get(number) ?? [] }
      this.ledger = applyBlock(crypto, this.ledger, next)
      this.blocks.push(next)
    }
    return this
  }

  hash(block: number): `0x${string}` {
    return toHex(crypto.sha256(utf8(`${this.#name} ${block}`)))
  }
}
