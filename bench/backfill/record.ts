// Blocks of peaq's real runtime, executed on a development chain, as a node would serve them: what the other files here play back.
//   node bench/backfill/record.ts
// Each has as many events as a block of the live chain (42) from transfers, items, attributes and roles; the first is the founding of a network.
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { devnetParameters, encodeParameters, PARAMETERS_KEY, utf8, type Hash, type Hex } from '@assay/protocol'
import { accountFromSecret, addAttribute, addItem, addRole, assignRole, batchAll, connectChain, createSender, cryptoReady, transfer, type Sendable, type Sender } from '@assay/runtime-bindings'
import { startDevchain } from '@assay/runtime-bindings/testing'
import { EVENTS_A_BLOCK, RECORDING, type RecordedBlock, type Recording } from './recording.ts'

const BLOCKS = 24
const PEAQ = 10n ** 18n

await cryptoReady()
const stop = new AbortController()
const people = Array.from({ length: 5 }, (_, i) => accountFromSecret(`//backfill//${i}`))
const network = accountFromSecret('//backfill//network')
await using dev = await startDevchain({ fund: Object.fromEntries([...people, network].map(({ address }) => [address, 1_000n * PEAQ])) })
const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
const senders = [network, ...people].map((account) => createSender({ chain, account, signal: stop.signal }))

/** One block of these calls, each by its sender. */
async function build(calls: readonly (readonly [Sender, Sendable])[]): Promise<Hash> {
  const sent = calls.map(([sender, call]) => sender.send(call, { label: 'recorded' }))
  while (dev.chain.txPool.pendingExtrinsics.length < calls.length) await new Promise((resolve) => setTimeout(resolve, 5))
  const { hash } = await dev.newBlock()
  for (const result of await Promise.all(sent)) if (!result.ok) throw new Error(`a call failed: ${JSON.stringify(result)}`)
  return hash
}

const keys = Object.values({ events: ['system', 'events'], marker: ['system', 'lastRuntimeUpgrade'], validation: ['parachainSystem', 'validationData'] } as const)
const rawKey = ([section, entry]: readonly [string, string]): Hex => `0x${Buffer.from(chain.runtime.pallets.query[section]![entry]!().slice(1)).toString('hex')}`

async function record(hash: Hash): Promise<RecordedBlock> {
  const storage: [Hex, Hex | null][] = []
  for (const key of keys) storage.push([rawKey(key), await chain.readRaw(key[0], key[1], [], hash)])
  const { digest } = await chain.rpc.request<{ digest: { logs: Hex[] } }>('chain_getHeader', [hash])
  const { block } = await chain.rpc.request<{ block: { extrinsics: Hex[] } }>('chain_getBlock', [hash])
  return { logs: digest.logs, extrinsics: block.extrinsics, storage }
}

const count = async (hash: Hash): Promise<number> => {
  const raw = await chain.readRaw('system', 'events', [], hash)
  return chain.runtime.registry.createType('Vec<EventRecord>', Buffer.from(raw!.slice(2), 'hex')).length
}

const roleOf = (n: number): Hash => `0x${(n + 1).toString(16).padStart(2, '0').repeat(32)}`

/** Two items, an attribute, a role and a transfer. */
function calls(n: number): (readonly [Sender, Sendable])[] {
  const [first, second, third] = people.map(({ id }) => id)
  const of = [addItem(chain, `assay/r/${n}`, utf8('x'.repeat(96))), addAttribute(chain, second!, `did${n}`, utf8('y'.repeat(280))), assignRole(chain, roleOf(n), first!), transfer(chain, third!, 1_000n), addItem(chain, `assay/s/${n}`, utf8('z'.repeat(64)))]
  return of.map((call, i) => [senders[i + 1]!, call])
}

await build([[senders[3]!, batchAll(chain, Array.from({ length: BLOCKS }, (_, n) => addRole(chain, roleOf(n), `r${n}`)))]])
const founding = await record(await build([[senders[0]!, addItem(chain, PARAMETERS_KEY, encodeParameters(devnetParameters(1, 40)))]]))
const blocks: RecordedBlock[] = []
for (let n = 0; n < BLOCKS; n++) {
  const hash = await build(calls(n))
  const events = await count(hash)
  if (events !== EVENTS_A_BLOCK) throw new Error(`a block has ${events} events, not ${EVENTS_A_BLOCK}: change its calls`)
  blocks.push(await record(hash))
}
const { metadata, specName, specVersion, codeHash } = chain.runtime
const recording: Recording = { metadata, specName, specVersion, codeHash, genesisHash: chain.genesisHash, network: network.id, founding, blocks }
writeFileSync(RECORDING, gzipSync(JSON.stringify(recording), { level: 9 }))
console.log(`${blocks.length} blocks in ${RECORDING}`)
await chain.close()
stop.abort()
