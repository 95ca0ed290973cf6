// A recording of peaq blocks and the chain that is made of it: the founding of a network, then the recorded blocks over and over, each with a header of its own that stands on the one before.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { AccountId, Hash, Hex } from '@assay/protocol'

export const RECORDING = join(import.meta.dirname, 'blocks.json.gz')
export const EVENTS_A_BLOCK = 42

export interface RecordedBlock {
  logs: Hex[]
  extrinsics: Hex[]
  /** what its state holds of what a reader asks for */
  storage: [key: Hex, value: Hex | null][]
}

export interface Recording {
  metadata: Hex
  specName: string
  specVersion: number
  codeHash: Hash
  genesisHash: Hash
  network: AccountId
  founding: RecordedBlock
  blocks: RecordedBlock[]
}

export const loadRecording = (): Recording => JSON.parse(gunzipSync(readFileSync(RECORDING)).toString()) as Recording
