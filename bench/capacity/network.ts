// The made-up network of bench/capacity.ts: one checker, any number of machines, and a chain of nothing but their registrations. Each process makes the same one from the same names.
import { createHash } from 'node:crypto'
import { type AccountId, checkerRoleId, devnetParameters, emptyLedger, encodeParameters, encodeSignedIdentity, type Hash, type IdentityKind, type Ledger, type LedgerBlock, type LedgerEvent, applyBlock, CHECKER_KEY, MACHINE_KEY, PARAMETERS_KEY, type Parameters } from '@assay/protocol'
import { nodeCrypto, peerKey } from '@assay/runtime-bindings'

type PeerKey = ReturnType<typeof peerKey>

/** What a run is made of; the same for all of its processes. */
export interface Setting {
  windowMs: number
  bandwidthBytes: number
  /** cells that a machine opens, which is how long its openings are */
  samples: number
}

export interface Member { account: AccountId, key: PeerKey }

const digest = (name: string): Uint8Array => createHash('sha256').update(name).digest()
const hashOf = (name: string): Hash => `0x${createHash('sha256').update(name).digest('hex')}`

export const NETWORK: AccountId = hashOf('network')
export const member = (name: string): Member => ({ account: hashOf(name), key: peerKey(digest(`peer of ${name}`)) })
export const CHECKER = member('checker')
export const machineAt = (i: number): Member => member(`machine ${i}`)

/** A devnet's parameters with one checker a machine, and blocks between the rounds in which more machines register. */
export function parametersOf({ windowMs, bandwidthBytes, samples }: Setting): Parameters {
  return { ...devnetParameters(1, 10), windowMs, bandwidthBytes, samples, committee: 1, mirrors: 1, roundBlocks: 30, packageOffset: 18, waitBlocks: 1 }
}

/** Registrations are made up, their signatures too: to check them is no part of a round. */
const CREDULOUS = { ...nodeCrypto, sr25519Verify: () => true, ed25519Verify: () => true }

/** The chain as the checker's ledger takes it, block by block. */
export class Blocks {
  ledger: Ledger = emptyLedger(NETWORK)
  readonly #parameters: Parameters
  #registered = 0

  constructor(parameters: Parameters) {
    this.#parameters = parameters
  }

  /** One more block, in which machines register until there are so many. */
  add(machines = this.#registered): Ledger {
    const number = (this.ledger.head?.number ?? 0) + 1
    const fresh = Array.from({ length: machines - this.#registered }, (_, i) => machineAt(this.#registered + i))
    this.#registered = machines
    const events = [...(number === 1 ? this.#founding() : []), ...fresh.flatMap((machine) => registration('machine', machine))]
    const block: LedgerBlock = { number, hash: hashOf(`block ${number}`), parentHash: hashOf(`block ${number - 1}`), relayRoot: null, events }
    return (this.ledger = applyBlock(CREDULOUS, this.ledger, block))
  }

  #founding(): LedgerEvent[] {
    return [
      { kind: 'item', who: NETWORK, key: PARAMETERS_KEY, value: encodeParameters(this.#parameters), update: false },
      { kind: 'role', owner: NETWORK, role: checkerRoleId(nodeCrypto), user: CHECKER.account, assigned: true },
      ...registration('checker', CHECKER),
    ]
  }
}

function registration(kind: IdentityKind, { account, key }: Member): LedgerEvent[] {
  const nobody = new Uint8Array(64)
  const identity = encodeSignedIdentity({ identity: { kind, network: NETWORK, account, owner: account, peer: key.publicKey, addresses: [], evidence: [] }, accountSignature: nobody, ownerSignature: nobody, peerSignature: nobody })
  const document = digest(`document of ${account}`)
  return [
    { kind: 'attribute', who: account, subject: account, value: document, identity },
    { kind: 'item', who: account, key: kind === 'machine' ? MACHINE_KEY : CHECKER_KEY, value: nodeCrypto.blake2b256(document), update: false },
  ]
}
