// A network's ledger, block by block, without a chain.
import { CHECKER_KEY, MACHINE_KEY, PARAMETERS_KEY, applyBlock, checkerRoleId, emptyLedger, encodeParameters, encodeSignedIdentity, identityDigest } from '@assay/protocol'
import type { AccountId, Hash, Identity, IdentityKind, Ledger, LedgerBlock, LedgerEvent, Parameters } from '@assay/protocol'
import { accountFromSecret, nodeCrypto as crypto, peerKey } from '@assay/runtime-bindings'
import type { Account, PeerKey } from '@assay/runtime-bindings'

export const network: AccountId = `0x${'aa'.repeat(32)}`

export interface Member { kind: IdentityKind, account: Account, peer: PeerKey, addresses: string[] }

/** A machine or checker with keys of its own, made of a small number. */
export function member(kind: IdentityKind, n: number, addresses: string[] = []): Member {
  return { kind, account: accountFromSecret(`//${kind}${n}`), peer: peerKey(new Uint8Array(32).fill(n)), addresses }
}

/** The events by which a member is registered, and gets its role if it is a checker. */
export function registers({ kind, account, peer, addresses }: Member): LedgerEvent[] {
  const identity: Identity = { kind, network, account: account.id, owner: account.id, peer: peer.publicKey, addresses, evidence: [] }
  const digest = identityDigest(crypto, identity)
  const signed = encodeSignedIdentity({ identity, accountSignature: account.pair.sign(digest), ownerSignature: account.pair.sign(digest), peerSignature: peer.sign(digest) })
  return [
    { kind: 'attribute', who: account.id, subject: account.id, value: signed, identity: signed },
    { kind: 'item', who: account.id, key: kind === 'machine' ? MACHINE_KEY : CHECKER_KEY, value: crypto.blake2b256(signed), update: false },
    ...(kind === 'checker' ? [{ kind: 'role', owner: network, role: checkerRoleId(crypto), user: account.id, assigned: true } as const] : []),
  ]
}

/** The event that founds the network. */
export function founds(parameters: Parameters): LedgerEvent {
  return { kind: 'item', who: network, key: PARAMETERS_KEY, value: encodeParameters(parameters), update: false }
}

export const blockHash = (number: number): Hash => `0x${number.toString(16).padStart(64, '0')}`

/** The states after blocks 1 … `last`, by number; `events` of a block by its number. Call `cryptoReady` first. */
export function ledgersUpTo(last: number, events: Record<number, LedgerEvent[]>): Ledger[] {
  const ledgers: Ledger[] = []
  let ledger = emptyLedger(network)
  for (let number = 1; number <= last; number++) {
    const block: LedgerBlock = { number, hash: blockHash(number), parentHash: blockHash(number - 1), relayRoot: null, events: events[number] ?? [] }
    ledger = applyBlock(crypto, ledger, block)
    ledgers[number] = ledger
  }
  return ledgers
}
