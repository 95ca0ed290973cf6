import type { Call } from '@polkadot/types/interfaces'
import { fromHex, toHex, utf8, type Hash, type Hex } from '@assay/protocol'
import type { Account } from './account.ts'
import { formatAmount, readBalance } from './balances.ts'
import { bestBlock, headerAt, heads$, type Header } from './blocks.ts'
import type { Chain } from './chain.ts'
import { ChainError, ChainTimeoutError, RpcError, StoppedError } from './errors.ts'
import { loadEvents } from './ledger-blocks.ts'
import { silent, type Log } from './log.ts'
import { util, utilCrypto } from './polkadot.ts'
import { createPulse } from './pulse.ts'
import { eventsOf, failureOf, feeOf, type TxFailure, type TxResult } from './result.ts'

/** Keeps signed extrinsics over a restart. `put` must be durable when it resolves. */
export interface TxStore {
  get(key: string): Promise<Uint8Array | undefined>
  put(key: string, bytes: Uint8Array): Promise<void>
}

export interface SenderOptions {
  chain: Chain
  account: Account
  signal: AbortSignal
  log?: Log
  store?: TxStore
  /** How deep the block of a result must be, unless `send` says otherwise; default 0: in a best block, which a reorg may still take back. */
  confirmations?: number
}

/** A call, or polkadot's extrinsic around one. */
export type Sendable = Call | { readonly method: { toHex(): string } }

export interface SendOptions {
  /** What it is, for messages and the log: `report of round 7`. */
  label: string
  /**
   * With a `store`: the name of this one deed. Its signed bytes are kept before they are first sent, and a later `send` with the same key (after a crash, say) takes up those bytes: it finds them
   * on chain or sends them again, and signs anew only when they can never take effect any more.
   */
  key?: string
  /** Planck that the call itself takes from the account besides the fee (transfers, deposits), for the check of funds; default 0n. */
  spend?: bigint
  /** Blocks within which it is included or never; rounded up to a power of two, at most 2048; default 60. */
  timeoutBlocks?: number
  /** Stop waiting after so long, whatever the chain does; default: wait for the chain. */
  timeoutMs?: number
  confirmations?: number
}

/** What a call costs: the fee as the node estimates it in planck (what is taken can be 1.5 times that), its weight (reference time) and proof size (0n where weights have one dimension). */
export interface Estimate {
  readonly fee: bigint
  readonly weight: bigint
  readonly proofSize: bigint
}

/** The fee that may really be taken where the node estimates `fee`: this chain adds half to it for its treasury and stakers. */
export function fullFee(fee: bigint): bigint {
  return (fee * 3n) / 2n
}

/**
 * Sends the extrinsics of one account, one after the other; an account must have one sender, whose queue keeps its nonces in order.
 *
 * An extrinsic is submitted by a plain request and looked up in the blocks by its bytes; nobody tells us of it, because such subscriptions die in silence with a connection. While it is under way
 * the same bytes go out again after each reconnection and whenever a block came without them. A fresh signature is made only with the same nonce (of two such extrinsics one can exist), when
 * another extrinsic has taken that nonce, or when the old one's time is over; so nothing takes effect twice.
 */
export interface Sender {
  readonly account: Account
  /** Sends a call and says what became of it. What can be expected to fail is a value; throws only a broken store and faults of the program. */
  send(call: Sendable, options: SendOptions): Promise<TxResult>
  /** What the call would cost this account. Throws what `rpc.request` throws. */
  estimate(call: Sendable): Promise<Estimate>
}

interface Signed {
  readonly bytes: Hex
  readonly hash: Hash
  readonly nonce: number
  /** It (or one of `also`) can be in blocks `born + 1 … dies - 1`. */
  readonly born: number
  readonly dies: number
  /** Earlier signatures of the same deed with the same nonce: if one of these is on chain, the deed is done. */
  readonly also: readonly Hex[]
}

interface Place {
  readonly header: Header
  readonly index: number
  readonly hash: Hash
}

type Fate = TxResult | { readonly again: 'nonce' | 'signature'; readonly result: TxFailure }

// A signature is born this many blocks below the head, so that a shallow reorg does not spoil it.
const BIRTH_DEPTH = 3
const MAX_PERIOD = 2_048
const ATTEMPTS = 3
const TROUBLES = 8

