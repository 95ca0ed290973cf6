// What a checker measures of one machine: the round trip, the bandwidth both ways, and how far the job got within the window of the checker's nonce.
import { createHash } from 'node:crypto'
import { catchError, concat, concatMap, defer, EMPTY, filter, first, forkJoin, from, ignoreElements, last, map, merge, min, type Observable, of, range, scan, switchMap, take, takeUntil, takeWhile, timer } from 'rxjs'
import { CHUNK_BYTES, keystream, type MachineMessage } from '@assay/protocol'
import type { Arrival, Line } from './sessions.ts'
import type { Reading } from './store.ts'

/** News of one machine's reading; `complete` says that its window is over. */
export type Patch = Partial<Reading> & { complete?: true }

export interface MeasureTools {
  /** monotonic ms */
  now: () => number
  random: (bytes: number) => Uint8Array
}

const PINGS = 8
/** A ping without an answer for so long ends the measurement. */
const PING_MS = 2000
/** Progress that arrived in time may still wait in this process when the window ends. */
const SLACK_MS = 100
/** By chance, so that no answer can be sent before the question. */
const freshId = ({ random }: MeasureTools): number => new DataView(random(4).buffer).getUint32(0)

/** Messages of one kind. */
function hear<T extends MachineMessage['tag']>(line: Line, tag: T): Observable<Arrival<Extract<MachineMessage, { tag: T }>>> {
  return line.messages$.pipe(filter((arrival): arrival is Arrival<Extract<MachineMessage, { tag: T }>> => arrival.message.tag === tag))
}

/** Whole kilobits a second, at most what a u32 holds; bits in a ms are kilobits in a second. */
export function kbps(bytes: number, ms: number): number {
  return Math.min(2 ** 32 - 1, Math.floor((bytes * 8) / Math.max(ms, 0.001)))
}

/** At least 1, for 0 says that nothing was measured; at most what a u32 holds. */
const microseconds = (ms: number): number => Math.min(2 ** 32 - 1, Math.max(1, Math.round(ms * 1000)))

/**
 * Round trip and bandwidth of a line, one after the other so that none disturbs the next: `{ rttUs }`, then `{ downKbps }`, `{ upKbps }` as each is known. What fails, or is not
 * done within `limitMs`, is left out: it was not measured. Never errors.
 */
export function link$(line: Line, { round, bytes, limitMs }: { round: number, bytes: number, limitMs: number }, tools: MeasureTools): Observable<Patch> {
  const bounded = (measured$: Observable<Patch>): Observable<Patch> => measured$.pipe(takeUntil(timer(limitMs)), catchError(() => EMPTY))
  return concat(bounded(roundTrip$(line, tools)), ...(bytes > 0 ? [bounded(down$(line, round, bytes, tools)), bounded(up$(line, round, bytes, tools))] : []))
}

/** The least of eight pings, in microseconds: what is left when the waiting of both programs is taken away as far as it can be. */
function roundTrip$(line: Line, tools: MeasureTools): Observable<Patch> {
  const ping$ = defer(() => {
    const id = freshId(tools)
    const sentAt = tools.now()
    return merge(hear(line, 'Pong').pipe(filter(({ message }) => message.value.id === id), map(({ at }) => at - sentAt)), sending(() => line.send({ tag: 'Ping', value: { id } }))).pipe(take(1), takeUntil(timer(PING_MS)))
  })
  return range(0, PINGS).pipe(
    concatMap(() => concat(ping$, of(undefined)).pipe(take(1))),
    // One lost ping ends it: a machine that does not answer shall not take eight times as long.
    takeWhile((ms) => ms !== undefined),
    min(),
    map((ms): Patch => ({ rttUs: microseconds(ms) })),
  )
}

/**
 * Payload to the machine, which answers its hash. The key of the payload stays here, so the hash cannot be known before the last byte; and the time runs until both the last byte is taken and the
 * answer is here.
 */
