// Asking the worker, and comparing what it says with what the indexer says.

import type { ReplayAnswer, ReplayAsked, WitnessAnswer } from './replay-messages.ts'
// The bundler makes this one.
// oxlint-disable-next-line import/default
import workerUrl from './replay-worker.ts?worker&url'
import { startWorker } from './trusted.ts'

/** Replays a file in a worker of its own. Where a node is named, `heard` is told afterwards what that says of the blocks. The worker ends with its last answer or the signal. */
export function replay(file: Uint8Array, { node, here }: Omit<ReplayAsked, 'file'>, signal: AbortSignal, heard: (said: WitnessAnswer) => void): Promise<ReplayAnswer> {
  return new Promise((resolve) => {
    const worker = startWorker(workerUrl)
    const end = (answer: ReplayAnswer): void => {
      worker.terminate()
      resolve(answer)
    }
    worker.addEventListener('message', ({ data }: MessageEvent<ReplayAnswer | WitnessAnswer>) => {
      switch (data.kind) {
        case 'failed':
          return end(data)
        case 'done':
          return node === null ? end(data) : resolve(data)
        case 'witnessing':
          return heard(data)
        case 'witnessed':
          worker.terminate()
          return heard(data)
      }
    })
    worker.addEventListener('error', ({ message }) => end({ kind: 'failed', code: 'WORKER', text: message || 'the worker could not be started' }))
    signal.addEventListener('abort', () => end({ kind: 'failed', code: 'STOPPED', text: 'stopped' }), { once: true })
    const asked: ReplayAsked = { file: file.slice().buffer, node, here }
    worker.postMessage(asked, [asked.file])
  })
}