// Fee estimates by kind and length of call, shared by the senders of a connection.
const estimatesOf = (chain: Chain): Map<string, bigint> => {
  const known = feeEstimates.get(chain) ?? new Map<string, bigint>()
  feeEstimates.set(chain, known)
  return known
}
const feeEstimates = new WeakMap<Chain, Map<string, bigint>>()

/** Creates the sender of `account`; it stops when `signal` aborts. */
export function createSender({ chain, account, signal, log = silent, store, confirmations: depth = 0 }: SenderOptions): Sender {
  const estimates = estimatesOf(chain)
  // Seen in a block, but young enough that a reorg could take them back: they would then have to go first again.
  let recent: Signed[] = []
  let tail: Promise<unknown> = Promise.resolve()

  const callIn = (call: Sendable): Call => {
    const { method } = call
    return chain.runtime.registry.createType('Call', typeof method === 'string' ? (call as Call).toHex() : method.toHex()) // of our registry, whoever built it
  }

  const sign = async (call: Call, head: Header, nonce: number, timeoutBlocks: number, instead?: Signed): Promise<Signed> => {
    const { registry, specVersion, transactionVersion } = chain.runtime
    const period = 2 ** Math.ceil(Math.log2(Math.min(Math.max(timeoutBlocks + BIRTH_DEPTH + 1, 8), MAX_PERIOD)))
    const born = Math.max(0, head.number - BIRTH_DEPTH)
    const birth = born === head.number ? head : await headerAt(chain, born)
    if (!birth) throw new ChainError('BLOCK_GONE', `${chain.endpoint} has no block ${born}.`, 'Use another node.', { exit: 75 })
    const extrinsic = registry.createType('Extrinsic', call, { version: 4 })
    extrinsic.sign(account.pair, {
      blockHash: birth.hash,
      era: registry.createType('ExtrinsicEra', { current: born, period }),
      genesisHash: chain.genesisHash,
      nonce,
      runtimeVersion: { specVersion, transactionVersion },
      tip: 0,
    } as unknown as Parameters<typeof extrinsic.sign>[1])
    return { bytes: extrinsic.toHex(), hash: extrinsic.hash.toHex(), nonce, born: instead?.born ?? born, dies: born + period, also: instead ? [...instead.also, instead.bytes] : [] }
  }

  const estimateBytes = async (bytes: Hex): Promise<Estimate> => {
    const raw = fromHex(bytes)
    const length = util.bnToU8a(raw.length, { bitLength: 32, isLe: true })
    const info = fromHex(await chain.rpc.request<Hex>('state_call', ['TransactionPaymentApi_query_info', toHex(util.u8aConcat(raw, length))]))
    // weight (one u64 before 2023, then two compacts), class u8, fee u128
    const fee = util.u8aToBigInt(info.subarray(-16), { isLe: true })
    if (info.length === 8 + 1 + 16) return { fee, weight: util.u8aToBigInt(info.subarray(0, 8), { isLe: true }), proofSize: 0n }
    const [at, weight] = util.compactFromU8a(info)
    return { fee, weight: BigInt(weight.toString()), proofSize: BigInt(util.compactFromU8a(info.subarray(at))[1].toString()) }
  }

  // Null if the account can pay. An estimate costs the node a runtime call: for a call of a kind and length seen before it is asked for only when funds come near their end.
  const fundsFor = async (call: Call, signed: Signed, usable: bigint, spend: bigint): Promise<TxFailure | null> => {
    const kind = `${call.section}.${call.method}/${signed.bytes.length}`
    const needs = (fee: bigint): bigint => fullFee(fee) + spend + chain.features.existentialDeposit
    let fee = estimates.get(kind)
    if (fee === undefined || usable < 10n * needs(fee)) {
      fee = (await estimateBytes(signed.bytes)).fee
      if (estimates.size >= 256) estimates.clear()
      estimates.set(kind, fee)
    }
    const missing = needs(fee) - usable
    if (missing <= 0n) return null
    return failure('NO_FUNDS', `${account.address} has ${formatAmount(usable)} and needs ${formatAmount(needs(fee))}.`, { missing, advice: `Send at least ${formatAmount(missing)} to ${account.address}.` })
  }

  // `instead`: bytes whose signature the node refuses. Their nonce is kept, so that at most one of both can be on chain, even if it is used by now: `follow` then finds out by whom.
  const prepare = async (call: Call, options: SendOptions, instead: Signed | undefined): Promise<Signed | TxFailure> => {
    const head = await bestBlock(chain)
    const balance = await readBalance(chain, account.id, head.hash)
    recent = recent.filter(({ dies }) => dies > head.number)
    const nonce = instead?.nonce ?? Math.max(balance.nonce, ...recent.map((earlier) => earlier.nonce + 1))
    const signed = await sign(call, head, nonce, options.timeoutBlocks ?? 60, instead)
    return (await fundsFor(call, signed, balance.usable, options.spend ?? 0n)) ?? signed
  }

  // Where the extrinsic is on the branch of `head`. Down by parent hashes, so that a reorg in between cannot mix two branches.
  const find = async (signed: Signed, head: Header): Promise<Place | undefined> => {
    const wanted = new Set([signed.bytes, ...signed.also])
    let at: Header | null = head.number < signed.dies ? head : await headerAt(chain, signed.dies - 1)
    while (at && at.number > signed.born) {
      const { block } = await chain.rpc.request<{ block: { header: { parentHash: Hash }; extrinsics: Hex[] } }>('chain_getBlock', [at.hash])
      const index = block.extrinsics.findIndex((bytes) => wanted.has(bytes))
      if (index >= 0) return { header: { ...at, parentHash: block.header.parentHash }, index, hash: utilCrypto.blake2AsHex(block.extrinsics[index]!, 256) }
      const parent = block.header.parentHash
      const raw = await chain.rpc.request<{ parentHash: Hash }>('chain_getHeader', [parent])
      at = { number: at.number - 1, hash: parent, parentHash: raw.parentHash }
    }
    return undefined
  }

  const resultAt = async ({ header, index, hash }: Place): Promise<TxResult> => {
    const { runtime, records } = await loadEvents(chain, header)
    const events = eventsOf(records, index)
    const place = { hash, block: header.number, blockHash: header.hash, events, fee: feeOf(events, account.id) }
    const failed = failureOf(runtime.registry, events)
    if (!failed) return { ok: true, ...place, index }
    const where = failed.index === undefined ? '' : ` (call ${failed.index} of the batch)`
    return failure(failed.code, `It failed in block ${header.number} with ${failed.name}${where}.`, { ...place, name: failed.name, ...(failed.index === undefined ? {} : { index: failed.index }) })
  }

  // Follows signed bytes until their fate is sure.
  const follow = async (signed: Signed, options: SendOptions, turns: Turns): Promise<Fate> => {
    const confirmations = options.confirmations ?? depth
    let sent: { block: number; connection: number } | undefined
    let troubles = 0
    for (;;) {
      const { connection } = turns
      turns.check()
      try {
        const head = await bestBlock(chain)
        const { nonce } = await readBalance(chain, account.id, head.hash)
        if (nonce > signed.nonce) {
          const place = await find(signed, head)
          if (place && head.number >= place.header.number + confirmations) {
            const result = await resultAt(place)
            recent.push(signed)
            return result
          }
          if (!place && (await passed(signed.nonce, head, Math.max(confirmations, BIRTH_DEPTH)))) {
            return { again: 'nonce', result: failure('REPLACED', `Another extrinsic of ${account.address} took the nonce ${signed.nonce} of ${options.label}.`, { hash: signed.hash, advice: 'Run one program per account.' }) }
          }
        } else if (head.number >= signed.dies - 1 + confirmations) {
          return failure('EXPIRED', `No block up to ${signed.dies - 1} took ${options.label}; none can any more.`, { hash: signed.hash, advice: 'Send it again.' })
        } else if (head.number < signed.dies - 1 && (!sent || sent.connection !== connection || head.number > sent.block + 1)) {
          const first = !sent
          sent = { block: head.number, connection }
          turns.check()
          for (const earlier of recent) if (earlier.nonce >= nonce && earlier.nonce < signed.nonce) await submit(chain, earlier.bytes)
          const refused = await submit(chain, signed.bytes)
          if (refused) log.debug('extrinsic refused', { label: options.label, code: refused.kind, reason: refused.name })
          if (refused?.kind === 'stale') continue // a block came in between: look for it there
          if (refused?.kind === 'bad-proof') {
            return { again: 'signature', result: failure('INVALID', `The node finds the signature of ${options.label} wrong.`, { name: refused.name, hash: signed.hash, advice: 'Was the chain or its runtime replaced?' }) }
          }
          // Refused before anyone had it, it is gone; later another node may still hold it.
          if (first && refused?.kind === 'no-funds') {
            return failure('NO_FUNDS', `${account.address} cannot pay the fee of ${options.label}.`, { name: refused.name, hash: signed.hash, advice: `Send funds to ${account.address}.` })
          }
          if (first && refused?.kind === 'refused') return failure('INVALID', `The node refuses ${options.label}: ${refused.name}.`, { name: refused.name, hash: signed.hash })
        }
        troubles = 0
      } catch (error) {
        if (!(error instanceof ChainError) || error instanceof StoppedError) throw error
        log.debug('chain not readable', { label: options.label, error })
        if (++troubles >= TROUBLES && !(error instanceof ChainTimeoutError)) {
          return failure('UNREADABLE', `The node cannot say what became of ${options.label}: ${error.message}`, { final: false, hash: signed.hash, until: signed.dies - 1, advice: error.advice })
        }
      }
      await turns.next(troubles > 0 ? 1_000 : 60_000)
    }
  }

  // Whether the nonce is used `depth` blocks below the head as well, so that no reorg to be expected gives it back and our bytes with it.
  const passed = async (nonce: number, head: Header, depth: number): Promise<boolean> => {
    const deep = await headerAt(chain, Math.max(0, head.number - depth))
    return deep !== null && (await readBalance(chain, account.id, deep.hash)).nonce > nonce
  }

  const run = async (call: Call, options: SendOptions, turns: Turns, progress: { signed?: Signed }): Promise<TxResult> => {
    const kept = options.key === undefined ? undefined : await store?.get(options.key)
    let signed = kept && parseSigned(kept)
    let resumed = signed !== undefined
    let instead: Signed | undefined
    for (let attempt = 1; ; attempt++) {
      while (!signed) {
        try {
          const prepared = await prepare(call, options, instead)
          if ('ok' in prepared) return prepared
          signed = prepared
        } catch (error) {
          if (!(error instanceof ChainError) || error instanceof StoppedError || error.exit !== 75) throw error
          log.debug('chain not readable', { label: options.label, error })
          await turns.next(1_000)
        }
      }
      turns.check() // who was told that it stopped must not see it sent
      if (!resumed && options.key !== undefined) await store?.put(options.key, utf8(JSON.stringify(signed)))
      progress.signed = signed
      log.debug('extrinsic under way', { label: options.label, hash: signed.hash, nonce: signed.nonce, resumed, attempt })
      const fate = await follow(signed, options, turns)
      const over = 'ok' in fate && !fate.ok && fate.code === 'EXPIRED' && resumed
      if ('ok' in fate && !over) return fate
      if ('again' in fate) {
        if (attempt === ATTEMPTS) return fate.result
        log.warn('extrinsic signed anew', { label: options.label, code: fate.result.code, reason: fate.result.message })
      }
      instead = 'again' in fate && fate.again === 'signature' ? signed : undefined
      resumed = false
      signed = undefined
      delete progress.signed
    }
  }

  return {
    account,
    async estimate(call) {
      const head = await bestBlock(chain)
      return estimateBytes((await sign(callIn(call), head, (await readBalance(chain, account.id, head.hash)).nonce, 60)).bytes)
    },
    send(call, options) {
      const work = tail.then(async (): Promise<TxResult> => {
        const deadline = options.timeoutMs === undefined ? undefined : AbortSignal.timeout(options.timeoutMs)
        const progress: { signed?: Signed } = {}
        const halted = (code: 'TIMEOUT' | 'STOPPED'): TxFailure => {
          const { signed } = progress
          const what = code === 'TIMEOUT' ? `${options.label} was in no block within ${options.timeoutMs} ms.` : `Stopped before ${options.label} was sure.`
          if (!signed) return failure(code, what)
          return failure(code, what, { final: false, hash: signed.hash, until: signed.dies - 1, advice: `It may still take effect up to block ${signed.dies - 1}.` })
        }
        if (signal.aborted) return halted('STOPPED')
        using turns = createTurns(chain)
        const stop = deadline ? AbortSignal.any([signal, deadline]) : signal
        const halt = Promise.withResolvers<'stopped'>()
        const onStop = (): void => halt.resolve('stopped')
        stop.addEventListener('abort', onStop, { once: true })
        const running = run(callIn(call), options, turns, progress)
        running.catch(() => {}) // when stopped, nobody waits for it
        const result = await Promise.race([running, halt.promise])
          .catch((error: unknown) => {
            if (error instanceof StoppedError) return 'stopped' as const // the connection was closed
            throw error
          })
          .finally(() => {
            turns.end()
            // The signal lives as long as the service does, and would keep the call with the listener.
            stop.removeEventListener('abort', onStop)
          })
        const told = result === 'stopped' ? halted(deadline?.aborted && !signal.aborted ? 'TIMEOUT' : 'STOPPED') : result
        // At debug: whoever sends tells its own story of it.
        if (told.ok) log.debug('extrinsic included', { label: options.label, block: told.block, hash: told.hash })
        else log.debug('extrinsic failed', { label: options.label, code: told.code, reason: told.message })
        return told
      })
      tail = work.catch(() => {})
      return work
    },
  }
}

