// A checker that a test plays: the real one behind tampered doors. What it sends to the chain, what goes to and fro on its channels and what its evidence server answers passes through the tricks.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EMPTY, endWith, filter, ignoreElements, map, merge, type Observable, takeUntil } from 'rxjs'
import { type CheckerDeps, checkerConfig, runChecker } from '@assay/checker'
import { fetchBlob } from '@assay/kit/blobs'
import { type Channel, listenChannel } from '@assay/kit/channel'
import { loadConfig } from '@assay/kit/config'
import { type CheckerMessage, decodeReportItem, encodeReportItem, type Hash, type MachineMessage, type ReportItem, reportKey, toHex, utf8, wire } from '@assay/protocol'
import { createSender, type Sendable, type TxResult } from '@assay/runtime-bindings'
import { join } from 'node:path'
import { type KeystoreName, layKeys } from '../people.ts'
import type { World } from '../world.ts'

export interface Tricks {
  /** What a machine with this peer key hears in place of a message; null: nothing. */
  says?: (message: CheckerMessage, peer: Hash) => CheckerMessage | null
  /** Whether a message of a machine is noticed. */
  hears?: (message: MachineMessage, peer: Hash) => boolean
  /** What it takes for a message of the machine with this peer key, though that machine did not send it. */
  imagines$?: Observable<{ peer: Hash; message: MachineMessage }>
  /** Brings a report on chain; `send` sends an item, each time as an extrinsic of its own. */
  reports?: (item: ReportItem, send: (item: ReportItem) => Promise<TxResult>) => Promise<TxResult>
  /** What the evidence server answers for an id; `bytes` is what it holds, undefined: not found. */
  serves?: (id: Hash, bytes: Uint8Array | undefined) => Uint8Array | undefined
}

const MAX_BLOB = 1 << 24

/** Runs a checker with these keys until the world ends. `own` gets any blob that it has published. */
export async function playChecker(world: World, name: KeystoreName, tricks: Tricks): Promise<{ own: (id: Hash) => Promise<Uint8Array | undefined> }> {
  const { signal } = world
  const own = async (id: Hash): Promise<Uint8Array | undefined> => fetchBlob({ urls: [String((await world.told('checker ready', ({ who }) => who === name)).fields['url'])], id, maxBytes: MAX_BLOB, timeoutMs: 5000, signal })
  const front = createServer((request, response) => {
    const id = /^\/evidence\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1]
    const answer = async (): Promise<void> => {
      const bytes = id === undefined ? undefined : await own(`0x${id}`)
      const shown = id === undefined ? undefined : (tricks.serves ?? ((_, held) => held))(`0x${id}`, bytes)
      response.writeHead(shown === undefined ? 404 : 200).end(shown)
    }
    void answer().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => void front.listen(0, '127.0.0.1', resolve))
  const { port } = front.address() as AddressInfo
  signal.addEventListener('abort', () => {
    front.close()
    front.closeAllConnections()
  })
  const dataDir = join(world.dir, name)
  const config = loadConfig(checkerConfig, { flags: { ...world.common, dataDir, passwordFile: layKeys('checker', name, dataDir), channelPort: 0, httpPort: 0, evidenceUrl: `http://127.0.0.1:${port}` } })
  world.run(name, (tools) => runChecker(config, { ...tools, deps: doors(world, tricks) }))
  return { own }
}

function doors({ chain, network, parameters }: World, { says = (message) => message, hears = () => true, imagines$ = EMPTY, reports }: Tricks): Partial<CheckerDeps> {
  const words = wire(parameters)
  const key = toHex(utf8(reportKey(network)))
  const tampered = (channel: Channel): Channel => ({
    peer: channel.peer,
    closed: channel.closed,
    close: () => channel.close(),
    frames$: merge(
      channel.frames$.pipe(filter((frame) => hears(words.machine.decode(frame), channel.peer))),
      imagines$.pipe(filter(({ peer }) => peer === channel.peer), map(({ message }) => words.machine.encode(message)), takeUntil(channel.frames$.pipe(ignoreElements(), endWith(null)))),
    ),
    send: async (frame) => {
      const said = says(words.checker.decode(frame), channel.peer)
      if (said !== null) await channel.send(words.checker.encode(said))
    },
  })
  return {
    listen: (options) => listenChannel({ ...options, onChannel: (channel) => options.onChannel(tampered(channel)) }),
    createSender: (options) => {
      const sender = createSender(options)
      return {
        ...sender,
        send: (call, sending) => {
          const item = reportIn(call, key)
          if (item === undefined || reports === undefined) return sender.send(call, sending)
          const { method } = callOf(call)
          let times = 0
          // Once there is an item of this key, another is an update. Not waiting for confirmations leaves time for tricks.
          const send = (changed: ReportItem): Promise<TxResult> =>
            sender.send(chain.call('peaqStorage', times++ === 0 ? method : 'updateItem', key, toHex(encodeReportItem(changed))), { ...sending, confirmations: 0, ...(sending.key !== undefined && { key: `${sending.key}/${times}` }) })
          return reports(item, send)
        },
      }
    },
  }
}

interface StorageCall {
  section: string
  method: string
  args: { toU8a(bare: boolean): Uint8Array }[]
}

const callOf = (call: Sendable): StorageCall => (typeof call.method === 'string' ? call : call.method) as unknown as StorageCall

/** The report in a call, if it is one. */
function reportIn(call: Sendable, key: string): ReportItem | undefined {
  const { section, args } = callOf(call)
  return section === 'peaqStorage' && toHex(args[0]!.toU8a(true)) === key ? decodeReportItem(args[1]!.toU8a(true)) : undefined
}
