// One thread of the WebAssembly engine: own rows of one chain, from start to terminate. A throw here ends the thread, which its owner sees.
import { parentPort, workerData } from 'node:worker_threads'
import type { Cell } from '@assay/protocol'
import { type OpenedRow, Rows, type RowsOptions } from './rows.ts'

export type Ask = { kind: 'step'; key: Uint8Array; start?: Uint8Array | undefined } | { kind: 'open'; cells: Cell[] }

/** One answer to each ask, in order; `staged` comes first, unasked. */
export type Answer = { kind: 'staged' } | { kind: 'step'; roots: Uint8Array } | { kind: 'open'; opened: OpenedRow[][] }

const port = parentPort!
const answer = (message: Answer): void => port.postMessage(message)

const rows = new Rows(workerData as RowsOptions)
port.on('message', (ask: Ask) => {
  switch (ask.kind) {
    case 'step':
      return answer({ kind: 'step', roots: rows.step(ask.key, ask.start) })
    case 'open':
      return answer({ kind: 'open', opened: rows.open(ask.cells) })
  }
})
answer({ kind: 'staged' })
