// An epoch replayed anywhere: from a recording, without a chain, without Node. Runs in any browser.
export { browserCrypto } from './crypto.ts'
export { addressOf, amountOf } from './names.ts'
export { compareWithChain, type OnChain } from './on-chain.ts'
export { createRecorder, type Recorder } from './recorder.ts'
export { decodeRecording, encodeRecording, packRecording, type RecordedBlock, type RecordedEvent, type Recording, RECORDING_BYTES, unpackRecording } from './recording.ts'
export { RecordingError, replayRecording, type RecordedReplay } from './replay-recording.ts'
export { tellEpoch } from './tell.ts'