function failure(code: TxFailure['code'], message: string, more: Partial<TxFailure> = {}): TxFailure {
  return { ok: false, code, message, final: true, ...more }
}

type Refusal = { readonly kind: 'stale' | 'bad-proof' | 'no-funds' | 'refused' | 'later'; readonly name: string }

// Null if the node took it, or may have. Nodes name the reason in the data of the error (Substrate) or in its message (chopsticks).
async function submit(chain: Chain, bytes: Hex): Promise<Refusal | null> {
  try {
    await chain.rpc.request('author_submitExtrinsic', [bytes])
    return null
  } catch (error) {
    if (error instanceof ChainTimeoutError) return null // the blocks will tell
    if (!(error instanceof RpcError)) throw error
    return refusalOf(error)
  }
}

/** What a node's answer to a submission means. */
export function refusalOf({ rpcCode, message, data }: Pick<RpcError, 'rpcCode' | 'message' | 'data'>): Refusal | null {
  if (rpcCode === 1013) return null // it has it already
  const text = `${message} ${data}`
  const reasons: [RegExp, Refusal['kind'], string][] = [
    [/stale|outdated/i, 'stale', 'Stale'],
    [/"?future"?|in the future/i, 'later', 'Future'],
    [/badproof|bad signature/i, 'bad-proof', 'BadProof'],
    [/ancientbirthblock|ancient birth/i, 'later', 'AncientBirthBlock'],
    [/payment|inability to pay/i, 'no-funds', 'Payment'],
    [/exhaustsresources|exhaust the resources/i, 'refused', 'ExhaustsResources'],
  ]
  for (const [pattern, kind, name] of reasons) if (pattern.test(text)) return { kind, name }
  // banned for a while, priority too low, pool full: the pool's state, which passes
  if (rpcCode === 1012 || rpcCode === 1014 || rpcCode === 1016) return { kind: 'later', name: `pool ${rpcCode}` }
  return { kind: 'refused', name: data || message }
}

