// A node that plays the recording back as a chain of `--blocks` blocks on loopback; says its port on the output and ends with its input.
import { parseArgs } from 'node:util'
import type { Hash, Hex } from '@assay/protocol'
import { cryptoReady, headerHash, type RawHeader } from '@assay/runtime-bindings'
import { serveRpc, type RpcSubscriptions } from '@assay/runtime-bindings/testing'
import { loadRecording, type RecordedBlock } from './recording.ts'

const { values } = parseArgs({ options: { blocks: { type: 'string', default: '10000' } } })
const height = Number(values.blocks)
await cryptoReady()
const { metadata, specName, specVersion, codeHash, genesisHash, founding, blocks } = loadRecording()

const recorded = (number: number): RecordedBlock => (number === 1 ? founding : blocks[number % blocks.length]!)
const hashes: Hash[] = [genesisHash]
const numbers = new Map<Hash, number>([[genesisHash, 0]])
const root: Hash = `0x${'5a'.repeat(32)}`
const headerOf = (number: number): RawHeader => ({ parentHash: hashes[number - 1] ?? `0x${'00'.repeat(32)}`, number: `0x${number.toString(16)}`, stateRoot: root, extrinsicsRoot: root, digest: { logs: number === 0 ? [] : recorded(number).logs } })
for (let number = 1; number <= height; number++) {
  const hash = headerHash(headerOf(number))
  hashes.push(hash)
  numbers.set(hash, number)
}
const states = new Map([founding, ...blocks].map((block) => [block, new Map(block.storage)]))

const hashAt = (number: unknown): Hash | null => hashes[number === undefined || number === null ? height : Number(number)] ?? null
const numberOf = (hash: unknown): number => {
  const number = hash === undefined || hash === null ? height : numbers.get(hash as Hash)
  if (number === undefined) throw Object.assign(new Error(`Block ${String(hash)} not found`), { code: 4003 })
  return number
}
const value = (key: unknown, at: unknown): Hex | null => {
  const number = numberOf(at)
  return number === 0 ? null : (states.get(recorded(number))!.get(key as Hex) ?? null)
}
const version = { specName, specVersion, implName: specName, implVersion: 0, authoringVersion: 1, transactionVersion: 1, apis: [] }

const methods: Record<string, (params: unknown[], subscriptions: RpcSubscriptions, method: string) => unknown> = {
  chain_getBlockHash: ([number]) => (Array.isArray(number) ? number.map(hashAt) : hashAt(number)),
  chain_getHead: () => hashAt(height),
  chain_getFinalizedHead: () => hashAt(height),
  chain_getHeader: ([hash]) => headerOf(numberOf(hash)),
  chain_getBlock: ([hash]) => {
    const number = numberOf(hash)
    return { block: { header: headerOf(number), extrinsics: number === 0 ? [] : recorded(number).extrinsics }, justifications: null }
  },
  chain_subscribeNewHeads: head,
  chain_subscribeFinalizedHeads: head,
  state_getStorage: ([key, at]) => value(key, at),
  state_getStorageAt: ([key, at]) => value(key, at),
  state_getStorageHash: () => codeHash,
  state_queryStorageAt: ([keys, at]) => [{ block: at, changes: (keys as Hex[]).map((key) => [key, value(key, at)]) }],
  state_getMetadata: () => metadata,
  state_getRuntimeVersion: () => version,
  state_subscribeRuntimeVersion: (_, subscriptions) => tell(subscriptions, 'state_runtimeVersion', version),
  rpc_methods: () => ({ methods: [] }),
  system_version: () => '1.0.0',
  system_chain: () => 'peaq, recorded',
  system_properties: () => ({}),
}

function head(_: unknown, subscriptions: RpcSubscriptions): string {
  return tell(subscriptions, 'chain_newHead', headerOf(height))
}

let next = 0
function tell(subscriptions: RpcSubscriptions, method: string, what: unknown): string {
  const id = `s${next++}`
  setImmediate(() => subscriptions.subscribe(method, id)(what))
  return id
}

const server = await serveRpc({
  host: '127.0.0.1',
  port: 0,
  call: async (method, params, subscriptions) => {
    const handler = methods[method]
    if (!handler) throw Object.assign(new Error(`Method not found: ${method}`), { code: -32601 })
    return handler(params, subscriptions, method)
  },
})
console.log(server.port)
process.stdin.on('end', () => process.exit(0)).resume()
