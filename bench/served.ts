// How long after a block is confirmed its row is served: on a devnet at work, from the moment at which our own connection to its node tells the block that confirms it, to the end of the answer of GET /blocks
// that shows it as confirmed, asked for when the server's own event told of it.
//   node bench/served.ts [--json] [--blocks 200]
// Chain, checkers, machines and indexer share this machine. Exit code 1 if the limit is missed.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { best$, connectChain } from '@assay/runtime-bindings'
import { NODE_ENVIRONMENT, NODE_FLAGS } from './node-flags.ts'

const LIMIT_MS = 1000
const { values } = parseArgs({ options: { json: { type: 'boolean' }, blocks: { type: 'string', default: '200' } } })
const wanted = Number(values.blocks)
const MAIN = fileURLToPath(new URL('../cli/src/main.ts', import.meta.url))

/** The blocks that a server tells as confirmed. */
async function* confirmedBlocks(indexer: string, signal: AbortSignal): AsyncGenerator<number> {
  const { body } = await fetch(`${indexer}/events?types=block`, { signal })
  let rest = ''
  for await (const chunk of body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      const { number } = line.startsWith('data:') ? (JSON.parse(line.slice('data:'.length)) as { number?: number }) : {}
      if (number !== undefined) yield number
    }
  }
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  return (await response.json()) as T
}

const stop = new AbortController()
const devnet = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'devnet', '--json'], { stdio: ['ignore', 'pipe', 'inherit'], env: NODE_ENVIRONMENT })
const ended = new Promise((resolve) => devnet.once('exit', resolve))
for await (const line of createInterface({ input: devnet.stdout })) {
  const event = JSON.parse(line) as { event: string; endpoint: string; indexer: string }
  if (event.event !== 'ready') continue
  const chain = await connectChain({ endpoint: event.endpoint, signal: stop.signal })
  const seen = new Map<number, number>()
  best$(chain, stop.signal).subscribe(({ number }) => void seen.set(number, performance.now()))
  const waits: number[] = []
  let confirmations = 0
  for await (const number of confirmedBlocks(event.indexer, stop.signal)) {
    if (confirmations === 0) {
      // The parameters are known once the block is confirmed that brought them.
      confirmations = (await get<{ parameters: { confirmations: number } | null }>(`${event.indexer}/network`)).parameters?.confirmations ?? 0
      continue
    }
    const { items } = await get<{ items: { number: number; confirmed: boolean }[] }>(`${event.indexer}/blocks?limit=${confirmations + 5}`)
    const served = performance.now()
    if (!items.some((block) => block.number === number && block.confirmed)) throw new Error(`block ${number} was told of and is not served`)
    const confirmed = seen.get(number + confirmations)
    // Blocks from before we listened have no beginning.
    if (confirmed !== undefined) waits.push(served - confirmed)
    if (waits.length === wanted) break
  }
  const sorted = waits.toSorted((a, b) => a - b)
  const quantile = (q: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!)
  const figures = { blocks: sorted.length, confirmations, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1), limit: LIMIT_MS }
  if (values.json) console.log(JSON.stringify(figures))
  else console.log(`${figures.blocks} blocks, ${confirmations} confirmations: served p50 ${figures.p50} ms, p99 ${figures.p99} ms, at most ${figures.max} ms after the block that confirms (limit ${LIMIT_MS} at p99)`)
  process.exitCode = figures.p99 <= LIMIT_MS ? 0 : 1
  await chain.close()
  stop.abort()
  devnet.kill('SIGINT')
}
await ended
