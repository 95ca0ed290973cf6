// The genesis of a development chain: funds written into it, and chopsticks' genesis provider without its traps.
import type { RawGenesis } from './chain-spec.ts'
import { blake2AsHex, blake2AsU8a, core, decodeAddress, hexToU8a, u8aConcat, u8aToHex } from './chopsticks.ts'

export type Hex = `0x${string}`

/** twox128("System") ++ twox128("Account") */
const SYSTEM_ACCOUNT = '0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9'
/** twox128("Balances") ++ twox128("TotalIssuance") */
const TOTAL_ISSUANCE: Hex = '0xc2261276cc9d1f8598ea4b6a74b15c2f57c875e4cff74148e4628f264b974c80'
const U128_MAX = 2n ** 128n - 1n

/**
 * The storage entries that give each address (ss58 or 0x + 64 hex) exactly this free balance in planck, and the total issuance
 * that goes with it. Both known shapes of AccountInfo hold: nonce, consumers, providers, sufficients (u32), free (u128), three
 * more u128. `read` gives the present raw value of a key; what an account has besides its free balance stays.
 * @throws RangeError when an address or an amount cannot be written
 */
export async function fundEntries(read: (key: Hex) => Promise<Hex | undefined>, fund: Record<string, bigint>): Promise<[Hex, Hex][]> {
  const entries: [Hex, Hex][] = []
  let issuance = littleEndian(await read(TOTAL_ISSUANCE), 0)
  for (const [address, free] of Object.entries(fund)) {
    if (free < 0n || free > U128_MAX) throw new RangeError(`fund ${address}: ${free} is not an amount in planck`)
    const id = accountId(address)
    const key = (SYSTEM_ACCOUNT + blake2AsHex(id, 128).slice(2) + u8aToHex(id).slice(2)) as Hex
    const present = await read(key)
    const info = present === undefined ? new Uint8Array(80) : hexToU8a(present)
    const view = new DataView(info.buffer, info.byteOffset, info.byteLength)
    issuance += free - littleEndian(present, 16)
    if (view.getUint32(8, true) === 0) view.setUint32(8, 1, true)
    view.setBigUint64(16, free & 0xffff_ffff_ffff_ffffn, true)
    view.setBigUint64(24, free >> 64n, true)
    entries.push([key, u8aToHex(info)])
  }
  const total = new DataView(new ArrayBuffer(16))
  total.setBigUint64(0, issuance & 0xffff_ffff_ffff_ffffn, true)
  total.setBigUint64(8, issuance >> 64n, true)
  if (entries.length > 0) entries.push([TOTAL_ISSUANCE, u8aToHex(new Uint8Array(total.buffer))])
  return entries
}

function accountId(address: string): Uint8Array {
  try {
    return decodeAddress(address)
  } catch (cause) {
    throw new RangeError(`fund ${address}: not an address`, { cause })
  }
}

function littleEndian(value: Hex | undefined, offset: number): bigint {
  if (value === undefined) return 0n
  const bytes = hexToU8a(value)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return view.getBigUint64(offset, true) | (view.getBigUint64(offset + 8, true) << 64n)
}

/** A copy of `genesis` whose accounts hold `fund` (planck, exactly). */
export async function fundedGenesis(genesis: RawGenesis, fund: Record<string, bigint>): Promise<RawGenesis> {
  const { top } = genesis.genesis.raw
  const entries = await fundEntries(async (key) => top[key], fund)
  const all = { ...top, ...Object.fromEntries(entries) }
  // GenesisProvider walks the keys in the order of the object, so only sorted keys are all found.
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))) as typeof all
  return { ...genesis, genesis: { raw: { ...genesis.genesis.raw, top: sorted } } }
}

/**
 * chopsticks' GenesisProvider, mended:
 * - the genesis hash is the hash of the genesis header (its state root with it), not the constant 0x4545…: chains with another
 *   genesis or other funds differ in it, as real ones do;
 * - an unknown block hash or number is unknown, instead of a second "block 0" that then answers for the genesis;
 * - state_queryStorageAt has the shape that chopsticks' own reader expects;
 * - child storage is empty instead of an error that leaves a contract call in the pool for ever.
 */
export class GenesisSource extends core.GenesisProvider {
  #hash: Hex = super.blockHash

  private constructor(genesis: RawGenesis) {
    super(genesis)
    const { top } = genesis.genesis.raw
    const send = this.send
    this.send = async (method, params, isCacheable) => {
      const [first, at] = params as [unknown, unknown]
      const hash = this.#hash
      switch (method) {
        case 'chain_getBlockHash':
          return first === undefined || first === 0 ? hash : null
        case 'chain_getHeader':
        case 'chain_getBlock':
          return first === undefined || first === hash ? send(method, params, isCacheable) : null
        case 'state_queryStorageAt':
          return [{ block: at ?? hash, changes: (first as Hex[]).map((key) => [key, top[key] ?? null]) }]
        case 'childstate_getStorage':
          return null
        case 'childstate_getKeysPaged':
          return []
        default:
          return send(method, params, isCacheable)
      }
    }
  }

  /** A provider for `genesis`; its block hash is blake2-256 of the SCALE-encoded genesis header. */
  static async create(genesis: RawGenesis): Promise<GenesisSource> {
    const source = new GenesisSource(genesis)
    // The base class computes the state's root by itself: once is enough.
    const { parentHash, stateRoot, extrinsicsRoot } = await source.getHeader()
    // The number and the list of logs between and after them are compact zeros.
    const header = u8aConcat(hexToU8a(parentHash), [0], hexToU8a(stateRoot), hexToU8a(extrinsicsRoot), [0])
    source.#hash = u8aToHex(blake2AsU8a(header, 256))
    return source
  }

  override get blockHash(): Hex {
    return this.#hash
  }
}
