// Asking the worker, and comparing what it says with what the indexer says.

import type { ReplayAnswer, ReplayAsked } from './replay-messages.ts'
// The bundler makes this one.
// oxlint-disable-next-line import/default
import workerUrl from './replay-worker.ts?worker&url'
import { startWorker } from './trusted.ts'

/** Replays a file in a worker of its own, which ends with the answer or the signal. */
export function replay(file: Uint8Array, signal: AbortSignal): Promise<ReplayAnswer> {
  return new Promise((resolve) => {
    const worker = startWorker(workerUrl)
    const end = (answer: ReplayAnswer): void => {
      worker.terminate()
      resolve(answer)
    }
    worker.addEventListener('message', ({ data }: MessageEvent<ReplayAnswer>) => end(data))
    worker.addEventListener('error', ({ message }) => end({ kind: 'failed', code: 'WORKER', text: message || 'the worker could not be started' }))
    signal.addEventListener('abort', () => end({ kind: 'failed', code: 'STOPPED', text: 'stopped' }), { once: true })
    const asked: ReplayAsked = { file: file.slice().buffer }
    worker.postMessage(asked, [asked.file])
  })
}

