// Makes the recording that CI replays: boots a small devnet on the real runtime, waits until its first epoch is paid, and saves it with the real `assay replay --save`.
//   node tools/record-epoch.ts [FILE]        default: test/recordings/epoch.assay
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { explainEpoch } from '@assay/protocol'
import { cryptoReady, nodeCrypto } from '@assay/runtime-bindings'
import type { DevnetEvent } from '../cli/src/devnet/events.ts'
import { runDevnet } from '../cli/src/devnet/run.ts'
import { replayRecording } from '../replay/src/index.ts'

const root = join(import.meta.dirname, '..')
const file = process.argv[2] ?? join(root, 'test', 'recordings', 'epoch.assay')
/** Small proofs, so that the file stays small; every other round is of memory. */
const SMALL = { log2n: 7, log2nMax: 7, samples: 40, maxSteps: 1024, windowMs: 1000, bandwidthBytes: 65536, memoryShare: 32768, memoryLog2: 10 }

const paid = new AbortController()
const interrupted = new AbortController()
process.once('SIGINT', () => interrupted.abort())

/** Runs the command as anybody would. */
async function save({ endpoint, network }: { endpoint: string; network: string }): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, join(root, 'cli/src/main.ts'), 'replay', '--epoch', '0', '--chain', endpoint, '--network', network, '--save', file], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`assay replay ended with exit code ${code}`)
}

let saving: Promise<void> | undefined
let ready: { endpoint: string; network: string } | undefined
const show = (event: DevnetEvent): void => {
  if (event.event === 'step') console.error(event.text)
  if (event.event === 'ready') ready = event
  if (event.event !== 'paid' || saving !== undefined || ready === undefined) return
  // The devnet must live until the evidence is fetched.
  saving = save(ready).finally(() => paid.abort())
  saving.catch(() => {}) // told when it is awaited, after the devnet has ended in good order
}
await runDevnet({ checkers: 3, machines: 3, cheats: 1, blockMs: 2000, live: false, keep: false, parameters: SMALL }, { signal: AbortSignal.any([paid.signal, interrupted.signal]), show, names: new Map() })
if (saving === undefined) throw new Error('the devnet ended before its first epoch was paid')
await saving

await cryptoReady()
const { replayed, onChain } = await replayRecording(new Uint8Array(readFileSync(file)), { crypto: nodeCrypto })
const caught = explainEpoch(replayed).filter(({ score }) => score.kind === 'machine' && score.earned === 0n)
console.error(`${file}: ${readFileSync(file).length} bytes, rounds of ${replayed.rounds.map(({ facts }) => facts.kind).join(' and ')}, on chain: ${onChain}, without pay: ${caught.map(({ score }) => score.reason).join(', ')}`)
if (onChain !== 'match' || caught.length !== 1 || caught[0]?.score.reason === 'OK') throw new Error('not an epoch worth keeping: one of the machines must have been caught, and the statement must stand on chain; run this again')