function down$(line: Line, round: number, bytes: number, tools: MeasureTools): Observable<Patch> {
  const { now, random } = tools
  return defer(() => {
    const id = freshId(tools)
    const seed = random(32)
    const hash = createHash('sha256')
    const startedAt = now()
    const chunk$ = (i: number): Observable<void> => {
      const piece = keystream(seed, i * CHUNK_BYTES, Math.min(CHUNK_BYTES, bytes - i * CHUNK_BYTES))
      hash.update(piece)
      return from(line.send({ tag: 'Chunk', value: { id, bytes: piece } }))
    }
    // concatMap: each piece waits for room in the channel, so a slow machine costs one piece of memory.
    const sent$ = concat(defer(() => line.send({ tag: 'Download', value: { id, round, bytes } })), range(0, Math.ceil(bytes / CHUNK_BYTES)).pipe(concatMap(chunk$))).pipe(last(), map(() => ({ sha256: `0x${hash.digest('hex')}`, at: now() })))
    const done$ = hear(line, 'DownloadDone').pipe(first(({ message }) => message.value.id === id))
    return forkJoin([done$, sent$]).pipe(concatMap(([done, sent]) => (done.message.value.sha256 === sent.sha256 ? [{ downKbps: kbps(bytes, Math.max(done.at, sent.at) - startedAt) }] : [])))
  })
}

/** Payload from the machine, the key stream of a fresh seed; what arrives is hashed and must be all of it and nothing else. */
function up$(line: Line, round: number, bytes: number, tools: MeasureTools): Observable<Patch> {
  const { now, random } = tools
  return defer(() => {
    const id = freshId(tools)
    const seed = random(32)
    const theirs = createHash('sha256')
    const ours = createHash('sha256')
    line.expectPayload(bytes)
    const startedAt = now()
    const arrived$ = hear(line, 'Chunk').pipe(
      filter(({ message }) => message.value.id === id),
      scan((had, { at, message: { value } }) => {
        theirs.update(value.bytes)
        // As it comes, so that no long computation falls into somebody's window.
        ours.update(keystream(seed, had.bytes, Math.min(value.bytes.length, bytes - had.bytes)))
        return { bytes: had.bytes + value.bytes.length, at }
      }, { bytes: 0, at: 0 }),
      first((had) => had.bytes >= bytes),
      concatMap(({ at }) => (theirs.digest('hex') === ours.digest('hex') ? [{ upKbps: kbps(bytes, at - startedAt) }] : [])),
    )
    return merge(arrived$, sending(() => line.send({ tag: 'Upload', value: { id, round, seed, bytes } }))).pipe(take(1))
  })
}

/**
 * Hands the nonce to the machine and runs the stopwatch: `{ reached: true }`, then `{ lastStep, lastKey }` (with `firstUs` the first time) with each progress that arrives within `windowMs`, then `{ complete: true }`.
 * A machine that comes (back) later gets the same nonce; the stopwatch starts with the first and never again. Never errors; ends with the window, or never if the machine never comes.
 */
export function stopwatch$(line: Line, { round, signature, windowMs }: { round: number, signature: Uint8Array, windowMs: number }, { now }: MeasureTools): Observable<Patch> {
  return defer(() => {
    let startedAt: number | undefined
    const there$ = line.online$.pipe(filter(Boolean))
    const progress$ = hear(line, 'Progress').pipe(
      // Step 0 is no step: its key takes no work.
      filter(({ message, at }) => message.value.round === round && message.value.step > 0 && startedAt !== undefined && at - startedAt <= windowMs),
      map(({ message, at }, index): Patch => ({ lastStep: message.value.step, lastKey: message.value.key, ...(index === 0 ? { firstUs: microseconds(at - startedAt!) } : {}) })),
    )
    const nonce$ = there$.pipe(
      // switchMap: a send to a channel that is gone is of no use any more.
      switchMap(() => {
        // Before the send: a machine that reads slowly must not win time by it.
        startedAt ??= now()
        return sending(() => line.send({ tag: 'Nonce', value: { round, signature } })).pipe(catchError(() => EMPTY))
      }),
    )
    const first$ = there$.pipe(take(1))
    const over$ = first$.pipe(switchMap(() => timer(windowMs + SLACK_MS)), map((): Patch => ({ complete: true })))
    const all$ = merge(progress$, nonce$, first$.pipe(map((): Patch => ({ reached: true }))), over$)
    return all$.pipe(takeWhile((patch) => patch.complete !== true, true))
  })
}

/** `{ declined }` with the machine's reason when it says that it does not run the round's job. Never errors or ends. */
export function declined$(line: Line, round: number): Observable<Patch> {
  return hear(line, 'NotRun').pipe(
    filter(({ message }) => message.value.round === round),
    map(({ message }) => ({ declined: message.value.reason })),
  )
}

/** A send beside the wait for its answer: says nothing when it is done, errors when it cannot be. */
const sending = (send: () => Promise<void>): Observable<never> => defer(send).pipe(ignoreElements())
