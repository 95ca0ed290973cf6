import { documentIdentity, type Hash, type LedgerEvent, toHex } from '@assay/protocol'
import { eventReader, fieldReader } from './events.ts'
import type { Metadata } from './metadata.ts'

/** A known event of a shape that no runtime had before. To overlook it would be to disagree with everyone else in silence. */
export class EventShapeError extends Error {
  override readonly name = 'EventShapeError'
}

/** What the protocol's ledger reads of a block that some runtime made. */
export interface LedgerReader {
  /** The ledger's events in `System.Events`, in order. Throws LayoutError if the bytes are no events of the runtime, RangeError if they are nested without end, EventShapeError. */
  events(raw: Uint8Array): LedgerEvent[]
  /** `relayParentStorageRoot` of `ParachainSystem.ValidationData`; null where the runtime has none. Throws LayoutError. */
  relayRoot(raw: Uint8Array): Hash | null
}

const EVENTS = ['PeaqStorage.ItemAdded', 'PeaqStorage.ItemUpdated', 'PeaqDid.AttributeAdded', 'PeaqDid.AttributeUpdated', 'PeaqRbac.RoleAssignedToUser', 'PeaqRbac.RoleUnassignedToUser'] as const

/**
 * A reader for the blocks of one runtime. What a stranger can write into an event (keys that are no text, values of any length) never throws: a key that is not printable ASCII is none of the
 * protocol's and is left out.
 */
export function ledgerReader(metadata: Metadata): LedgerReader {
  const read = eventReader(metadata, EVENTS)
  const hasRoot = metadata.pallets.some(({ name, storage }) => name === 'ParachainSystem' && storage.has('ValidationData'))
  const root = hasRoot ? fieldReader(metadata, 'ParachainSystem', 'ValidationData', 'relay_parent_storage_root') : () => null
  const ascii = new TextDecoder()
  return {
    events: (raw) => read(raw).flatMap(({ name, extrinsic, fields }): LedgerEvent[] => {
      const by = extrinsic === null ? {} : { extrinsic }
      switch (name) {
        case 'PeaqStorage.ItemAdded':
        case 'PeaqStorage.ItemUpdated': {
          const key = bare(fields, 1)
          if (!key.every((byte) => byte >= 0x20 && byte < 0x7f)) return []
          return [{ kind: 'item', who: id(fields, 0), key: ascii.decode(key), value: bare(fields, 2), update: name === 'PeaqStorage.ItemUpdated', ...by }]
        }
        case 'PeaqDid.AttributeAdded':
        case 'PeaqDid.AttributeUpdated': {
          const value = bare(fields, 3)
          return [{ kind: 'attribute', who: id(fields, 0), subject: id(fields, 1), value, identity: documentIdentity(value), ...by }]
        }
        case 'PeaqRbac.RoleAssignedToUser':
        case 'PeaqRbac.RoleUnassignedToUser':
          return [{ kind: 'role', owner: id(fields, 0), role: id(fields, 1), user: id(fields, 2), assigned: name === 'PeaqRbac.RoleAssignedToUser', ...by }]
      }
    }),
    relayRoot(raw) {
      const found = root(raw)
      return found && toHex(found)
    },
  }
}

function bare(fields: readonly Uint8Array[], at: number): Uint8Array {
  const field = fields[at]
  if (!field) throw new EventShapeError(`an event without field ${at}`)
  return field
}

function id(fields: readonly Uint8Array[], at: number): Hash {
  const bytes = bare(fields, at)
  if (bytes.length !== 32) throw new EventShapeError(`field ${at} of an event has ${bytes.length} bytes, and an account or a role has 32`)
  return toHex(bytes)
}
