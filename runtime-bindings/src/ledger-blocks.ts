import type { Observable } from 'rxjs'
import type { Vec } from '@polkadot/types-codec'
import type { EventRecord } from '@polkadot/types/interfaces'
import type { Hash, Hex, LedgerBlock, LedgerEvent } from '@assay/protocol'
import { EventShapeError, LayoutError, ledgerReader, readMetadata, STORAGE_KEYS, type LedgerReader } from '@assay/substrate'
import { blockRuns, fromBlocks, singly, type BlockEvent, type BlockOptions, type Header, type Loaded, type RunEvent } from './blocks.ts'
import type { Chain } from './chain.ts'
import { ChainError } from './errors.ts'
import { specOf, type Runtime } from './runtime.ts'
import { util } from './polkadot.ts'

export type LedgerBlockEvent = BlockEvent<LedgerBlock>
export type LedgerRunEvent = RunEvent<LedgerBlock>

/**
 * The chain as the protocol's ledger takes it: confirmed blocks with the effects of the peaq pallets, and what happens to the stream (see `blocks`). Pull-based: a reader that writes each block
 * to its database holds the stream back, and memory stays flat.
 *
 *     for await (const event of ledgerBlocks(chain, { from: parameters.origin, confirmations: 2, signal })) …
 */
export function ledgerBlocks(chain: Chain, options: BlockOptions): AsyncGenerator<LedgerBlockEvent, void, undefined> {
  return singly(ledgerRuns(chain, options))
}

/** The same in runs, for a reader that takes many blocks at a time (see `blockRuns`). */
export function ledgerRuns(chain: Chain, options: BlockOptions): AsyncGenerator<LedgerRunEvent, void, undefined> {
  return blockRuns(chain, options, (headers) => loadRun(chain, headers))
}

/** The same as an Observable, for readers that keep up. */
export function ledgerBlocks$(chain: Chain, options: BlockOptions): Observable<LedgerBlockEvent> {
  return fromBlocks((signal) => ledgerBlocks(chain, { ...options, signal }), options.signal)
}

/** Reads one block's effects: a few storage values in one request, no runtime call. Throws ChainError UNREADABLE_BLOCK if the events do not decode by the runtime's own metadata. */
export async function loadLedgerBlock(chain: Chain, header: Header): Promise<LedgerBlock> {
  return (await loadRun(chain, [header])[0]!).value
}

/** The decoded `system.events` of a block. Throws ChainError UNREADABLE_BLOCK. */
export async function loadEvents(chain: Chain, header: Header): Promise<{ runtime: Runtime; records: readonly EventRecord[] }> {
  const [state, code] = await Promise.all([readStates(chain, [header])[0]!, chain.codeHashAt(header.parentHash)])
  const runtime = await chain.runtimeAfter(header.parentHash, code, state.marker)
  return { runtime, records: decodeEvents(runtime, state.events, header.number) }
}

/**
 * Blocks that follow one another, asked for side by side. The code that ran the first and the last of them is asked for by its hash: where the two are one and no block between names another
 * runtime, it ran them all. (A version number would not do: a runtime may change and keep it.)
 */
function loadRun(chain: Chain, headers: readonly Header[]): Promise<Loaded<LedgerBlock>>[] {
  const states = readStates(chain, headers)
  const ends = [headers[0]!, ...(headers.length > 1 ? [headers.at(-1)!] : [])].map(({ parentHash }) => chain.codeHashAt(parentHash))
  const same = Promise.all([Promise.all(ends), Promise.all(states)]).then(([codes, states]) => {
    const [one] = codes
    return one != null && codes.every((code) => code === one) && states.every(({ marker }) => marker === states[0]!.marker) ? one : undefined
  })
  same.catch(() => {}) // each block says it
  return headers.map(async (header, i): Promise<Loaded<LedgerBlock>> => {
    const base = { number: header.number, hash: header.hash, parentHash: header.parentHash }
    if (header.number === 0) return { value: { ...base, relayRoot: null, events: [] }, bytes: 0 } // genesis has no events
    const state = await states[i]!
    const code = await same.catch(() => undefined) ?? await chain.codeHashAt(header.parentHash)
    const runtime = await chain.runtimeAfter(header.parentHash, code, state.marker)
    try {
      return { value: { ...base, relayRoot: state.validation === null ? null : readerOf(runtime).relayRoot(bytesOf(state.validation)), events: ledgerEvents(runtime, state.events, header.number) }, bytes: state.bytes }
    } catch (error) {
      chain.forgetRuntime(runtime)
      throw error instanceof LayoutError ? unreadable(runtime, header.number) : error
    }
  })
}

