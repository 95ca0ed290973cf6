// Replays a recording away from the page, so that it stays quick: a file in, a statement out; then, where a node was named, what that says of the blocks.
import { decodeStatement, encodeCalibrationLeaf, encodeEvidenceLeaf, encodePayoutLeaf, encodeRegistryLeaf, encodeScoreLeaf, encodeStandingLeaf, explainEpoch, type Hash, MalformedError, toHex } from '@assay/protocol'
import { RecordingError, replayRecording, type RecordedReplay, type Witnessed, witnessRecording } from '@assay/replay'
import type { ReplayAnswer, ReplayAsked, WitnessAnswer } from './replay-messages.ts'

addEventListener('message', ({ data }: MessageEvent<ReplayAsked>) => {
  void answer(data)
})

const say = (answer: ReplayAnswer | WitnessAnswer): void => postMessage(answer)

async function answer({ file, node, here }: ReplayAsked): Promise<void> {
  const began = performance.now()
  try {
    const replay = await replayRecording(new Uint8Array(file))
    say(told(replay, file.byteLength, performance.now() - began))
    if (node !== null) await witness(replay, node, here)
  } catch (error) {
    say(error instanceof RecordingError || error instanceof MalformedError ? { kind: 'failed', code: error.code, text: error.message } : { kind: 'failed', code: 'FAULT', text: String(error) })
  }
}

/** The page ends the worker when it has heard enough, so nothing here stops by itself. */
async function witness({ recording, ledger }: RecordedReplay, node: string, here: ReplayAsked['here']): Promise<void> {
  const began = performance.now()
  const genesis = here?.network === recording.network ? (here.genesis as Hash) : null
  const progress = (blocks: number): void => say({ kind: 'witnessing', blocks, milliseconds: performance.now() - began })
  const witnessed = await witnessRecording(recording, ledger, node, { genesis, signal: new AbortController().signal, progress }).catch((error: unknown): Witnessed => ({ kind: 'unusable', blocks: 0, code: 'UNREADABLE', text: String(error) }))
  say({ kind: 'witnessed', witnessed, milliseconds: performance.now() - began })
}

function told({ recording, ledger, replayed, onChain }: RecordedReplay, fileBytes: number, milliseconds: number): ReplayAnswer {
  const { statement, result } = replayed
  const { scores, payouts, registry, evidence, standings, calibrations } = decodeStatement(statement.bytes)
  return {
    kind: 'done', network: recording.network, epoch: replayed.epoch, root: statement.root, paid: String(result.paid), carried: String(result.carried), onChain,
    roots: { scores, payouts, registry, evidence, standings, calibrations },
    leaves: {
      scores: statement.scoreLeaves.map((leaf) => toHex(encodeScoreLeaf(leaf))), payouts: statement.payoutLeaves.map((leaf) => toHex(encodePayoutLeaf(leaf))), registry: statement.registryLeaves.map((leaf) => toHex(encodeRegistryLeaf(leaf))),
      evidence: statement.evidenceLeaves.map((leaf) => toHex(encodeEvidenceLeaf(leaf))), standings: statement.standingLeaves.map((leaf) => toHex(encodeStandingLeaf(leaf))), calibrations: statement.calibrationLeaves.map((leaf) => toHex(encodeCalibrationLeaf(leaf))),
    },
    lines: explainEpoch(replayed).map(({ score: { kind, account, score, earned, reason }, sentence }) => ({ kind, account, score: String(score), earned: String(earned), code: reason, sentence })),
    rounds: replayed.rounds.length,
    blocks: { count: recording.blocks.length, first: recording.first, last: ledger.head! },
    blobs: { count: recording.blobs.length, bytes: recording.blobs.reduce((sum, { length }) => sum + length, 0) },
    fileBytes,
    milliseconds,
  }
}
