import type { Observable } from 'rxjs'
import type { Vec } from '@polkadot/types-codec'
import type { EventRecord } from '@polkadot/types/interfaces'
import type { Hash, Hex, LedgerBlock, LedgerEvent } from '@assay/protocol'
import { documentIdentity, toHex } from '@assay/protocol'
import { blockRuns, fromBlocks, singly, type BlockEvent, type BlockOptions, type Header, type Loaded, type RunEvent } from './blocks.ts'
import type { Chain } from './chain.ts'
import { ChainError } from './errors.ts'
import { eventReader, fieldReader, type EventReader } from './event-reader.ts'
import { LayoutError } from './layout.ts'
import { specOf, storageKey, type Runtime } from './runtime.ts'
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
      return { value: { ...base, relayRoot: relayRootOf(runtime, state.validation), events: ledgerEvents(runtime, state.events, header.number) }, bytes: state.bytes }
    } catch (error) {
      chain.forgetRuntime(runtime)
      throw error
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
  const keys = stateKeys(chain.runtime) // hashes of names, and the same in every runtime
  const asked = Object.values(keys).filter((key) => key !== null)
  const answers = chain.rpc.requests<{ block: Hash; changes: [Hex, Hex | null][] }[]>(headers.map(({ hash }) => ({ method: 'state_queryStorageAt', params: [asked, hash] })))
  return headers.map(async ({ number, hash }, i) => {
    const [set] = await answers[i]!
    if (!set) throw new ChainError('BLOCK_GONE', `${chain.endpoint} no longer has the state of block ${number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
    const values = new Map<Hex | null, Hex | null>(set.changes)
    const value = (key: Hex | null): Hex | null => values.get(key) ?? null
    // Every block has events, if only those of its inherents: no events are no answer, and to take them for one would be to overlook the block in silence.
    if (number > 0 && (set.block !== hash || value(keys.events) === null)) throw new ChainError('INCONSISTENT', `${chain.endpoint} gives ${set.block === hash ? 'no events' : 'the state of another block'} for block ${number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
    return { events: value(keys.events), validation: value(keys.validation), marker: value(keys.marker), bytes: set.changes.reduce((sum, [, found]) => sum + (found?.length ?? 0), 0) }
  })
}

const keysOf = new WeakMap<Runtime, Record<'events' | 'marker' | 'validation', Hex | null>>()

function stateKeys(runtime: Runtime): Record<'events' | 'marker' | 'validation', Hex | null> {
  let keys = keysOf.get(runtime)
  if (!keys) {
    keys = {
      events: storageKey(runtime, 'system', 'events'),
      marker: storageKey(runtime, 'system', 'lastRuntimeUpgrade'),
      validation: runtime.pallets.query['parachainSystem']?.['validationData'] ? storageKey(runtime, 'parachainSystem', 'validationData') : null,
    }
    keysOf.set(runtime, keys)
  }
  return keys
}

const EVENTS = ['peaqStorage.ItemAdded', 'peaqStorage.ItemUpdated', 'peaqDid.AttributeAdded', 'peaqDid.AttributeUpdated', 'peaqRbac.RoleAssignedToUser', 'peaqRbac.RoleUnassignedToUser'] as const

interface Readers {
  events: EventReader<(typeof EVENTS)[number]>
  relayRoot: (raw: Uint8Array) => Uint8Array | null
}

const readers = new WeakMap<Runtime, Readers>()

function readersOf(runtime: Runtime): Readers {
  let found = readers.get(runtime)
  if (!found) {
    const has = runtime.pallets.query['parachainSystem']?.['validationData'] !== undefined
    found = { events: eventReader(runtime, EVENTS), relayRoot: has ? fieldReader(runtime, 'parachainSystem', 'validationData', 'relayParentStorageRoot') : () => null }
    readers.set(runtime, found)
  }
  return found
}

/** `relayParentStorageRoot` of a block's validation data; null where a chain has none. */
function relayRootOf(runtime: Runtime, raw: Hex | null): Hash | null {
  const root = raw === null ? null : readersOf(runtime).relayRoot(bytesOf(raw))
  return root && toHex(root)
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

/**
 * The ledger's events among a block's, in order. What a stranger can write into an event (keys that are no text, values of any length) never throws: a key that is not printable ASCII is none of
 * the protocol's and is left out. A known event of another shape does throw (UNREADABLE_BLOCK): to overlook it would be to disagree with everyone else in silence.
 */
export function ledgerEvents(runtime: Runtime, raw: Hex | null, number: number): LedgerEvent[] {
  const found: LedgerEvent[] = []
  for (const { name, extrinsic, fields } of read()) {
    const by = extrinsic === null ? {} : { extrinsic }
    switch (name) {
      case 'peaqStorage.ItemAdded':
      case 'peaqStorage.ItemUpdated': {
        const key = bare(fields, 1)
        if (key.every((byte) => byte >= 0x20 && byte < 0x7f)) {
          found.push({ kind: 'item', who: id(fields, 0), key: Buffer.from(key).toString('latin1'), value: bare(fields, 2), update: name === 'peaqStorage.ItemUpdated', ...by })
        }
        break
      }
      case 'peaqDid.AttributeAdded':
      case 'peaqDid.AttributeUpdated': {
        const value = bare(fields, 3)
        found.push({ kind: 'attribute', who: id(fields, 0), subject: id(fields, 1), value, identity: documentIdentity(value), ...by })
        break
      }
      case 'peaqRbac.RoleAssignedToUser':
      case 'peaqRbac.RoleUnassignedToUser':
        found.push({ kind: 'role', owner: id(fields, 0), role: id(fields, 1), user: id(fields, 2), assigned: name === 'peaqRbac.RoleAssignedToUser', ...by })
        break
    }
  }
  return found

  function read() {
    if (raw === null) return []
    try {
      return readersOf(runtime).events(bytesOf(raw))
    } catch (error) {
      // (A RangeError is the stack's: values nested without end.)
      if (error instanceof LayoutError || error instanceof RangeError) throw unreadable(runtime, number)
      throw error
    }
  }
  function bare(fields: readonly Uint8Array[], at: number): Uint8Array {
    const field = fields[at]
    if (!field) throw shape()
    return field
  }
  function id(fields: readonly Uint8Array[], at: number): Hash {
    const bytes = bare(fields, at)
    if (bytes.length !== 32) throw shape()
    return toHex(bytes)
  }
  function shape(): ChainError {
    return new ChainError('UNREADABLE_BLOCK', `Block ${number} has a peaq event of a shape that runtime ${specOf(runtime)} did not have before.`, 'Use a newer version of this program.', { exit: 75 })
  }
}
