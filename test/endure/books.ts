// What a run comes to by the chain alone: read and judged as it goes, by one who takes no part in it.
import { type AccountId, applyBlock, decodeReportItem, emptyLedger, type EpochState, FIRST_STATE, judgementOfEpoch, type Ledger, type LedgerBlock, MalformedError, parseStatementKey, type Payment, type ReplayedEpoch, replayEpoch, type ReplayedRound, reportKey, settledAs, statementsOnChain, toHex } from '@assay/protocol'
import { type Chain, ledgerBlocks, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { POT_PLANCK, type Net } from '../chaos-net.ts'

/** Somebody who was eligible and for whom a round came to nothing. */
export interface Loss {
  who: AccountId
  kind: 'machine' | 'checker'
  /** `NOT_RUN NO_NONCE`, `NO_REPORT`. */
  what: string
}

export interface BookedRound {
  round: number
  checkers: number
  /** Checkers whose report counts. */
  reported: number
  machines: number
  passed: number
  losses: Loss[]
}

export interface BookedEpoch {
  epoch: number
  /** Ascending by account, planck. */
  payments: Payment[]
  /** Planck. */
  paid: bigint
  bytes: Uint8Array
  /** Block of the statement; null while it is not on chain. */
  landed: number | null
}

/** The books of a network since its origin. `ledger` and the lists grow with the chain. */
export class Books {
  readonly rounds: BookedRound[] = []
  readonly epochs: BookedEpoch[] = []
  /** What no honest run may have, one sentence each. */
  readonly faults: string[] = []
  ledger: Ledger
  /** Why the next epoch is not judged though it is due. */
  missing: string | null = null
  readonly #net: Net
  readonly #onRound: (round: BookedRound) => void
  /** What each checker put on chain as its report of a round: the values, and the blocks. */
  readonly #reports = new Map<string, { value: string; block: number }[]>()
  readonly #statements = new Map<string, number[]>()
  #state: EpochState = FIRST_STATE

  constructor(net: Net, onRound: (round: BookedRound) => void) {
    this.#net = net
    this.#onRound = onRound
    this.ledger = emptyLedger(net.cast.network)
  }

  /** Keeps the books until the signal fires. Rejects with what reading the chain rejects with. */
  async keep(signal: AbortSignal): Promise<void> {
    const { chain, parameters: { origin, confirmations } } = this.#net
    try {
      for await (const event of ledgerBlocks(chain, { from: origin, confirmations, signal })) {
        if (event.type === 'stalled') continue
        if (event.type !== 'block') throw new Error(`the chain of this run had a ${event.type}`)
        this.#note(event.block)
        await this.#judge()
        this.#compare()
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  /** Whether an epoch is due at this height and its statement is not seen on chain. */
  settling(height: number): boolean {
    const settled = statementsOnChain(this.ledger)
    let next = 0
    while (settled.has(next)) next++
    return height >= judgementOfEpoch(this.#net.parameters, next)
  }

  /** Whether all up to this epoch is judged and settled. */
  isSettled(epoch: number): boolean {
    return this.epochs.length > epoch && this.epochs.slice(0, epoch + 1).every(({ landed }) => landed !== null)
  }

  /** The pot's transfers against the statements, and balances against both, to the planck. One sentence for each thing that is wrong. */
  async audit(): Promise<string[]> {
    const { chain, cast } = this.#net
    const wrong: string[] = []
    for (const [key, blocks] of this.#statements) if (blocks.length !== 1) wrong.push(`the item ${key} was written in blocks ${blocks.join(', ')}`)
    for (const [of, reports] of this.#reports) if (reports.length !== 1) wrong.push(`${of} was reported in blocks ${reports.map(({ block }) => block).join(', ')}, as ${new Set(reports.map(({ value }) => value)).size} different values`)
    // A settlement that waited may share its block with the next one.
    for (const [block, epochs] of Map.groupBy(this.epochs.filter(({ landed }) => landed !== null), ({ landed }) => landed!)) {
      const made = (await transfersOf(chain, cast.network, block)).map(textOf).toSorted()
      const due = epochs.flatMap(({ payments }) => payments).map(textOf).toSorted()
      if (made.join() !== due.join()) wrong.push(`block ${block} settled epochs ${epochs.map(({ epoch }) => epoch).join(', ')}; it paid ${made.join(', ') || 'nothing'}, and was to pay ${due.join(', ') || 'nothing'}`)
    }
    const settled = this.epochs.filter(({ landed }) => landed !== null)
    const paid = settled.reduce((sum, epoch) => sum + epoch.paid, 0n)
    const pot = await this.#net.balance(cast.network)
    if (pot !== POT_PLANCK - paid) wrong.push(`the pot has ${pot} planck, and should have ${POT_PLANCK - paid}: ${settled.length} epochs paid ${paid}`)
    // An owner has nothing but what it earned.
    for (const { name, owner } of cast.machines) {
      const earned = settled.flatMap(({ payments }) => payments).reduce((sum, [account, amount]) => (account === owner.id ? sum + amount : sum), 0n)
      const has = await this.#net.balance(owner.id)
      if (has !== earned) wrong.push(`the owner of ${name} has ${has} planck and earned ${earned}`)
    }
    return wrong
  }

  #note(block: LedgerBlock): void {
    const { network } = this.#net.cast
    this.ledger = applyBlock(crypto, this.ledger, block)
    for (const event of block.events) {
      if (event.kind !== 'item') continue
      if (event.key === reportKey(network)) {
        const of = `${this.#nameOf(event.who)}, round ${roundOf(event.value)}`
        this.#reports.set(of, [...(this.#reports.get(of) ?? []), { value: toHex(event.value), block: block.number }])
      } else if (event.who === network && parseStatementKey(network, event.key) !== null) {
        this.#statements.set(event.key, [...(this.#statements.get(event.key) ?? []), block.number])
      }
    }
  }

  async #judge(): Promise<void> {
    for (;;) {
      const epoch = this.epochs.length
      const replay = await replayEpoch(crypto, this.ledger, epoch, this.#net.loadFor(this.ledger), this.#state)
      // A checker that starts again has what is missing: the next block asks once more.
      this.missing = replay.kind === 'missing' ? `evidence of epoch ${epoch} is not to be had: ${replay.blobs.join(', ')}` : null
      if (replay.kind !== 'done') return
      this.#state = replay.result.state
      for (const round of replay.rounds) this.#book(round)
      this.epochs.push({ epoch, payments: paymentsOf(replay), paid: replay.result.paid, bytes: replay.statement.bytes, landed: null })
    }
  }

  #book({ facts: { round }, judgement: { verdicts, checkers } }: ReplayedRound): void {
    const losses = [
      ...checkers.filter(({ reason }) => reason !== 'OK').map(({ checker, reason }): Loss => ({ who: checker, kind: 'checker', what: reason })),
      ...verdicts.filter(({ outcome }) => outcome !== 'PASS').map(({ machine, outcome, reason }): Loss => ({ who: machine, kind: 'machine', what: outcome === reason ? outcome : `${outcome} ${reason}` })),
    ]
    for (const { machine, outcome, reason } of verdicts) if (outcome === 'FAIL' || outcome === 'EQUIVOCATION') this.faults.push(`${this.#nameOf(machine)} is judged ${outcome} (${reason}) in round ${round}`)
    const booked = { round, checkers: checkers.length, reported: checkers.filter(({ reported }) => reported).length, machines: verdicts.length, passed: verdicts.filter(({ outcome }) => outcome === 'PASS').length, losses }
    this.rounds.push(booked)
    this.#onRound(booked)
  }

  #compare(): void {
    for (const own of this.epochs) {
      if (own.landed !== null) continue
      const settled = settledAs(crypto, this.#net.cast.network, { ...own, payouts: own.payments }, statementsOnChain(this.ledger).get(own.epoch))
      if (settled.kind === 'nothing' || settled.kind === 'partly') return
      own.landed = settled.block
      if (settled.kind !== 'whole') this.faults.push(`the chain has another statement of epoch ${own.epoch} than a replay gives (${settled.kind}, block ${settled.block})`)
    }
  }

  #nameOf(who: AccountId): string {
    return this.#net.services.find(({ account }) => account === who)?.name ?? who
  }
}

const paymentsOf = ({ result }: ReplayedEpoch): Payment[] => result.payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid] as const)

const textOf = ([account, planck]: Payment): string => `${account}=${planck}`

function roundOf(value: Uint8Array): number | string {
  try {
    return decodeReportItem(value).round
  } catch (error) {
    if (error instanceof MalformedError) return toHex(value)
    throw error
  }
}

/** Transfers out of an account in a block: to whom, and planck. */
async function transfersOf(chain: Chain, from: AccountId, block: number): Promise<Payment[]> {
  const hash = await chain.rpc.request<`0x${string}`>('chain_getBlockHash', [block])
  const records = (await chain.read('system', 'events', [], hash)) as unknown as Iterable<{ event: { section: string; method: string; data: { toU8a(): Uint8Array; toString(): string }[] } }>
  return [...records].flatMap(({ event: { section, method, data } }): Payment[] => (section === 'balances' && method === 'Transfer' && toHex(data[0]!.toU8a()) === from ? [[toHex(data[1]!.toU8a()), BigInt(data[2]!.toString())]] : []))
}
