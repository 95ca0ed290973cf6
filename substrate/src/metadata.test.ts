import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, type Hex } from '@assay/protocol'
import { layoutOf, LayoutError } from './layout.ts'
import { readMetadata } from './metadata.ts'

const { metadata: hex } = JSON.parse(gunzipSync(readFileSync(new URL('../../bench/backfill/blocks.json.gz', import.meta.url))).toString()) as { metadata: Hex }
const bytes = fromHex(hex)

describe('the metadata of peaq’s runtime', () => {
  test('has the pallets of the protocol, their events and what is stored', () => {
    const { pallets, types } = readMetadata(bytes)
    expect(pallets.map(({ name }) => name)).toEqual(expect.arrayContaining(['System', 'ParachainSystem', 'PeaqDid', 'PeaqStorage', 'PeaqRbac']))
    const system = pallets.find(({ name }) => name === 'System')!
    expect([system.index, types.get(system.storage.get('Events')!)!.kind, types.get(system.events!)!.kind]).toEqual([0, 'sequence', 'variant'])
  })

  test('has a layout for every type', () => {
    const metadata = readMetadata(bytes)
    for (const id of metadata.types.keys()) expect(['number', 'function']).toContain(typeof layoutOf(metadata, id))
    expect(() => layoutOf(metadata, 1_000_000)).toThrow(LayoutError)
  })
})

test('what is no metadata, or another version, is refused in words', () => {
  expect(() => readMetadata(new Uint8Array())).toThrow('ends early')
  expect(() => readMetadata(bytes.with(0, 0))).toThrow('no metadata of version 14')
  expect(() => readMetadata(bytes.with(4, 15))).toThrow('no metadata of version 14')
})

test('metadata that was cut or changed is read as some metadata or refused, and nothing else', () => {
  const part = bytes.subarray(0, 60_000)
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(part.length - 1), fc.nat(255)), { maxLength: 4 }), fc.nat(part.length), (changes, end) => {
    const changed = Uint8Array.from(part.subarray(0, end))
    for (const [at, byte] of changes) if (at < end) changed[at] = byte
    try {
      readMetadata(changed)
      expect(changed.length).toBeGreaterThan(5)
    } catch (error) {
      expect(error).toBeInstanceOf(LayoutError)
    }
  }), { numRuns: 300 })
})
