// A chain of peaq's runtime in memory that answers as a node does, made of what the ledger shall read in its blocks.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { concat, fromHex, type Hash, type Hex, type LedgerBlock, type LedgerEvent, toHex, u16le, u32le, utf8, ZERO_HASH } from '@assay/protocol'
import { testCrypto as crypto } from '@assay/protocol/testing/actors'
import { headerHash, type RawHeader, STORAGE_KEYS } from '@assay/substrate'

const { metadata, codeHash } = JSON.parse(gunzipSync(readFileSync(new URL('../../bench/backfill/blocks.json.gz', import.meta.url))).toString()) as { metadata: Hex; codeHash: Hash }

export type Call = (method: string, params: unknown[]) => unknown

export interface TestNode {
  genesis: Hash
  /** As a reader of the chain should have them. */
  blocks: LedgerBlock[]
  /** Answers a call; an unknown one throws. */
  call: Call
}

const compact = (length: number): Uint8Array => (length < 64 ? Uint8Array.of(length * 4) : length < 2 ** 14 ? u16le(length * 4 + 1) : u32le(length * 4 + 2))
const list = (bytes: Uint8Array): Uint8Array => concat(compact(bytes.length), bytes)

/** The runtime's own indices of pallet and event, and the fields. */
function encoded(event: LedgerEvent): Uint8Array {
  switch (event.kind) {
    case 'item':
      return concat(Uint8Array.of(104, event.update ? 2 : 0), fromHex(event.who), list(utf8(event.key)), list(event.value))
    case 'attribute':
      return concat(Uint8Array.of(100, 0), fromHex(event.who), fromHex(event.subject), list(utf8('name')), list(event.value), Uint8Array.of(0))
    case 'role':
      return concat(Uint8Array.of(103, event.assigned ? 5 : 6), fromHex(event.owner), fromHex(event.role), fromHex(event.user))
  }
}

/** In phase `ApplyExtrinsic(1)`, without topics. */
const record = (event: Uint8Array): Uint8Array => concat(Uint8Array.of(0), u32le(1), event, Uint8Array.of(0))
/** What each block has that nobody asks for: the code was set. */
const CODE_UPDATED = Uint8Array.of(0, 2)

/** A chain whose block `first` has the first of `events`, and so on. */
export function testNode(first: number, events: readonly (readonly LedgerEvent[])[], relayRoot: Hash = `0x${'7'.repeat(64)}`): TestNode {
  const genesis: Hash = `0x${'9'.repeat(64)}`
  const headers = new Map<Hash, RawHeader>()
  const byHeight = new Map<number, Hash>([[0, genesis]])
  const values = new Map<Hash, Record<string, Hex>>()
  const blocks: LedgerBlock[] = []
  let parentHash: Hash = ZERO_HASH
  for (const [i, own] of events.entries()) {
    const number = first + i
    const header: RawHeader = { number: `0x${number.toString(16)}`, parentHash, stateRoot: toHex(crypto.sha256(u32le(number))), extrinsicsRoot: ZERO_HASH, digest: { logs: ['0x0661757261'] } }
    const hash = headerHash(crypto, header)
    headers.set(hash, header)
    byHeight.set(number, hash)
    const records = [CODE_UPDATED, ...own.map(encoded)].map(record)
    values.set(hash, {
      [STORAGE_KEYS.events]: toHex(concat(compact(records.length), ...records)),
      [STORAGE_KEYS.validationData]: toHex(concat(Uint8Array.of(0), u32le(number), fromHex(relayRoot), u32le(0))),
    })
    blocks.push({ number, hash, parentHash, relayRoot, events: [...own] })
    parentHash = hash
  }
  return {
    genesis,
    blocks,
    call(method, [param, at]) {
      switch (method) {
        case 'chain_getBlockHash':
          return Array.isArray(param) ? param.map((height) => byHeight.get(height as number) ?? null) : (byHeight.get(param as number) ?? null)
        case 'chain_getHeader':
          return headers.get(param as Hash) ?? null
        case 'state_queryStorageAt': {
          const state = values.get(at as Hash)
          return state === undefined ? [] : [{ block: at, changes: (param as Hex[]).map((key) => [key, state[key] ?? null]) }]
        }
        case 'state_getStorageHash':
          return codeHash
        case 'state_getMetadata':
          return metadata
        default:
          throw Object.assign(new Error(`Method not found: ${method}`), { code: -32601 })
      }
    },
  }
}
