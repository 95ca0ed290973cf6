// One thread of the memory engine, from start to terminate. A throw here ends the thread, which its owner sees.
import { once } from 'node:events'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Staged } from '../engines/crew.ts'
import { allocate } from './layout.ts'
import { type AskedCell, type OpenedCell, Part, type PartOptions } from './part.ts'

/** What a thread is started with. The memories never pass through their owner's thread: with the last of the threads they are gone, not when a collector gets to them. */
export interface ThreadOptions extends Omit<PartOptions, 'memories'> {
  /** The first thread takes the memory and sends it over these; each other thread has one to get it from. */
  ports: MessagePort[]
}

export type Ask = { kind: 'fill'; slice: number } | { kind: 'scan'; segment: number; scanKey: Uint8Array } | { kind: 'open'; cells: AskedCell[] }

export type Answer = Staged | { kind: 'fill'; roots: Uint8Array } | { kind: 'scan'; roots: Uint8Array } | { kind: 'open'; opened: OpenedCell[] }

const owner = parentPort!
const answer = (message: Answer): void => owner.postMessage(message)

async function memoriesOf({ layout, thread, ports }: ThreadOptions): Promise<WebAssembly.Memory[]> {
  if (thread > 0) return ((await once(ports[0]!, 'message')) as [WebAssembly.Memory[]])[0]
  const memories = allocate(layout)
  for (const port of ports) port.postMessage(memories)
  return memories
}

const options = workerData as ThreadOptions
const part = new Part({ ...options, memories: await memoriesOf(options) })
for (const port of options.ports) port.close()
owner.on('message', (ask: Ask) => {
  switch (ask.kind) {
    case 'fill':
      return answer({ kind: 'fill', roots: part.fill(ask.slice) })
    case 'scan':
      return answer({ kind: 'scan', roots: part.scan(ask.segment, ask.scanKey) })
    case 'open':
      return answer({ kind: 'open', opened: part.open(ask.cells) })
  }
})
answer({ kind: 'staged' })
