import type { Call } from '@polkadot/types/interfaces'
import {
  CHECKER_KEY,
  decodeSignedIdentity,
  documentIdentity,
  encodeSignedIdentity,
  equalBytes,
  identityDigest,
  MACHINE_KEY,
  toHex,
  verifyIdentity,
  type AccountId,
  type Hash,
  type Identity,
  type IdentityKind,
} from '@assay/protocol'
import { toAddress, type Account, type PeerKey } from './account.ts'
import { formatAmount, readBalance, transfer, roundUp } from './balances.ts'
import type { Chain } from './chain.ts'
import type { Consent } from './consent.ts'
import { nodeCrypto } from './crypto.ts'
import { putAttribute, readAttribute } from './did.ts'
import { buildDocument } from './document.ts'
import { ChainError } from './errors.ts'
import { findNetwork } from './network.ts'
import { describeResult, type TxFailure } from './result.ts'
import { fullFee, type Sender } from './sender.ts'
import { putItem, readItem, updateItem } from './storage.ts'
import { batchAll } from './utility.ts'

/** Where the document that this account registered last is kept, so that a restart knows it even if others have overwritten the DID since. */
export interface DocumentMemory {
  load(): Promise<Uint8Array | undefined>
  save(document: Uint8Array): Promise<void>
}

export interface RegisterOptions {
  chain: Chain
  /** Sends for the account, which signs its own registration. */
  sender: Sender
  /** Sends for the owner: pays what the account lacks. Without it the account must have enough. */
  ownerSender?: Sender
  /** The owner's key, or its consent to this very identity where the key is elsewhere. */
  owner: Account | Consent
  account: Account
  peer: Pick<PeerKey, 'publicKey' | 'sign'>
  kind: IdentityKind
  network: AccountId
  /** Multiaddrs where a checker listens; none for a machine. */
  addresses: readonly string[]
  /** HTTP base URLs of a checker's evidence; none for a machine. */
  evidence: readonly string[]
  /** Planck that the account shall have left for its work, topped up by the owner; default 0n. */
  reserve?: bigint
  memory?: DocumentMemory
  confirmations?: number
  timeoutMs?: number
}

export interface Registration {
  readonly state: 'unchanged' | 'registered'
  /** H(document), as written on chain. */
  readonly anchor: Hash
  readonly document: Uint8Array
  /** The block of the registration made now. */
  readonly block?: number
}

/** Somebody must send money: exactly how much, and where. */
export class MissingFundsError extends ChainError {
  readonly address: string
  /** Planck. */
  readonly missing: bigint
  constructor(address: string, missing: bigint, what: string) {
    super('MISSING_FUNDS', `${address} lacks ${formatAmount(missing)} for ${what}.`, `Send at least ${formatAmount(roundUp(missing))} to ${address}.`)
    this.address = address
    this.missing = missing
  }
}

/**
 * Makes the account a registered machine or checker of the network: one `batchAll` by it with the DID document (identity signed by account, owner and peer key) and its anchor. Does nothing if the
 * chain has this very identity. What the account lacks for fees, deposits and `reserve` comes from the owner, if its sender is given.
 * Throws MissingFundsError, ChainError NO_NETWORK, NO_CONSENT or REGISTRATION_FAILED, RangeError for an identity against the rules, and what `rpc.request` throws.
 */
