// A block in one task of the executor instead of four calls and two more for each transaction: chopsticks' own rebuilds the virtual
// machine for each call, and takes a list of them.
import type { Block, Blockchain, BuildBlockParams } from '@acala-network/chopsticks-core'
import type { Vec } from '@polkadot/types'
import type { EventRecord } from '@polkadot/types/interfaces'
import { blake2AsU8a, core, hexToU8a, u8aConcat } from './chopsticks.ts'
import { runFast, type TaskResult } from './executor.ts'
import type { Hex } from './genesis.ts'

/** The block cannot be built this way; chopsticks' own builder must do it. The head is untouched. */
export class FastBuildError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FastBuildError'
  }
}

/** True where only chopsticks' own builder knows the way: the first block (its parent hash is mended), messages, height jumps. */
export function needsStock(chain: Blockchain, params: BuildBlockParams): boolean {
  return (
    chain.head.number === 0 ||
    params.unsafeBlockHeight !== undefined ||
    params.downwardMessages.length > 0 ||
    Object.keys(params.upwardMessages).length > 0 ||
    Object.keys(params.horizontalMessages).length > 0
  )
}

/** All calls in one task of chopsticks' executor. */
async function runStock(block: Block, calls: [string, Hex[]][]): Promise<TaskResult> {
  const { mockSignatureHost, allowUnresolvedImports, runtimeLogLevel } = block.chain
  const outcome = await core.runTask({ wasm: await block.wasm, calls, mockSignatureHost, allowUnresolvedImports, runtimeLogLevel }, core.taskHandler(block))
  if (!('Call' in outcome)) throw new FastBuildError(`the runtime refused block ${block.number}: ${outcome.Error}`)
  return outcome.Call
}

/**
 * The next block on the head, of the inherents and `params.transactions` in this order; not yet the head.
 * A refused transaction would leave its half-done changes in a single call, so any that was not applied gives up the block.
 * @throws FastBuildError
 */
export async function fastBlock(chain: Blockchain, params: BuildBlockParams): Promise<Block> {
  const head = chain.head
  const registry = await head.registry
  const meta = await head.meta
  const header = await core.newHeader(head)
  const number = header.number.toNumber()
  const draft = new core.Block(chain, number, header.hash.toHex(), head, { header, extrinsics: [], storage: head.storage })

  const inherents: Hex[] = []
  for (const provider of chain.getInherents()) inherents.push(...(await provider.createInherents(draft, params)))
  const extrinsics = [...inherents, ...params.transactions]
  const calls: [string, Hex[]][] = [
    ['Core_initialize_block', [header.toHex()]],
    ...extrinsics.map((extrinsic): [string, Hex[]] => ['BlockBuilder_apply_extrinsic', [extrinsic]]),
    ['BlockBuilder_finalize_block', []],
  ]
  const outcome = (await runFast(draft, calls)) ?? (await runStock(draft, calls))
  const storageDiff = Object.fromEntries(outcome.storageDiff) as Record<Hex, Hex | null>
  const raw = storageDiff[core.compactHex(meta.query['system']!['events']!())]
  if (raw === undefined || raw === null) throw new FastBuildError(`block ${number} has no events`)
  const events = registry.createType('Vec<EventRecord>', hexToU8a(raw)) as Vec<EventRecord>
  const applied = events.filter(({ event }) => event.section === 'system' && (event.method === 'ExtrinsicSuccess' || event.method === 'ExtrinsicFailed')).length
  if (applied !== extrinsics.length) throw new FastBuildError(`block ${number}: ${extrinsics.length - applied} of ${extrinsics.length} extrinsics were not applied`)

  // As chopsticks does: the extrinsics root is a hash over the extrinsics, the state root stays zero.
  const sealed = registry.createType('Header', { ...(header.toJSON() as object), extrinsicsRoot: blake2AsU8a(u8aConcat(...extrinsics), 256) })
  return new core.Block(chain, number, sealed.hash.toHex(), head, { header: sealed as typeof header, extrinsics, storage: head.storage, storageDiff })
}
