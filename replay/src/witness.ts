// Holds a recording's blocks against a node that the reader chose: whose word they are on from then on.
import { type Crypto, fromHex, type Hash, type Hex, isHash, type Ledger, type LedgerBlock, parametersFor, toHex } from '@assay/protocol'
import { EventShapeError, headerHash, LayoutError, ledgerReader, type LedgerReader, type RawHeader, readMetadata, STORAGE_KEYS } from '@assay/substrate'
import { browserCrypto } from './crypto.ts'
import { connectNode, type NodeConnection, NodeError, type NodeErrorCode, type NodeOptions } from './node.ts'
import { keptEvents } from './recorder.ts'
import type { RecordedBlock, RecordedEvent, Recording } from './recording.ts'

/** The first thing in which a recording is not what the node's chain is; each side in words, null where it has nothing. */
export interface BlockDifference {
  block: number
  what: 'begin' | 'hash' | 'parent' | 'relay root' | 'event'
  /** Of an event its place among those of the block that a recording keeps; else 0. */
  at: number
  recorded: string | null
  chain: string | null
}

export type Witnessed =
  /** Every block is the node's: none left out, none added, none altered. */
  | { kind: 'agrees'; blocks: number; first: number; last: number }
  /** `blocks` before it are the node's. */
  | { kind: 'differs'; blocks: number; difference: BlockDifference }
  /** The node's chain begins with another block. */
  | { kind: 'other chain'; expected: Hash; found: Hash }
  /** The node does not answer, or not so that anything follows; nothing is said of the recording. */
  | { kind: 'unusable'; blocks: number; code: NodeErrorCode; text: string }

export interface WitnessOptions extends NodeOptions {
  crypto?: Pick<Crypto, 'blake2b256'>
  /** Hash of block 0 of the chain that the network is said to be on; null: not known, which only costs a clearer word. */
  genesis?: Hash | null
  /** Told how many blocks were found to be the node's, as it goes. */
  progress?: (blocks: number) => void
}

/** Blocks that are asked for together. */
const RUN = 32
/** Runs under way at a time. */
const AHEAD = 4
/** Runtimes kept at a time; a history has a few, one after the other. */
const RUNTIMES = 4

/**
 * Reads every block of the recording from the node at `address` and compares what a recording would keep of it, byte for byte. `ledger` is what came of the recorded blocks.
 *
 * What the node says must hang together: a header has the hash it is asked by, each block stands on the one before, events are read by the metadata of the code that ran the block. Beyond that the node is believed.
 * Rejects with the signal's reason if that aborts.
 */
export async function witnessRecording(recording: Recording, ledger: Ledger, address: string, options: WitnessOptions): Promise<Witnessed> {
  const count = { blocks: 0 }
  try {
    const node = await connectNode(address, options)
    try {
      return await compareWith(node, recording, ledger, options, count)
    } finally {
      node.close()
    }
  } catch (error) {
    if (!(error instanceof NodeError)) throw error
    return { kind: 'unusable', ...count, code: error.code, text: error.message }
  }
}