export async function registerIdentity(options: RegisterOptions): Promise<Registration> {
  const { chain, sender, owner, account, peer, kind, network, addresses, reserve = 0n, memory } = options
  if (!(await findNetwork(chain, network))) {
    throw new ChainError('NO_NETWORK', `The account ${toAddress(network)} holds no network on this chain.`, 'Check the network\'s address and the chain; a network that is being created appears when enough founders have approved.')
  }
  const identity = identityOf(options, ownerOf(owner))
  const wanted = identityDigest(nodeCrypto, identity)
  if (!('pair' in owner) && !equalBytes(identityDigest(nodeCrypto, owner.identity), wanted)) {
    throw new ChainError('NO_CONSENT', `The owner ${toAddress(identity.owner)} agreed to another identity than ${account.address} would register.`, 'Ask the owner again: make a new request with the keys and places that are used now.')
  }
  const { anchor, document: registered } = await registeredNow(options, wanted)
  if (registered) {
    await topUp(options, reserve, 'its work')
    return { state: 'unchanged', anchor: toHex(anchor!), document: registered }
  }

  const signed = encodeSignedIdentity({ identity, accountSignature: account.pair.sign(wanted), ownerSignature: 'pair' in owner ? owner.pair.sign(wanted) : owner.signature, peerSignature: peer.sign(wanted) })
  const document = await buildDocument({ account: account.id, owner: identity.owner, peer: peer.publicKey, addresses, identity: signed })
  if (!sameIdentity(document, wanted, network, account.id)) throw new ChainError('REGISTRATION_FAILED', 'The identity does not verify with the keys given.', 'Check that the keystore belongs together.')

  let last: TxFailure | undefined
  // Others may write to our DID between our look at it and our block; then look again.
  for (let attempt = 0; attempt < 3; attempt++) {
    const { call, fee, deposits, newAnchor } = await prepared(options, document, anchor)
    await topUp(options, fee + deposits + chain.features.existentialDeposit + reserve, `the registration of ${account.address}`)
    await memory?.save(document) // before it can be on chain: a crash in between costs a second registration at most
    const result = await sender.send(call, { label: `registration of the ${kind}`, spend: deposits, ...limits(options) })
    if (result.ok) return { state: 'registered', anchor: toHex(newAnchor), document, block: result.block }
    if (result.code === 'NO_FUNDS' && result.missing !== undefined) throw new MissingFundsError(account.address, result.missing, `the registration of ${account.address}`)
    last = result
    if (result.code !== 'DISPATCH' || !result.name?.startsWith('peaqDid.')) break
  }
  throw new ChainError('REGISTRATION_FAILED', `The registration of ${account.address} failed: ${describeResult(last!)}`, last!.advice ?? 'See the chain\'s reason.', { exit: last!.final ? 1 : 75 })
}

/** What a registration takes, in planck. */
export interface RegistrationCost {
  /** Whether the chain has this very identity: then it costs nothing. */
  readonly registered: boolean
  /** The most that the chain takes as fee. */
  readonly fee: bigint
  /** Held by the chain while the registration stands. */
  readonly deposits: bigint
  /** What the account must keep to live. */
  readonly keep: bigint
  /** What the account lacks of the three together. */
  readonly missing: bigint
}

/** What `registerIdentity` will take, before anything is spent: nothing is signed, sent or changed, and of the peer's key and the owner only who they are is asked for. Throws what `rpc.request` throws. */
export async function registrationCost(options: Places & { sender: Pick<Sender, 'estimate'>; owner: AccountId }): Promise<RegistrationCost> {
  const { chain, account, owner, peer, addresses } = options
  const identity = identityOf(options, owner)
  const { anchor, document: registered } = await registeredNow(options, identityDigest(nodeCrypto, identity))
  const keep = chain.features.existentialDeposit
  if (registered) return { registered: true, fee: 0n, deposits: 0n, keep, missing: 0n }
  // As long as the signed one, and that is what the fee goes by.
  const unsigned = encodeSignedIdentity({ identity, accountSignature: NO_SIGNATURE, ownerSignature: NO_SIGNATURE, peerSignature: NO_SIGNATURE })
  const { fee, deposits } = await prepared(options, await buildDocument({ account: account.id, owner, peer: peer.publicKey, addresses, identity: unsigned }), anchor)
  const missing = fee + deposits + keep - (await readBalance(chain, account.id)).usable
  return { registered: false, fee, deposits, keep, missing: missing > 0n ? missing : 0n }
}

const NO_SIGNATURE = new Uint8Array(64)

/** Who registers where, as what. */
type Places = Pick<RegisterOptions, 'chain' | 'account' | 'kind' | 'network' | 'addresses' | 'evidence' | 'memory'> & { peer: Pick<PeerKey, 'publicKey'> }

const identityOf = ({ kind, network, account, peer, addresses, evidence }: Places, owner: AccountId): Identity => ({ kind, network, account: account.id, owner, peer: peer.publicKey, addresses: [...addresses], evidence: [...evidence] })

/** The name of the DID's attribute with the document. */
const attributeName = ({ network, kind }: Pick<Places, 'network' | 'kind'>): string => `assay/${network.slice(2, 18)}/${kind}`

/** The anchor that the account has on chain, and its document if that says what is wanted. */
async function registeredNow({ chain, account, kind, network, memory }: Places, wanted: Uint8Array): Promise<{ anchor: Uint8Array | null; document: Uint8Array | null }> {
  const anchor = await readItem(chain, account.id, anchorKey(kind))
  if (anchor === null) return { anchor, document: null }
  const documents = [await memory?.load(), await readAttribute(chain, account.id, attributeName({ network, kind }))]
  return { anchor, document: documents.find((document) => document && equalBytes(nodeCrypto.blake2b256(document), anchor) && sameIdentity(document, wanted, network, account.id)) ?? null }
}