interface State {
  events: Hex | null
  validation: Hex | null
  /** `System.LastRuntimeUpgrade` */
  marker: Hex | null
  /** length of the answer */
  bytes: number
}

function readStates(chain: Chain, headers: readonly Header[]): Promise<State>[] {
  const { events, lastRuntimeUpgrade, validationData } = STORAGE_KEYS
  const answers = chain.rpc.requests<{ block: Hash; changes: [Hex, Hex | null][] }[]>(headers.map(({ hash }) => ({ method: 'state_queryStorageAt', params: [[events, lastRuntimeUpgrade, validationData], hash] })))
  return headers.map(async ({ number, hash }, i) => {
    const [set] = await answers[i]!
    if (!set) throw new ChainError('BLOCK_GONE', `${chain.endpoint} no longer has the state of block ${number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
    const values = new Map<Hex, Hex | null>(set.changes)
    const value = (key: Hex): Hex | null => values.get(key) ?? null
    // Every block has events, if only those of its inherents: no events are no answer, and to take them for one would be to overlook the block in silence.
    if (number > 0 && (set.block !== hash || value(events) === null)) throw new ChainError('INCONSISTENT', `${chain.endpoint} gives ${set.block === hash ? 'no events' : 'the state of another block'} for block ${number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
    return { events: value(events), validation: value(validationData), marker: value(lastRuntimeUpgrade), bytes: set.changes.reduce((sum, [, found]) => sum + (found?.length ?? 0), 0) }
  })
}

const readers = new WeakMap<Runtime, LedgerReader>()

function readerOf(runtime: Runtime): LedgerReader {
  let found = readers.get(runtime)
  if (!found) readers.set(runtime, (found = ledgerReader(readMetadata(bytesOf(runtime.metadata)))))
  return found
}

// No Buffer: a slice of one is no copy.
function bytesOf(raw: Hex): Uint8Array {
  const { buffer, byteOffset, length } = Buffer.from(raw.slice(2), 'hex')
  return new Uint8Array(buffer, byteOffset, length)
}

/** Decodes the raw value of `system.events`. Throws ChainError UNREADABLE_BLOCK. */
export function decodeEvents(runtime: Runtime, raw: Hex | null, number: number): readonly EventRecord[] {
  if (raw === null) return []
  const bytes = util.hexToU8a(raw)
  try {
    const records = runtime.registry.createType<Vec<EventRecord>>('Vec<EventRecord>', bytes)
    if (records.encodedLength === bytes.length) return records
  } catch {
    // said below
  }
  throw unreadable(runtime, number)
}

const unreadable = (runtime: Runtime, number: number): ChainError =>
  new ChainError('UNREADABLE_BLOCK', `The events of block ${number} do not decode by the metadata of its runtime ${specOf(runtime)}.`, 'The endpoint or this version is at fault: try another node, then a newer version.', { exit: 75 })

/** The ledger's events among a block's, in order: see `ledgerReader`. Throws ChainError UNREADABLE_BLOCK. */
export function ledgerEvents(runtime: Runtime, raw: Hex | null, number: number): LedgerEvent[] {
  if (raw === null) return []
  try {
    return readerOf(runtime).events(bytesOf(raw))
  } catch (error) {
    // (A RangeError is the stack's: values nested without end.)
    if (error instanceof LayoutError || error instanceof RangeError) throw unreadable(runtime, number)
    if (error instanceof EventShapeError) throw new ChainError('UNREADABLE_BLOCK', `Block ${number} has a peaq event of a shape that runtime ${specOf(runtime)} did not have before (${error.message}).`, 'Use a newer version of this program.', { exit: 75, cause: error })
    throw error
  }
}
