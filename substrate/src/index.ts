// What the bytes of a Substrate chain say: its metadata, events, headers. Pure: no clock, chance, I/O, Node; polkadot.js neither. Runs in any browser.
export { eventReader, fieldReader, type EventReader, type ReadEvent } from './events.ts'
export { headerHash, type RawHeader } from './header.ts'
export { STORAGE_KEYS } from './keys.ts'
export { layoutOf, LayoutError, lengthAt, type Layout } from './layout.ts'
export { ledgerReader, EventShapeError, type LedgerReader } from './ledger-reader.ts'
export { readMetadata, type Field, type Metadata, type Pallet, type Type, type TypeId, type Variant } from './metadata.ts'
