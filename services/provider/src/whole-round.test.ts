// A machine through a whole round: its own streams, links and job on one side, checkers that follow a script on the other, real channels on loopback between them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { BehaviorSubject, concatMap, map } from 'rxjs'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import { dialChannel, listenChannel } from '@assay/kit/channel'
import type { Channel } from '@assay/kit/channel'
import { silentLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { blobId, chainKeys, commitmentDigest, decodeCommitmentBlob, decodeOpeningsBlob, devnetParameters, emptyLedger, fromHex, keystream, nonceMessage, nonceOf, registeredCheckers, roundFacts, schedule, toHex, verifyOpenings, VERSIONS, wire, WIRE_PROTOCOL } from '@assay/protocol'
import type { CheckerMessage, Ledger, MachineMessage } from '@assay/protocol'
import { actorFacts } from '@assay/protocol/testing/actor-facts'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { founds, ledgersUpTo, member, network, registers } from '../testing/ledger.ts'
import type { Member } from '../testing/ledger.ts'
import { createReferenceEngine } from './engines/reference.ts'
import { runJob } from './job.ts'
import type { JobResult } from './job.ts'
import { createLinks } from './links.ts'
import { providerMetrics } from './metrics.ts'
import { roundOf, rounds$ } from './rounds.ts'
import type { ChainState } from './rounds.ts'
import { SignedRounds } from './signed.ts'

vi.setConfig({ testTimeout: 30_000 })
beforeAll(cryptoReady)
const parameters = { ...devnetParameters(1, 20), log2n: 6, windowMs: 400, samples: 10, bandwidthBytes: 200_000 }
const codecs = wire(parameters)
const ROUND = 1
const at = schedule(parameters, ROUND)
const stop = new AbortController()
afterEach(() => stop.abort())

type Said<T extends MachineMessage['tag']> = Extract<MachineMessage, { tag: T }>['value']

/** Hears everything and does what its script says. */
class Checker {
  readonly who: Member
  readonly heard: MachineMessage[] = []
  channel: Channel | undefined
  close = async (): Promise<void> => {}
  script: (message: MachineMessage, checker: Checker) => void = () => {}

  constructor(who: Member) {
    this.who = who
  }

  async listen(machine: Member, port = 0): Promise<string> {
    const listener = await listenChannel({
      key: this.who.peer, host: '127.0.0.1', port, protocol: WIRE_PROTOCOL, log: silentLog, signal: stop.signal,
      admit: (peer) => (peer === machine.peer.publicKey ? 'OK' : 'NOT_ELIGIBLE'),
      limits: { maxFrameBytes: codecs.maxFrameBytes },
      onChannel: (channel) => {
        this.channel = channel
        channel.frames$.subscribe({
          next: (frame) => {
            const message = codecs.machine.decode(frame)
            this.heard.push(message)
            if (message.tag === 'Hello') this.say({ tag: 'Welcome', value: { version: 1, best: 0 } })
            this.script(message, this)
          },
          error: () => {},
        })
      },
    })
    this.close = () => listener.close()
    return listener.addresses[0]!
  }

  say(message: CheckerMessage): void {
    this.channel!.send(codecs.checker.encode(message)).catch(() => {})
  }

  all<T extends MachineMessage['tag']>(tag: T): Said<T>[] {
    return this.heard.filter((message) => message.tag === tag).map(({ value }) => value) as Said<T>[]
  }
}

it('a whole round with three checkers: one honest, one that vanishes and comes back, one that never sends its nonce and says nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'assay-round-'))
  const machine = member('machine', 9)
  const [honest, flaky, mute] = [new Checker(member('checker', 1)), new Checker(member('checker', 2)), new Checker(member('checker', 3))]
  const checkers = [honest, flaky, mute]
  for (const checker of checkers) checker.who.addresses.push(await checker.listen(machine))
  const ledgers: Ledger[] = ledgersUpTo(at.packageBy + 1, { 2: [founds(parameters), registers(machine), ...checkers.map(({ who }) => registers(who))].flat() })
  const state$ = new BehaviorSubject<ChainState>({ ledger: emptyLedger(network), best: 1 })
  const reach = (best: number): void => state$.next({ ledger: ledgers[best - parameters.confirmations]!, best })

  // The machine.
  const engine = createReferenceEngine(crypto)
  const metrics = providerMetrics(createMetrics('provider'))
  const links = createLinks({
    network, metrics, log: silentLog, signal: stop.signal, wire: () => codecs, versions: () => VERSIONS, random: Math.random,
    round: () => roundOf(state$.value),
    checkers$: state$.pipe(map(({ ledger }) => registeredCheckers(ledger).map(({ account, identity }) => ({ account, peer: identity.peer, addresses: identity.addresses })))),
    lanes: 0,
    laneMs: () => 1000,
    dial: (target, address, protocol, signal) => dialChannel({ key: machine.peer, address, expect: target.peer, protocol, limits: { maxFrameBytes: codecs.maxFrameBytes }, timeoutMs: 3000, signal }),
  })
  const signed = new SignedRounds(dir, network)
  const results: JobResult[] = []
  let receipts = 0
  links.messages$.subscribe(({ message }) => void (message.tag === 'Receipt' && receipts++))
  rounds$(state$, { crypto, machine: machine.account.id })
    .pipe(concatMap((round) => runJob(round, { crypto, engine, machine: machine.account.id, sign: machine.peer.sign, links, signed, memory: async () => null, log2n: ({ log2n }) => log2n, segments: () => 1, describe: async () => actorFacts('machine'), now: () => performance.now(), random: Math.random, log: silentLog, metrics }, stop.signal)))
    .subscribe((result) => results.push(result))

  // All are connected, and measure.
  reach(at.start - 2)
  await expect.poll(() => links.open().length, { timeout: 5000 }).toBe(3)
  honest.say({ tag: 'Ping', value: { id: 41 } })
  const payload = keystream(new Uint8Array(32).fill(6), 0, 150_000)
  honest.say({ tag: 'Download', value: { id: 42, round: ROUND, bytes: payload.length } })
  for (let o = 0; o < payload.length; o += 65536) honest.say({ tag: 'Chunk', value: { id: 42, bytes: payload.slice(o, o + 65536) } })
  honest.say({ tag: 'Upload', value: { id: 43, round: ROUND, seed: new Uint8Array(32).fill(6), bytes: 150_000 } })
  await expect.poll(() => honest.all('Chunk').length, { timeout: 5000 }).toBe(3)
  await expect.poll(() => honest.all('DownloadDone')).toEqual([{ id: 42, sha256: `0x${createHash('sha256').update(payload).digest('hex')}` }])
  expect(honest.all('Pong')).toEqual([{ id: 41 }])
  expect(Buffer.concat(honest.all('Chunk').map(({ bytes }) => bytes)).equals(Buffer.from(payload))).toBe(true)

  // Fire: a nonce that is a block early for the machine, one on time, one never. The flaky one is gone when the commitment comes.
  reach(at.beaconKnown)
  const facts = () => roundFacts(crypto, state$.value.ledger, ROUND)!
  expect(facts().committee(machine.account.id).length).toBe(3)
  const fire = ({ who, say }: Checker, checker: Checker): void => say.call(checker, { tag: 'Nonce', value: { round: ROUND, signature: who.peer.sign(nonceMessage(network, ROUND, facts().beacon!, machine.account.id, who.account.id)) } })
  reach(at.fire - 1)
  fire(flaky, flaky)
  reach(at.fire)
  fire(honest, honest)
  await expect.poll(() => flaky.all('Progress').length, { timeout: 5000 }).toBeGreaterThan(2)
  const port = Number(flaky.who.addresses[0]!.split('/')[4])
  await flaky.close()
  const receipt = (message: MachineMessage, checker: Checker): void => {
    if (message.tag === 'Commitment' || message.tag === 'Openings') checker.say({ tag: 'Receipt', value: { round: ROUND, id: blobId(crypto, message.value.blob) } })
  }
  honest.script = receipt
  await expect.poll(() => honest.all('Commitment').length, { timeout: 10_000 }).toBe(1)
  flaky.script = receipt
  await flaky.listen(machine, port)
  await expect.poll(() => flaky.all('Commitment').length, { timeout: 10_000 }).toBe(1)

  const blob = honest.all('Commitment')[0]!.blob
  expect(flaky.all('Commitment')[0]!.blob).toEqual(blob)
  expect(mute.all('Commitment')[0]!.blob).toEqual(blob)
  const { commitment, signature, id } = decodeCommitmentBlob(crypto, blob, parameters)
  expect(crypto.ed25519Verify(signature, commitmentDigest(crypto, commitment), fromHex(machine.peer.publicKey))).toBe(true)
  expect(commitment.folds.map(({ checker }) => checker).sort()).toEqual([honest.who.account.id, flaky.who.account.id].sort())
  const nonces = new Map<number, Uint8Array[]>()
  for (const { step, signature: nonce } of commitment.folds) nonces.set(step, [...(nonces.get(step) ?? []), nonceOf(crypto, nonce)])
  const seed = facts().seedOf(machine.account.id)!
  const keys = chainKeys(crypto, seed, commitment.roots, nonces)
  for (const { step, key } of honest.all('Progress')) expect(key).toBe(toHex(keys[step]!))
  expect(mute.all('Progress')).toEqual([])

  // The coins fall; all get the openings, which verify.
  reach(at.openKnown)
  await expect.poll(() => checkers.map((checker) => checker.all('Openings').length), { timeout: 10_000 }).toEqual([1, 1, 1])
  const { openings } = decodeOpeningsBlob(honest.all('Openings')[0]!.blob)
  const coins = facts().coins(machine.account.id, id)!
  expect(verifyOpenings(crypto, { seed, log2n: 6, roots: commitment.roots, keys, coins, samples: parameters.samples, openings })).toBe('OK')
  await expect.poll(() => receipts, { timeout: 5000 }).toBe(4)
  reach(at.packageBy + 1)
  await expect.poll(() => results.at(-1)).toEqual({ round: ROUND, result: 'COMMITTED', committee: 3, steps: commitment.roots.length, folds: 2, handedIn: 2, opened: 2, jobMs: expect.any(Number), openMs: expect.any(Number) })
  await rm(dir, { recursive: true })
})
