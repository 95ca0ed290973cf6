import type { Observable } from 'rxjs'
import type { Vec } from '@polkadot/types-codec'
import type { Codec } from '@polkadot/types/types'
import type { EventRecord } from '@polkadot/types/interfaces'
import type { Hash, Hex, LedgerBlock, LedgerEvent } from '@assay/protocol'
import { documentIdentity, toHex } from '@assay/protocol'
import { blocks, fromBlocks, type BlockEvent, type BlockOptions, type Header } from './blocks.ts'
import type { Chain } from './chain.ts'
import { ChainError } from './errors.ts'
import { specOf, storageKey, storageValue, type Runtime } from './runtime.ts'
import { util } from './polkadot.ts'

export type LedgerBlockEvent = BlockEvent<LedgerBlock>

/**
 * The chain as the protocol's ledger takes it: confirmed blocks with the effects of the peaq pallets, and what happens to the stream (see `blocks`). Pull-based: a reader that writes each block
 * to its database holds the stream back, and memory stays flat.
 *
 *     for await (const event of ledgerBlocks(chain, { from: parameters.origin, confirmations: 2, signal })) …
 */
export function ledgerBlocks(chain: Chain, options: BlockOptions): AsyncGenerator<LedgerBlockEvent, void, undefined> {
  return blocks(chain, options, (header) => loadLedgerBlock(chain, header))
}

/** The same as an Observable, for readers that keep up. */
export function ledgerBlocks$(chain: Chain, options: BlockOptions): Observable<LedgerBlockEvent> {
  return fromBlocks((signal) => ledgerBlocks(chain, { ...options, signal }), options.signal)
}

/** Reads one block's effects: two storage values and the runtime marker in one request, no runtime call. Throws ChainError UNREADABLE_BLOCK if the events do not decode by the runtime's own metadata. */
export async function loadLedgerBlock(chain: Chain, header: Header): Promise<LedgerBlock> {
  const base = { number: header.number, hash: header.hash, parentHash: header.parentHash }
  if (header.number === 0) return { ...base, relayRoot: null, events: [] } // genesis has no events
  const { runtime, events, validation } = await readState(chain, header)
  return { ...base, relayRoot: relayRootOf(runtime, validation), events: ledgerEvents(runtime, events, header.number) }
}

/** The decoded `system.events` of a block. Throws ChainError UNREADABLE_BLOCK. */
export async function loadEvents(chain: Chain, header: Header): Promise<{ runtime: Runtime; records: readonly EventRecord[] }> {
  const { runtime, events } = await readState(chain, header)
  return { runtime, records: decodeEvents(runtime, events, header.number) }
}

async function readState(chain: Chain, header: Header): Promise<{ runtime: Runtime; events: Hex | null; validation: Hex | null }> {
  const now = chain.runtime // these keys are hashes of names and the same in every runtime
  const eventsKey = storageKey(now, 'system', 'events')
  const markerKey = storageKey(now, 'system', 'lastRuntimeUpgrade')
  const validationKey = now.pallets.query['parachainSystem']?.['validationData'] ? storageKey(now, 'parachainSystem', 'validationData') : null
  const keys = [eventsKey, markerKey, ...(validationKey ? [validationKey] : [])]
  const [set] = await chain.rpc.request<{ changes: [Hex, Hex | null][] }[]>('state_queryStorageAt', [keys, header.hash])
  if (!set) throw new ChainError('BLOCK_GONE', `${chain.endpoint} no longer has the state of block ${header.number}.`, 'Use a node that keeps enough history (an archive node).', { exit: 75 })
  const values = new Map(set.changes)
  const runtime = await chain.runtimeOf(values.get(markerKey) ?? null, header.parentHash)
  return { runtime, events: values.get(eventsKey) ?? null, validation: (validationKey && values.get(validationKey)) || null }
}

/** `relayParentStorageRoot` of a block's validation data; null where a chain has none. */
function relayRootOf(runtime: Runtime, raw: Hex | null): Hash | null {
  if (raw === null) return null
  const data = storageValue(runtime, 'parachainSystem', 'validationData', raw) as unknown as { relayParentStorageRoot?: Codec }
  return data.relayParentStorageRoot ? toHex(data.relayParentStorageRoot.toU8a()) : null
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
  throw new ChainError('UNREADABLE_BLOCK', `The events of block ${number} do not decode by the metadata of its runtime ${specOf(runtime)}.`, 'The endpoint or this version is at fault: try another node, then a newer version.', { exit: 75 })
}

/**
 * The ledger's events among a block's, in order. What a stranger can write into an event (keys that are no text, values of any length) never throws: a key that is not printable ASCII is none of
 * the protocol's and is left out. A known event of another shape does throw (UNREADABLE_BLOCK): to overlook it would be to disagree with everyone else in silence.
 */
export function ledgerEvents(runtime: Runtime, raw: Hex | null, number: number): LedgerEvent[] {
  const found: LedgerEvent[] = []
  for (const { event } of decodeEvents(runtime, raw, number)) {
    const data = event.data as unknown as Codec[]
    switch (`${event.section}.${event.method}`) {
      case 'peaqStorage.ItemAdded':
      case 'peaqStorage.ItemUpdated': {
        const key = bare(data, 1)
        if (key.every((byte) => byte >= 0x20 && byte < 0x7f)) {
          found.push({ kind: 'item', who: id(data, 0), key: Buffer.from(key).toString('latin1'), value: bare(data, 2), update: event.method === 'ItemUpdated' })
        }
        break
      }
      case 'peaqDid.AttributeAdded':
      case 'peaqDid.AttributeUpdated': {
        const value = bare(data, 3)
        found.push({ kind: 'attribute', who: id(data, 0), subject: id(data, 1), value, identity: documentIdentity(value) })
        break
      }
      case 'peaqRbac.RoleAssignedToUser':
      case 'peaqRbac.RoleUnassignedToUser':
        found.push({ kind: 'role', owner: id(data, 0), role: id(data, 1), user: id(data, 2), assigned: event.method === 'RoleAssignedToUser' })
        break
    }
  }
  return found

  function bare(data: readonly Codec[], at: number): Uint8Array {
    const field = data[at]
    if (!field) throw shape()
    return Uint8Array.from(field.toU8a(true))
  }
  function id(data: readonly Codec[], at: number): Hash {
    const bytes = bare(data, at)
    if (bytes.length !== 32) throw shape()
    return toHex(bytes)
  }
  function shape(): ChainError {
    return new ChainError('UNREADABLE_BLOCK', `Block ${number} has a peaq event of a shape that runtime ${specOf(runtime)} did not have before.`, 'Use a newer version of this program.', { exit: 75 })
  }
}