async function compareWith(node: NodeConnection, recording: Recording, ledger: Ledger, { crypto = browserCrypto, genesis = null, progress }: WitnessOptions, count: { blocks: number }): Promise<Witnessed> {
  const { first, blocks } = recording
  const found = hashIn(await node.ask('chain_getBlockHash', [0]), 'block 0')
  if (genesis !== null && found !== genesis) return { kind: 'other chain', expected: genesis, found }
  // A recording that began later could leave out whatever stood before.
  const origin = parametersFor(ledger, 0)?.origin ?? 0
  if (first > origin) return { kind: 'differs', ...count, difference: { block: origin, what: 'begin', at: 0, recorded: `begins at block ${first}`, chain: `the network’s history begins at block ${origin}` } }

  const readerAfter = runtimes(node)
  const starts = Array.from({ length: Math.ceil(blocks.length / RUN) }, (_, i) => i * RUN)
  const window: Promise<BlockDifference | undefined>[] = []
  for (const [i, start] of starts.entries()) {
    for (let next = i + window.length; next < starts.length && window.length < AHEAD; next++) window.push(begun(starts[next]!))
    const difference = await window.shift()!
    if (difference !== undefined) return { kind: 'differs', blocks: difference.block - first, difference }
    count.blocks = Math.min(blocks.length, start + RUN)
    progress?.(count.blocks)
  }
  return { kind: 'agrees', ...count, first, last: first + blocks.length - 1 }

  // A failure is looked at when its turn comes.
  function begun(start: number): Promise<BlockDifference | undefined> {
    const run = compareRun(start)
    run.catch(() => {})
    return run
  }

  /** The first difference among the run's blocks. */
  async function compareRun(start: number): Promise<BlockDifference | undefined> {
    const run = blocks.slice(start, start + RUN)
    const hashes = await node.ask('chain_getBlockHash', [run.map((_, i) => first + start + i)])
    if (!Array.isArray(hashes) || hashes.length !== run.length) throw new NodeError('INCONSISTENT', 'the node gives no list of hashes for a list of heights')
    const compared = await Promise.allSettled(run.map((block, i) => compareBlock(start + i, block, hashes[i])))
    // In their order: what a block's difference is worth depends on the ones before it.
    for (const one of compared) {
      if (one.status === 'rejected') throw one.reason
      if (one.value !== undefined) return one.value
    }
    return undefined
  }

  async function compareBlock(at: number, recorded: RecordedBlock, told: unknown): Promise<BlockDifference | undefined> {
    const number = first + at
    if (told === null) throw new NodeError('LACKING', `the node has no block ${number}: it is still behind`)
    const hash = hashIn(told, `block ${number}`)
    if (hash !== recorded.hash) return { block: number, what: 'hash', at: 0, recorded: recorded.hash, chain: hash }
    const block = await blockOf(node, crypto, readerAfter, number, hash)
    return differenceOf(crypto, recording, at, block)
  }
}

/** How a recorded block is not the chain's, whose hash it has; undefined if it is. */
function differenceOf(crypto: Pick<Crypto, 'blake2b256'>, { network, first, parent, blocks }: Recording, at: number, block: LedgerBlock): BlockDifference | undefined {
  const { relayRoot: [root], events } = blocks[at]!
  const recordedParent = at === 0 ? parent : blocks[at - 1]!.hash
  const base = { block: first + at, at: 0 }
  // (Of block 0 a node has no parent, and nobody asks for one.)
  if (block.number > 0 && block.parentHash !== recordedParent) return { ...base, what: 'parent', recorded: recordedParent, chain: block.parentHash }
  // One that is not recorded changes nothing: where the rules need it, there is no replay without.
  if (root !== undefined && root !== block.relayRoot) return { ...base, what: 'relay root', recorded: root, chain: block.relayRoot }
  const [ours, theirs] = [events.map(textOf), keptEvents(crypto, network, block).map(textOf)]
  const parted = Array.from({ length: Math.max(ours.length, theirs.length) }, (_, i) => i).find((i) => ours[i] !== theirs[i])
  return parted === undefined ? undefined : { ...base, what: 'event', at: parted, recorded: ours[parted] ?? null, chain: theirs[parted] ?? null }
}

/** All of an event in one line; two events of the same line are the same. The key is last, for it may have any character. */
function textOf({ tag, value }: RecordedEvent): string {
  switch (tag) {
    case 'itemAdded':
    case 'itemUpdated':
      return `${tag === 'itemAdded' ? 'new item' : 'changed item'} of ${value.who}: ${toHex(value.value)} under ${value.key}`
    case 'document':
      return `document ${toHex(value)}`
    case 'assigned':
    case 'unassigned':
      return `role ${value.role} ${tag === 'assigned' ? 'given to' : 'taken from'} ${value.user}`
  }
}