function parseSigned(bytes: Uint8Array): Signed {
  try {
    const { bytes: hex, hash, nonce, born, dies, also } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Signed
    if (typeof hex === 'string' && typeof hash === 'string' && [nonce, born, dies].every(Number.isSafeInteger) && Array.isArray(also)) return { bytes: hex, hash, nonce, born, dies, also }
  } catch {
    // said below
  }
  // To sign anew could do the deed twice.
  throw new ChainError('STORE_DAMAGED', 'A kept extrinsic cannot be read.', 'Restore the data folder; or remove it once the account has sent nothing for 2048 blocks.')
}

interface Turns extends Disposable {
  /** Counts connections: changes after each loss. */
  readonly connection: number
  /** Resolves at the next best block or change of the connection, at the latest after `ms`. Throws StoppedError after `end`. */
  next(ms: number): Promise<void>
  /** Throws StoppedError after `end`. */
  check(): void
  end(): void
}

function createTurns(chain: Chain): Turns {
  const pulse = createPulse()
  let connection = 0
  let ended = false
  const connections = chain.connected$.subscribe((up) => {
    if (up) connection++
    pulse.poke()
  })
  const blocks = heads$(chain).subscribe({ next: () => pulse.poke(), error: () => {} })
  const check = (): void => {
    if (ended) throw new StoppedError('The sender')
  }
  const end = (): void => {
    ended = true
    pulse.poke()
    connections.unsubscribe()
    blocks.unsubscribe()
  }
  return {
    get connection() {
      return connection
    },
    async next(ms) {
      await pulse.wait(ms)
      check()
    },
    check,
    end,
    [Symbol.dispose]: end,
  }
}
