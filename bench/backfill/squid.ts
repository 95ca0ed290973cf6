// The same blocks through @subsquid/substrate-processor, RPC only, the same events, and a database that stores nothing.
import { createRequire } from 'node:module'
import { watchMemory } from './memory.ts'

// As far as it is used here; the package is not among this project's.
interface Squid {
  SubstrateBatchProcessor: new () => Processor
}
interface Processor {
  setRpcEndpoint(settings: { url: string, capacity?: number, maxBatchCallSize?: number }): Processor
  setRpcDataIngestionSettings(settings: { headPollInterval?: number }): Processor
  setBlockRange(range: { from: number, to: number }): Processor
  setFields(fields: object): Processor
  addEvent(options: { name: string[], extrinsic: boolean, call: boolean }): Processor
  run(database: object, handler: (context: { blocks: { header: { height: number }, events: unknown[] }[] }) => Promise<void>): void
}

const [endpoint, last, module, ...more] = process.argv.slice(2) as [string, string, string, ...string[]]
const { SubstrateBatchProcessor } = createRequire(import.meta.url)(module) as Squid
const memory = watchMemory()
const begun = performance.now()
let blocks = 0
let items = 0
new SubstrateBatchProcessor()
  .setRpcEndpoint({ url: endpoint, ...(JSON.parse(more[0] ?? '{}') as { capacity?: number }) })
  .setBlockRange({ from: 1, to: Number(last) })
  .setFields({ event: { name: true, args: true } })
  .addEvent({ name: ['PeaqStorage.ItemAdded', 'PeaqStorage.ItemUpdated', 'PeaqDid.AttributeAdded', 'PeaqDid.AttributeUpdated', 'PeaqRbac.RoleAssignedToUser', 'PeaqRbac.RoleUnassignedToUser'], extrinsic: false, call: false })
  .run(
    { supportsHotBlocks: false, connect: () => Promise.resolve({ height: -1, hash: '0x' }), transact: (_: unknown, work: (store: object) => Promise<void>) => work({}) },
    async ({ blocks: got }) => {
      const height = got.at(-1)!.header.height
      blocks = height
      items += got.reduce((sum, { events }) => sum + events.length, 0)
      memory.at(height)
    },
  )
process.on('exit', () => {
  const { cpu, megabytes } = memory.end()
  console.log(JSON.stringify({ name: 'squid, stub database', blocks, seconds: (performance.now() - begun) / 1000, cpu, items, megabytes }))
})