/** A block as the ledger takes it, read from the node. */
async function blockOf(node: NodeConnection, crypto: Pick<Crypto, 'blake2b256'>, readerAfter: (parent: Hash) => Promise<LedgerReader>, number: number, hash: Hash): Promise<LedgerBlock> {
  if (number === 0) return { number, hash, parentHash: hash, relayRoot: null, events: [] } // a genesis has no events, and development chains invent its hash
  const [{ parentHash }, state] = await Promise.all([headerOf(node, crypto, number, hash), stateOf(node, number, hash)])
  const reader = await readerAfter(parentHash)
  try {
    return { number, hash, parentHash, relayRoot: state.validation && reader.relayRoot(state.validation), events: reader.events(state.events) }
  } catch (cause) {
    // (A RangeError is the stack's: values nested without end.)
    if (cause instanceof LayoutError || cause instanceof RangeError || cause instanceof EventShapeError) throw new NodeError('UNREADABLE', `the events of block ${number} cannot be read by the metadata that the node gives: ${cause.message}`, { cause })
    throw cause
  }
}

async function headerOf(node: NodeConnection, crypto: Pick<Crypto, 'blake2b256'>, number: number, hash: Hash): Promise<RawHeader> {
  // Of any other shape it has no hash.
  const header = (await node.ask('chain_getHeader', [hash])) as RawHeader | null
  if (header === null) throw new NodeError('LACKING', `the node no longer has block ${number}: ask one that keeps all blocks (an archive node)`)
  try {
    if (Number(header.number) === number && headerHash(crypto, header) === hash) return header
  } catch {
    // said below
  }
  throw new NodeError('INCONSISTENT', `the node says that block ${number} is ${hash}, and gives a header that has another hash`)
}

async function stateOf(node: NodeConnection, number: number, hash: Hash): Promise<{ events: Uint8Array; validation: Uint8Array | null }> {
  const { events, validationData } = STORAGE_KEYS
  const answer = await node.ask('state_queryStorageAt', [[events, validationData], hash])
  const value = (key: Hex): Uint8Array | null => {
    try {
      const [set] = answer as { changes: [Hex, Hex | null][] }[]
      const raw = set?.changes.find(([of]) => of === key)?.[1] ?? null
      return raw && fromHex(raw)
    } catch (cause) {
      throw new NodeError('INCONSISTENT', `what the node gives of the state of block ${number} is no storage`, { cause })
    }
  }
  const found = value(events)
  // Every block has some: at least those of the extrinsics that tell it the time.
  if (found === null) throw new NodeError('LACKING', `the node no longer has the events of block ${number}: ask one that keeps all state (an archive node)`)
  return { events: found, validation: value(validationData) }
}

/** The reader for children of a block: by the code in its state, which ran them. */
function runtimes(node: NodeConnection): (parent: Hash) => Promise<LedgerReader> {
  const known = new Map<Hash, Promise<LedgerReader>>()
  const make = async (parent: Hash): Promise<LedgerReader> => {
    const metadata = await node.ask('state_getMetadata', [parent])
    try {
      return ledgerReader(readMetadata(fromHex(metadata as Hex)))
    } catch (cause) {
      throw new NodeError('UNREADABLE', `the metadata that the node gives after block ${parent} cannot be read: ${String(cause)}`, { cause })
    }
  }
  return async (parent) => {
    const code = hashIn(await node.ask('state_getStorageHash', [STORAGE_KEYS.code, parent]), `the code after block ${parent}`)
    const found = known.get(code) ?? make(parent)
    // The last used is last.
    known.delete(code)
    known.set(code, found)
    for (const old of [...known.keys()].slice(0, -RUNTIMES)) known.delete(old)
    return found
  }
}

function hashIn(value: unknown, of: string): Hash {
  if (typeof value !== 'string' || !isHash(value)) throw new NodeError('INCONSISTENT', `the node gives no hash of ${of}`)
  return value
}
