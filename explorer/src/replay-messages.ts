// What the page and its worker say to each other. Bigints are text, so that the page compares what it reads with what the indexer says.
import type { Tree } from './api.ts'

export interface ReplayAsked { file: ArrayBuffer }

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

export type ReplayAnswer = Replayed | { kind: 'failed', code: string, text: string }
