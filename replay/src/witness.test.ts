import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { applyBlock, emptyLedger, encodeParameters, type Hash, type Ledger, type LedgerEvent, MACHINE_KEY, PARAMETERS_KEY } from '@assay/protocol'
import { accountOf, testCrypto as crypto } from '@assay/protocol/testing/actors'
import { smallParameters } from '@assay/protocol/testing/round'
import { STORAGE_KEYS } from '@assay/substrate'
import { serveRpc } from '../../runtime-bindings/testing/rpc-server.ts'
import { type Call, type TestNode, testNode } from '../testing/node.ts'
import { documentOf } from '../testing/play.ts'
import { connectNode, isNodeAddress, NodeError } from './node.ts'
import { createRecorder, keptEvents } from './recorder.ts'
import type { RecordedBlock, RecordedEvent, Recording } from './recording.ts'
import { tellWitnessed } from './tell-witnessed.ts'
import { type Witnessed, witnessRecording, type WitnessOptions } from './witness.ts'

const FIRST = 40
const COUNT = 150
/** A block with events of all kinds. */
const BUSY = 77

const network = accountOf('network')
const stranger = accountOf('stranger')
const role: Hash = `0x${'6'.repeat(64)}`
const document = documentOf(Uint8Array.of(1, 2, 3))
const item = (key: string, value: Uint8Array, who = stranger): LedgerEvent => ({ kind: 'item', who, key, value, update: false })
const parameters = { ...smallParameters({}), origin: FIRST, start: FIRST + 20 }

const busy: LedgerEvent[] = [
  { kind: 'attribute', who: stranger, subject: stranger, value: document, identity: Uint8Array.of(1, 2, 3) },
  item(MACHINE_KEY, crypto.blake2b256(document)),
  { ...item('assay/other', new Uint8Array(500)), update: true } as LedgerEvent,
  item('nobody', Uint8Array.of(1)),
  { kind: 'role', owner: network, role, user: stranger, assigned: true },
  { kind: 'role', owner: stranger, role, user: network, assigned: false },
  { kind: 'role', owner: network, role, user: stranger, assigned: false },
]

let node: TestNode
let recording: Recording
let ledger: Ledger
let server: Awaited<ReturnType<typeof serveRpc>>
let address: string
/** What of the node's answers is not as it should be. */
let lie: (method: string, params: unknown[], honest: () => unknown) => unknown
let calls: string[]

beforeAll(async () => {
  const events = Array.from({ length: COUNT }, (_, i): LedgerEvent[] => (i === 0 ? [item(PARAMETERS_KEY, encodeParameters(parameters), network)] : FIRST + i === BUSY ? busy : []))
  node = testNode(FIRST, events)
  const recorder = createRecorder(crypto, network)
  for (const block of node.blocks) recorder.block(block)
  ledger = node.blocks.reduce((so, block) => applyBlock(crypto, so, block), emptyLedger(network))
  recording = { ...recorder.recording(ledger, 0), blocks: node.blocks.map((block) => ({ hash: block.hash, relayRoot: [block.relayRoot!], events: keptEvents(crypto, network, block) })) }
  const call: Call = (method, params) => {
    calls.push(method)
    return lie(method, params, () => node.call(method, params))
  }
  server = await serveRpc({ host: '127.0.0.1', port: 0, call: async (method, params) => call(method, params) })
  address = `ws://127.0.0.1:${server.port}`
})
afterAll(() => server.close())
beforeEach(() => {
  calls = []
  lie = (_, __, honest) => honest()
})

const witness = (of: Recording = recording, options: Partial<WitnessOptions> & { at?: string } = {}): Promise<Witnessed> => witnessRecording(of, ledger, options.at ?? address, { crypto, signal: new AbortController().signal, ...options })

/** The recording with one block changed. */
function changed(number: number, change: (block: RecordedBlock) => Partial<RecordedBlock>): Recording {
  const at = number - FIRST
  return { ...recording, blocks: recording.blocks.with(at, { ...recording.blocks[at]!, ...change(recording.blocks[at]!) }) }
}
const withEvents = (change: (events: RecordedEvent[]) => RecordedEvent[]): Recording => changed(BUSY, ({ events }) => ({ events: change(events) }))

