// What the settlement of an epoch really did on chain, read from its block and not from what anybody says of it.
import { fromHex, toHex, type AccountId, type Hash, type Hex } from '@assay/protocol'
import { nodeCrypto, readBalance, type Chain } from '@assay/runtime-bindings'

export interface Settlement {
  block: number
  extrinsic: Hash
  /** What the pot had less after the block than before it, in planck. */
  potPaid: bigint
  /** Transfers of the pot in that extrinsic. */
  transfers: { to: AccountId; planck: bigint; before: bigint; after: bigint }[]
}

/** The shape of a decoded event record, as far as it is read here. */
interface Recorded {
  phase: { isApplyExtrinsic: boolean; asApplyExtrinsic: { toNumber(): number } }
  event: { section: string; method: string; data: { toU8a(): Uint8Array; toString(): string }[] }
}

/** Reads the settlement in block `number`; null if the block holds no transfer of the pot inside a multisig. */
export async function readSettlement(chain: Chain, pot: AccountId, number: number): Promise<Settlement | null> {
  const hash = await chain.rpc.request<Hash>('chain_getBlockHash', [number])
  const parent = await chain.rpc.request<Hash>('chain_getBlockHash', [number - 1])
  const records = ((await chain.read('system', 'events', [], hash)) ?? []) as unknown as Recorded[]
  const executed = records.find(({ event }) => event.section.toLowerCase() === 'multisig' && event.method === 'MultisigExecuted')
  if (executed === undefined || !executed.phase.isApplyExtrinsic) return null
  const index = executed.phase.asApplyExtrinsic.toNumber()
  const { block } = await chain.rpc.request<{ block: { extrinsics: Hex[] } }>('chain_getBlock', [hash])
  const paid = records.filter(({ phase, event }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.toNumber() === index && event.section === 'balances' && event.method === 'Transfer' && toHex(event.data[0]!.toU8a()) === pot)
  const transfers = await Promise.all(
    paid.map(async ({ event }) => {
      const to = toHex(event.data[1]!.toU8a())
      const [before, after] = await Promise.all([readBalance(chain, to, parent), readBalance(chain, to, hash)])
      return { to, planck: BigInt(event.data[2]!.toString()), before: before.free, after: after.free }
    }),
  )
  const [potBefore, potAfter] = await Promise.all([readBalance(chain, pot, parent), readBalance(chain, pot, hash)])
  return { block: number, extrinsic: toHex(nodeCrypto.blake2b256(fromHex(block.extrinsics[index]!))), potPaid: potBefore.free - potAfter.free, transfers }
}