/** The call that writes the document and its anchor, by what is on chain now, and what it takes. */
async function prepared(options: Places & { sender: Pick<Sender, 'estimate'> }, document: Uint8Array, anchor: Uint8Array | null): Promise<{ call: Call; fee: bigint; deposits: bigint; newAnchor: Uint8Array }> {
  const { chain, sender, account, kind } = options
  const newAnchor = nodeCrypto.blake2b256(document)
  const attribute = await putAttribute(chain, account.id, attributeName(options), document)
  const call = batchAll(chain, [attribute.call, await putItem(chain, account.id, anchorKey(kind), newAnchor)])
  const deposits = (attribute.added ? (chain.features.did?.deposit ?? 0n) : 0n) + (anchor ? 0n : (chain.features.storage?.deposit ?? 0n))
  return { call, fee: fullFee((await sender.estimate(call)).fee), deposits, newAnchor }
}

export interface RetireOptions extends Pick<RegisterOptions, 'chain' | 'sender' | 'account' | 'kind' | 'confirmations' | 'timeoutMs'> {}

/**
 * Takes the account out of its network: its anchor is emptied, which the rules count as leaving. Does nothing if it never registered or has left already. What it has then can be registered again.
 * Throws MissingFundsError, ChainError RETIREMENT_FAILED, and what `rpc.request` throws.
 */
export async function retireIdentity(options: RetireOptions): Promise<{ state: 'retired', block: number } | { state: 'unchanged' | 'never registered' }> {
  const { chain, sender, account, kind } = options
  const key = anchorKey(kind)
  const anchor = await readItem(chain, account.id, key)
  if (anchor === null) return { state: 'never registered' }
  if (anchor.length === 0) return { state: 'unchanged' }
  const result = await sender.send(updateItem(chain, key, new Uint8Array()), { label: `retirement of the ${kind}`, ...limits(options) })
  if (result.ok) return { state: 'retired', block: result.block }
  if (result.code === 'NO_FUNDS' && result.missing !== undefined) throw new MissingFundsError(account.address, result.missing, `the retirement of ${account.address}`)
  throw new ChainError('RETIREMENT_FAILED', `The retirement of ${account.address} failed: ${describeResult(result)}`, result.advice ?? 'See the chain\'s reason.', { exit: result.final ? 1 : 75 })
}

const anchorKey = (kind: IdentityKind): string => (kind === 'machine' ? MACHINE_KEY : CHECKER_KEY)

// Brings the account to `target` planck from the owner's money.
async function topUp(options: RegisterOptions, target: bigint, what: string): Promise<void> {
  const { chain, account, ownerSender } = options
  const owner = ownerOf(options.owner)
  const missing = target - (await readBalance(chain, account.id)).usable
  if (missing <= 0n) return
  if (!ownerSender || owner === account.id) throw new MissingFundsError(account.address, missing, what)
  const result = await ownerSender.send(transfer(chain, account.id, missing), { label: `funds for ${account.address}`, spend: missing, ...limits(options) })
  if (result.ok) return
  if (result.code === 'NO_FUNDS' && result.missing !== undefined) throw new MissingFundsError(toAddress(owner), result.missing, what)
  throw new ChainError('REGISTRATION_FAILED', `The owner ${toAddress(owner)} cannot fund ${account.address}: ${describeResult(result)}`, result.advice ?? 'See the chain\'s reason.', { exit: result.final ? 1 : 75 })
}

/** The owner's account, whether its key is here or only its consent. */
export const ownerOf = (owner: Account | Consent): AccountId => ('pair' in owner ? owner.id : owner.identity.owner)

function sameIdentity(document: Uint8Array, digest: Uint8Array, network: AccountId, account: AccountId): boolean {
  const bytes = documentIdentity(document)
  if (!bytes) return false
  try {
    const signed = decodeSignedIdentity(bytes)
    return equalBytes(identityDigest(nodeCrypto, signed.identity), digest) && verifyIdentity(nodeCrypto, signed, { network, account }) === 'OK'
  } catch {
    return false // bytes of someone else's making
  }
}

const limits = ({ confirmations, timeoutMs }: Pick<RegisterOptions, 'confirmations' | 'timeoutMs'>) => ({ ...(confirmations === undefined ? {} : { confirmations }), ...(timeoutMs === undefined ? {} : { timeoutMs }) })
