// What the page and its worker say to each other. Bigints are text, so that the page compares what it reads with what the indexer says.
import type { Witnessed } from '@assay/replay'
import type { Tree } from './api.ts'

export interface ReplayAsked {
  file: ArrayBuffer
  /** Address of a node that the blocks are held against; null: they are taken as they are. */
  node: string | null
  /** The network that this page is of and the first block of its chain, as its indexer says. */
  here: { network: string, genesis: string } | null
}

/** One machine or checker, as the replay explains it. */
export interface ReplayedLine { kind: 'machine' | 'checker', account: string, score: string, earned: string, code: string, sentence: string }

export interface Replayed {
  kind: 'done'
  network: string
  epoch: number
  root: string
  paid: string
  carried: string
  /** How the statement among the recorded blocks stands to the one computed. */
  onChain: 'match' | 'mismatch' | 'partly' | 'not yet'
  roots: Record<Tree, string>
  leaves: Record<Tree, string[]>
  lines: ReplayedLine[]
  rounds: number
  blocks: { count: number, first: number, last: { number: number, hash: string } }
  blobs: { count: number, bytes: number }
  fileBytes: number
  milliseconds: number
}

/** What the node says of the blocks: how many are its own by now, at last what came out. Follows a replay that is done, where a node was named. */
export type WitnessAnswer = { kind: 'witnessing', blocks: number, milliseconds: number } | { kind: 'witnessed', witnessed: Witnessed, milliseconds: number }

export type ReplayAnswer = Replayed | { kind: 'failed', code: string, text: string }