describe('a recording of the node’s own chain', () => {
  test('agrees in every block, and tells how far it is', async () => {
    const told: number[] = []
    expect(recording.blocks[BUSY - FIRST]!.events).toHaveLength(5)
    expect(await witness(recording, { progress: (blocks) => told.push(blocks), genesis: node.genesis })).toEqual({ kind: 'agrees', blocks: COUNT, first: FIRST, last: FIRST + COUNT - 1 })
    expect(told).toEqual([32, 64, 96, 128, 150])
    // A hash for each run and one of block 0, and three things a block.
    expect(calls.filter((method) => method === 'chain_getBlockHash')).toHaveLength(6)
    for (const method of ['chain_getHeader', 'state_queryStorageAt', 'state_getStorageHash']) expect(calls.filter((called) => called === method)).toHaveLength(COUNT)
    expect(calls.filter((method) => method === 'state_getMetadata').length).toBeLessThanOrEqual(COUNT / 32)
  })

  test('agrees by POST as by WebSocket, and where it keeps no relay roots', async () => {
    const http = createServer((request, response) => {
      void (async () => {
        const { id, method, params } = JSON.parse(Buffer.concat(await request.toArray() as Buffer[]).toString()) as { id: number; method: string; params: unknown[] }
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result: node.call(method, params) }))
      })()
    })
    await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening))
    try {
      const rootless = { ...recording, blocks: recording.blocks.map((block) => ({ ...block, relayRoot: [] })) }
      expect(await witness(rootless, { at: `http://127.0.0.1:${(http.address() as AddressInfo).port}` })).toMatchObject({ kind: 'agrees', blocks: COUNT })
    } finally {
      http.close()
    }
  })
})

describe('a recording that lies', () => {
  const differs = async (of: Recording, what: object): Promise<void> => {
    const witnessed = await witness(of)
    expect(witnessed).toMatchObject({ kind: 'differs', ...what })
    expect(tellWitnessed(witnessed)).toMatch(/^Block \d+ is not as the node has it\. /)
  }

  test('by leaving an event out is found out, whichever it is', async () => {
    const { events } = recording.blocks[BUSY - FIRST]!
    for (const at of events.keys()) await differs(withEvents((all) => all.toSpliced(at, 1)), { blocks: BUSY - FIRST, difference: { block: BUSY, what: 'event', at, chain: expect.any(String) as unknown } })
    await differs(withEvents((all) => all.slice(0, -1)), { difference: { block: BUSY, what: 'event', at: events.length - 1, recorded: null, chain: `role ${role} taken from ${stranger}` } })
  })

  test('by an event that the chain has not is found out, in a busy block and in an empty one', async () => {
    const made: RecordedEvent = { tag: 'itemAdded', value: { who: stranger, key: MACHINE_KEY, value: new Uint8Array(32) } }
    await differs(withEvents((all) => [...all, made]), { difference: { block: BUSY, what: 'event', at: 5, chain: null, recorded: expect.stringContaining(MACHINE_KEY) as unknown } })
    await differs(changed(FIRST + COUNT - 1, () => ({ events: [made] })), { difference: { block: FIRST + COUNT - 1, what: 'event', at: 0, chain: null } })
  })

  test('by an altered event, or another order, is found out', async () => {
    const alter = (at: number, value: object) => withEvents((all) => all.with(at, { ...all[at]!, value: { ...(all[at]!.value as object), ...value } } as RecordedEvent))
    for (const [at, value] of [[1, { who: network }], [1, { key: 'assay/machinf' }], [1, { value: new Uint8Array(32) }], [2, { value: new Uint8Array(128) }], [3, { user: network }], [3, { role: stranger }]] as const) await differs(alter(at, value), { difference: { block: BUSY, what: 'event', at } })
    await differs(withEvents((all) => all.with(0, { tag: 'document', value: document.with(-1, 7) })), { difference: { what: 'event', at: 0 } })
    await differs(withEvents((all) => all.with(1, { ...all[1]!, tag: 'itemUpdated' } as RecordedEvent)), { difference: { what: 'event', at: 1 } })
    await differs(withEvents((all) => all.toReversed()), { difference: { what: 'event', at: 0 } })
  })

  test('of a hash, a relay root, or the block before the first is found out', async () => {
    const other: Hash = `0x${'4'.repeat(64)}`
    await differs(changed(BUSY, () => ({ hash: other })), { blocks: BUSY - FIRST, difference: { block: BUSY, what: 'hash', at: 0, recorded: other, chain: node.blocks[BUSY - FIRST]!.hash } })
    await differs(changed(BUSY, () => ({ relayRoot: [other] })), { difference: { block: BUSY, what: 'relay root', recorded: other, chain: node.blocks[0]!.relayRoot } })
    await differs({ ...recording, parent: other }, { difference: { block: FIRST, what: 'parent', recorded: other } })
    // Of several the first is told.
    await differs({ ...changed(BUSY, () => ({ hash: other })), parent: other }, { difference: { block: FIRST } })
  })

  test('by beginning after the network, or by a block that is not there, is found out', async () => {
    await differs({ ...recording, first: FIRST + 1, parent: recording.blocks[0]!.hash, blocks: recording.blocks.slice(1) }, { blocks: 0, difference: { block: FIRST, what: 'begin', recorded: `begins at block ${FIRST + 1}` } })
    await differs({ ...recording, blocks: recording.blocks.toSpliced(50, 1) }, { difference: { block: FIRST + 50, what: 'hash' } })
  })

  test('is told in a line, however long what it made up', async () => {
    const told = tellWitnessed(await witness(withEvents((all) => all.with(0, { tag: 'document', value: new Uint8Array(2000) }))))
    expect(told.length).toBeLessThan(1_000)
  })
})

