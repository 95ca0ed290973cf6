// chopsticks keeps what a block changed in a layer above its parent's, for ever, and looks for a value through all of them by recursion: a chain gets slower with each block, and after some five thousand it exceeds the stack.
import type { Block, Blockchain } from '@acala-network/chopsticks-core'
import { core } from './chopsticks.ts'
import type { Hex } from './genesis.ts'

const WINDOW = 128

/**
 * What is to be called after each block that is built on the head of `chain`: every `window` blocks all that these changed is put into one layer above the window before, and read from there.
 * So n blocks are n / window + window layers deep.
 */
export function createCompactor(chain: Blockchain, window = WINDOW): () => Promise<void> {
  const first = chain.head.number
  return async () => {
    const { head } = chain
    const height = head.number - first
    if (height <= 0 || height % window !== 0) return
    const diffs: Record<Hex, Hex | null>[] = []
    let block: Block | undefined = head
    for (; block !== undefined && diffs.length < window; block = await block.parentBlock) diffs.push((await block.storageDiff()) as Record<Hex, Hex | null>)
    if (block === undefined) return
    const storageDiff = Object.assign({}, ...diffs.reverse()) as Record<Hex, Hex | null>
    const { storage: merged } = new core.Block(chain, head.number, head.hash, block, { header: await head.header, extrinsics: [], storage: block.storage, storageDiff })
    const layers = head.storageLayerCount
    // What is set on the block by hand later lies above.
    Object.defineProperty(head, 'storage', { get: () => (head.storageLayerCount === layers ? merged : stacked(head)) })
  }
}

const { get } = Object.getOwnPropertyDescriptor(core.Block.prototype, 'storage')!

/** A block's storage as chopsticks stacks it. */
export const stacked = (block: Block): Block['storage'] => get!.call(block) as Block['storage']
