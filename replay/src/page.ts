// What the page of page.html and the runs on other engines ask: a file in, words out.
import { explainEpoch, type Hash } from '@assay/protocol'
import { addressOf } from './names.ts'
import type { OnChain } from './on-chain.ts'
import { replayRecording } from './replay-recording.ts'
import { tellEpoch } from './tell.ts'

export interface Told {
  root: Hash
  onChain: OnChain
  /** Every score in words; with an address only those of that machine, checker or owner, with each observation. */
  lines: string[]
}

/** Replays a recording's file. Rejects as `replayRecording` does. */
export async function tellRecording(file: Uint8Array, address = ''): Promise<Told> {
  const { replayed, onChain } = await replayRecording(file)
  const explanations = explainEpoch(replayed).filter(({ score }) => address === '' || addressOf(score.account) === address || addressOf(score.owner) === address)
  return { root: replayed.statement.root, onChain, lines: tellEpoch(replayed, onChain, explanations, address !== '') }
}