describe('a node', () => {
  const unusable = async (code: string, options: Parameters<typeof witness>[1] = {}): Promise<string> => {
    const witnessed = await witness(recording, options)
    expect(witnessed).toMatchObject({ kind: 'unusable', code })
    return tellWitnessed(witnessed)
  }
  const only = (wrong: string, answer: (honest: unknown, params: unknown[]) => unknown) => {
    lie = (method, params, honest) => (method === wrong ? answer(honest(), params) : honest())
  }

  test('of another chain is told by its first block', async () => {
    const genesis: Hash = `0x${'3'.repeat(64)}`
    const witnessed = await witness(recording, { genesis })
    expect(witnessed).toEqual({ kind: 'other chain', expected: genesis, found: node.genesis })
    expect(tellWitnessed(witnessed)).toContain('another chain')
  })

  test('that gives a header of another hash is not believed', async () => {
    for (const change of [{ stateRoot: `0x${'1'.repeat(64)}` }, { number: '0x1' }, { digest: { logs: [] } }, { digest: null }, { parentHash: 'x' }]) {
      only('chain_getHeader', (honest, [hash]) => (hash === node.blocks[3]!.hash ? { ...(honest as object), ...change } : honest))
      expect(await unusable('INCONSISTENT')).toContain(`block ${FIRST + 3}`)
    }
    only('chain_getHeader', () => 7)
    await unusable('INCONSISTENT')
  })

  test('that is behind, has forgotten blocks, states or cannot tell codes is named so', async () => {
    only('chain_getBlockHash', (honest) => (Array.isArray(honest) ? honest.with(-1, null) : honest))
    expect(await unusable('LACKING')).toContain('still behind')
    only('chain_getHeader', () => null)
    expect(await unusable('LACKING')).toContain('archive')
    only('state_queryStorageAt', () => [])
    expect(await unusable('LACKING')).toContain('archive')
    only('state_getStorageHash', () => {
      throw Object.assign(new Error('Method not found'), { code: -32601 })
    })
    expect(await unusable('REFUSED')).toContain('state_getStorageHash: -32601 Method not found')
  })

  test('that answers in other shapes, or with what cannot be read, is named so', async () => {
    for (const [method, answer] of [['chain_getBlockHash', 7], ['chain_getBlockHash', '0x'], ['state_queryStorageAt', 7], ['state_queryStorageAt', [{ changes: [[STORAGE_KEYS.events, 'zz']] }]], ['state_getStorageHash', null]] as const) {
      only(method, () => answer)
      await unusable('INCONSISTENT')
    }
    only('chain_getBlockHash', (honest) => (Array.isArray(honest) ? honest.slice(1) : honest))
    await unusable('INCONSISTENT')
    only('state_getMetadata', () => '0x6d65746107')
    await unusable('UNREADABLE')
    only('state_queryStorageAt', (_, [, at]) => [{ block: at, changes: [[STORAGE_KEYS.events, '0x0401']] }])
    await unusable('UNREADABLE')
  })

  test('that falls silent is given up, and says how far it went', async () => {
    lie = (_, params, honest) => (params[0] === node.blocks[100]!.hash ? new Promise(() => {}) : honest())
    const witnessed = await witness(recording, { patienceMs: 50 })
    expect(witnessed).toMatchObject({ kind: 'unusable', code: 'UNREACHABLE', blocks: 96 })
    expect(tellWitnessed(witnessed)).toContain('has not answered for 50 ms')
  })

  test('that is not there, hangs up, or has no such address is named so', async () => {
    await unusable('UNREACHABLE', { at: 'ws://127.0.0.1:1' })
    await unusable('UNREACHABLE', { at: 'http://127.0.0.1:1' })
    // A server of WebSockets answers a POST with a status of its own.
    expect(await unusable('UNREACHABLE', { at: address.replace('ws', 'http') })).toContain('status 426')
    for (const at of ['127.0.0.1:9944', 'ftp://x', 'javascript:alert(1)', '']) {
      expect(isNodeAddress(at)).toBe(false)
      await unusable('ADDRESS', { at })
    }
    await unusable('ADDRESS', { at: 'ws://127.0.0.1:9944/#part' })
  })

  test('is left at once when the reader stops, before it answers or after', async () => {
    const stop = new AbortController()
    const reason = new Error('enough')
    lie = (method, _, honest) => {
      if (method === 'state_queryStorageAt') stop.abort(reason)
      return honest()
    }
    await expect(witness(recording, { signal: stop.signal })).rejects.toBe(reason)
    await expect(witness(recording, { signal: stop.signal })).rejects.toBe(reason)
    await expect.poll(() => server.clients()).toBe(0)
  })

  test('that was left answers no more questions', async () => {
    const connection = await connectNode(address, { signal: new AbortController().signal })
    connection.close()
    await expect(connection.ask('chain_getHeader', [])).rejects.toThrow(NodeError)
  })
})
