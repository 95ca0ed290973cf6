// How fast a recording's blocks are held against a node: recorded blocks of peaq (42 events each), served by a replaying node on loopback in a process of its own, read and compared by the code that a browser's worker runs, with its own hashes.
//   node bench/witness.ts [--blocks 10000]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { applyBlock, emptyLedger, type Hash } from '@assay/protocol'
import { browserCrypto, encodeRecording, keptEvents, packRecording, type RecordedBlock, type Recording, witnessRecording } from '@assay/replay'
import { connectChain, ledgerBlocks, nodeCrypto } from '@assay/runtime-bindings'
import { loadRecording } from './backfill/recording.ts'

const { values } = parseArgs({ options: { blocks: { type: 'string', default: '10000' } } })
const count = Number(values.blocks)
const server = spawn(process.execPath, [join(import.meta.dirname, 'backfill/server.ts'), '--blocks', values.blocks], { stdio: ['pipe', 'pipe', 'inherit'] })
const [port] = (await once(createInterface({ input: server.stdout }), 'line')) as [string]
const endpoint = `ws://127.0.0.1:${port}`
const stop = new AbortController()

const { network, genesisHash } = loadRecording()
const chain = await connectChain({ endpoint, signal: stop.signal })
const blocks: RecordedBlock[] = []
let parent: Hash | undefined
let ledger = emptyLedger(network)
const last = count - 1
for await (const event of ledgerBlocks(chain, { from: 1, confirmations: 1, signal: stop.signal })) {
  if (event.type !== 'block') continue
  const { hash, parentHash, relayRoot } = event.block
  parent ??= parentHash
  blocks.push({ hash, relayRoot: relayRoot === null ? [] : [relayRoot], events: keptEvents(nodeCrypto, network, event.block) })
  ledger = applyBlock(nodeCrypto, ledger, event.block)
  if (event.block.number === last) break
}
await chain.close()
const recording: Recording = { network, epoch: 0, first: 1, parent: parent!, blocks, blobs: [] }
const [bytes, packed] = [encodeRecording(recording).length, (await packRecording(recording)).length]
console.log(`recording of ${recording.blocks.length} blocks without evidence: ${bytes} bytes, ${packed} in gzip, ${(packed / recording.blocks.length).toFixed(1)} a block`)

const began = performance.now()
const witnessed = await witnessRecording(recording, ledger, endpoint, { crypto: browserCrypto, genesis: genesisHash, signal: stop.signal })
const seconds = (performance.now() - began) / 1000
if (witnessed.kind !== 'agrees') throw new Error(JSON.stringify(witnessed))
console.log(`held against the node: ${witnessed.blocks} blocks in ${seconds.toFixed(1)} s, ${(witnessed.blocks / seconds).toFixed(0)} a second, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`)
stop.abort()
server.stdin.end()
