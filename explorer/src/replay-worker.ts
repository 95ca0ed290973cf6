// Replays a recording away from the page, so that it stays quick: a file in, a statement out.
import { decodeStatement, encodeCalibrationLeaf, encodeEvidenceLeaf, encodePayoutLeaf, encodeRegistryLeaf, encodeScoreLeaf, encodeStandingLeaf, explainEpoch, MalformedError, toHex } from '@assay/protocol'
import { RecordingError, replayRecording } from '@assay/replay'
import type { ReplayAnswer, ReplayAsked } from './replay-messages.ts'

addEventListener('message', ({ data }: MessageEvent<ReplayAsked>) => {
  void answer(data).then((said) => postMessage(said))
})

async function answer({ file }: ReplayAsked): Promise<ReplayAnswer> {
  const began = performance.now()
  try {
    const { recording, ledger, replayed, onChain } = await replayRecording(new Uint8Array(file))
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
      fileBytes: file.byteLength,
      milliseconds: performance.now() - began,
    }
  } catch (error) {
    if (error instanceof RecordingError || error instanceof MalformedError) return { kind: 'failed', code: error.code, text: error.message }
    return { kind: 'failed', code: 'FAULT', text: String(error) }
  }
}
