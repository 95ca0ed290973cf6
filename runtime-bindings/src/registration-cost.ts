import { CHECKER_KEY, encodeSignedIdentity, MACHINE_KEY, type AccountId, type Hex, type IdentityKind } from '@assay/protocol'
import type { Account } from './account.ts'
import { readBalance } from './balances.ts'
import type { Chain } from './chain.ts'
import { putAttribute } from './did.ts'
import { buildDocument } from './document.ts'
import { fullFee, type Sender } from './sender.ts'
import { putItem, readItem } from './storage.ts'
import { batchAll } from './utility.ts'

/** What a registration takes, in planck. */
export interface RegistrationCost {
  /** Whether the account has written an identity of that kind before, of whatever network: then nothing is asked for here. */
  readonly registered: boolean
  /** The most that the chain takes as fee. */
  readonly fee: bigint
  /** Held by the chain while the registration stands. */
  readonly deposits: bigint
  /** What the account must keep to live. */
  readonly keep: bigint
  /** What the account has now. */
  readonly has: bigint
  /** What it lacks of the three together. */
  readonly missing: bigint
}

const NO_SIGNATURE = new Uint8Array(64)
const NO_ANCHOR = new Uint8Array(32)

/** What `registerIdentity` will take from the account, before anything is spent: nothing is signed, sent or changed. Throws MissingFeatureError, and what `rpc.request` throws. */
export async function registrationCost({ chain, sender, account, owner, peer, kind, network }: { chain: Chain; sender: Pick<Sender, 'estimate'>; account: Account; owner: AccountId; peer: Hex; kind: IdentityKind; network: AccountId }): Promise<RegistrationCost> {
  const key = kind === 'machine' ? MACHINE_KEY : CHECKER_KEY
  const [has, anchor] = await Promise.all([readBalance(chain, account.id).then(({ usable }) => usable), readItem(chain, account.id, key)])
  const keep = chain.features.existentialDeposit
  if (anchor !== null) return { registered: true, fee: 0n, deposits: 0n, keep, has, missing: 0n }
  // Of the same length as the signed one: that is what the fee goes by.
  const identity = encodeSignedIdentity({ identity: { kind, network, account: account.id, owner, peer, addresses: [], evidence: [] }, accountSignature: NO_SIGNATURE, ownerSignature: NO_SIGNATURE, peerSignature: NO_SIGNATURE })
  const document = await buildDocument({ account: account.id, owner, peer, addresses: [], identity })
  const attribute = await putAttribute(chain, account.id, `assay/${network.slice(2, 18)}/${kind}`, document)
  const fee = fullFee((await sender.estimate(batchAll(chain, [attribute.call, await putItem(chain, account.id, key, NO_ANCHOR)]))).fee)
  const deposits = (chain.features.storage?.deposit ?? 0n) + (attribute.added ? (chain.features.did?.deposit ?? 0n) : 0n)
  const total = fee + deposits + keep
  return { registered: false, fee, deposits, keep, has, missing: total > has ? total - has : 0n }
}
