// Paying an epoch, and handing the pot over. Every settler computes the statement by itself and submits the identical multisig calls; what the chain holds decides what is left to do, so a settler
// may be killed at any point, act late, or act twice, and nothing is paid twice: a second execution of a call fails whole at its first item.
import { OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import {
  type AccountId, type Crypto, encodeHandOver, type EpochState, FIRST_STATE, foundersOf, fromHex, handOverKey, type Hash, isCommittee, judgementOfEpoch, type Ledger, type LoadBlob, MAX_SETTLERS, parametersFor, type Parameters, partDigest, partKey, partsOf, payingTerm, type Payment, potOf, replayEpoch,
  settledAs, settlersOf, STATEMENT_CHUNK_BYTES, statementKey, statementRoot, statementsOnChain, termOf, termStart, thresholdOf,
} from '@assay/protocol'
import { addItem, approve, batchAll, cancel, type Chain, formatAmount, hasItem, readBalance, readOperation, type Sender, toAddress, transfer, transferAll } from '@assay/runtime-bindings'
import type { CheckerMetrics } from './metrics.ts'
import type { Store, StoredStatement } from './store.ts'

/** What an epoch comes to: the statement and what it pays and leaves. */
export type EpochPay = Pick<StoredStatement, 'root' | 'bytes' | 'payouts' | 'state'>
export type Computed = { kind: 'done', pay: EpochPay } | { kind: 'early' } | { kind: 'missing', blobs: readonly Hash[] }
export type ComputeEpoch = (ledger: Ledger, epoch: number, previous: EpochState | undefined) => Promise<Computed>

export interface SettlementTools {
  crypto: Crypto
  network: AccountId
  me: AccountId
  /** who settles the founders' terms; null where nobody knows: then this checker only computes and compares in them */
  founders: readonly AccountId[] | null
  chain: Chain
  sender: Sender
  store: Store
  compute: ComputeEpoch
  /** True while a report must go out first: both use one account, whose extrinsics stand in one queue. */
  busy: () => boolean
  /** True while stopwatches run: judging takes the thread for a while, and what arrives then would be read late. */
  measuring: () => boolean
  metrics: CheckerMetrics
  log: Log
}

/** Computes epochs by the protocol's replay; `load` finds evidence. */
export function computeBy(crypto: Crypto, load: LoadBlob): ComputeEpoch {
  return async (ledger, epoch, previous) => {
    const replay = await replayEpoch(crypto, ledger, epoch, load, previous)
    if (replay.kind !== 'done') return replay.kind === 'missing' ? { kind: 'missing', blobs: replay.blobs } : { kind: 'early' }
    const { statement, result } = replay
    return { kind: 'done', pay: { root: statement.root, bytes: statement.bytes, state: result.state, payouts: result.payouts.filter(({ paid }) => paid > 0n).map(({ account, paid }) => [account, paid] as const) } }
  }
}

/** The founders, who settle until the first term ends: those given, else those of the chain; null, and told, where neither is what the network's account is made of. Throws OperatorError MEMBERS if those given are wrong. */
export function settlementFounders(crypto: Crypto, ledger: Ledger, given: readonly AccountId[] | undefined, log: Log): AccountId[] | null {
  if (given !== undefined && !isCommittee(crypto, ledger.network, given)) {
    throw new OperatorError('MEMBERS', `the ${given.length} members given are not those of the network ${toAddress(ledger.network)}`, { advice: 'Give the accounts of all founding checkers, or leave members out.' })
  }
  const members = given?.toSorted() ?? foundersOf(crypto, ledger)
  if (members === null) log.warn('founders unknown', { network: toAddress(ledger.network), advice: 'Give --members if this checker is one of them.' })
  return members
}

/** Members of the greatest committee that this account may have to open a settlement of; null if it never will. */
export function committeeSize({ termEpochs }: Pick<Parameters, 'termEpochs'>, founders: readonly AccountId[] | null, me: AccountId): number | null {
  if (termEpochs > 0) return MAX_SETTLERS
  return founders?.includes(me) === true ? founders.length : null
}

/** Settles what is due, one look at the chain a call; call it with each new best block. */
export interface Settlement {
  /** `ledger` is confirmed, `best` the height of the best block. Throws what the chain's door and the store throw. */
  step(ledger: Ledger, best: number): Promise<void>
}

/** One call of a pot: what makes it single use, what it moves, and who takes turns to open it. */
interface Deed {
  /** for log and messages: `settlement of epoch 7` */
  label: string
  about: Record<string, unknown>
  pot: AccountId
  settlers: readonly AccountId[]
  /** The first item of the call: where the pot has it, the deed is done. */
  item: string
  /** Made only once it is needed: of many payees it is long. */
  call: () => ReturnType<typeof batchAll>
  /** Planck that the pot must have. */
  needs: bigint
  /** What is told when it is done. */
  done: (fields: Record<string, unknown>) => void
  /** Whose turn it is in attempt 0. */
  turn: number
  attempt: number
  attemptBlocks: number
}

export function createSettlement(tools: SettlementTools): Settlement {
  const { crypto, network, me, store, log, metrics, founders } = tools
  let next = 0
  let height = -1
  /** The epoch under way; of many payees it is long to read. */
  let current: StoredStatement | undefined
  /** The last attempt in which this process did a thing: a call is opened, an epoch computed in vain or complained of at most once an attempt. */
  const lastAttempt = new Map<string, number>()
  const isDone = (thing: string, of: string | number, attempt: number): boolean => lastAttempt.get(`${thing}/${of}`) === attempt
  const mark = (thing: string, of: string | number, attempt: number): void => void lastAttempt.set(`${thing}/${of}`, attempt)

  async function statementOf(ledger: Ledger, epoch: number, attempt: number): Promise<StoredStatement | undefined> {
    const known = current?.epoch === epoch ? current : store.statement(epoch)
    if (known) return (current = known)
    if (isDone('missing', epoch, attempt) || tools.measuring()) return undefined
    const previous = epoch === 0 ? FIRST_STATE : store.statement(epoch - 1)?.state
    const computed = await tools.compute(ledger, epoch, previous)
    if (computed.kind === 'missing') {
      mark('missing', epoch, attempt)
      metrics.settlements.inc({ result: 'evidence_missing' })
      log.warn('epoch not settled', { epoch, missing: computed.blobs.length, first: computed.blobs[0], advice: 'Every checker is asked for it again in the next attempt.' })
    }
    if (computed.kind !== 'done') return undefined
    store.keepStatement({ epoch, ...computed.pay })
    log.info('epoch computed', { epoch, root: computed.pay.root, payees: computed.pay.payouts.length })
    return (current = store.statement(epoch))
  }

  function landed(own: StoredStatement, block: number, agreed: boolean): void {
    const { epoch } = own
    store.statementLanded(epoch, block, agreed)
    current = store.statement(epoch)
    metrics.settlements.inc({ result: agreed ? 'settled' : 'disagreed' })
    if (agreed) log.info('epoch settled', { epoch, root: own.root, block })
  }

  /** What of an epoch the confirmed chain does not show yet: parts, the first with the statement. Where the chain shows all of it, or something else, that is remembered, and nothing is left. */
  function left(ledger: Ledger, own: StoredStatement): number[] {
    const { epoch, root } = own
    const settled = settledAs(crypto, network, own, statementsOnChain(ledger).get(epoch))
    const advice = `Run: assay replay --epoch ${epoch}`
    switch (settled.kind) {
      case 'nothing':
        return [0]
      case 'partly':
        return settled.missing
      case 'whole':
        landed(own, settled.block, true)
        break
      case 'other statement':
        landed(own, settled.block, false)
        log.error('statement differs', { epoch, root, onChain: statementRoot(crypto, network, settled.bytes), block: settled.block, advice })
        break
      case 'other part':
        landed(own, settled.block, false)
        log.error('payment differs', { epoch, root, part: settled.part, block: settled.block, advice })
    }
    return []
  }

  /** Whether this account has nothing to do for these settlers, or something better. */
  const rests = (settlers: readonly AccountId[]): boolean => !settlers.includes(me) || tools.busy()

  async function settle(ledger: Ledger, own: StoredStatement, part: number, term: number, attempt: number, attemptBlocks: number): Promise<void> {
    const { epoch, root } = own
    const pot = potOf(ledger, term)
    const settlers = settlersOf(crypto, ledger, term, founders)
    if (pot === null || settlers === null || payingTerm(ledger) < term || rests(settlers)) return
    const { chain } = tools
    const payments = partsOf(own.payouts)[part]!
    const tooSmall = payments.filter(([, amount]) => amount < chain.features.existentialDeposit)
    if (tooSmall.length > 0 && !isDone('dust', `${epoch}/${part}`, attempt)) {
      mark('dust', `${epoch}/${part}`, attempt)
      log.error('payments too small', { epoch, part, payees: tooSmall.length, deposit: formatAmount(chain.features.existentialDeposit), advice: 'The network’s minimumPayout must be raised to it.' })
    }
    const total = payments.reduce((sum, [, amount]) => sum + amount, 0n)
    await act({
      label: `settlement of epoch ${epoch}${part === 0 ? '' : `, part ${part}`}`, about: part === 0 ? { epoch, root } : { epoch, root, part }, pot, settlers, attempt, attemptBlocks, turn: epoch + part,
      item: part === 0 ? statementKey(network, epoch, 0) : partKey(network, epoch, part),
      call: () => part === 0 ? settlementCall(chain, network, { ...own, payouts: payments }) : partCall(crypto, chain, network, { epoch, part, payments }),
      needs: total + depositFor(part === 0 ? Math.ceil(own.bytes.length / STATEMENT_CHUNK_BYTES) : 1),
      done: (fields) => log.info('epoch paid', { ...fields, paid: formatAmount(total) }),
    })
  }

  /** Later runtimes reserve a deposit for each item. */
  const depositFor = (items: number): bigint => BigInt(items) * (tools.chain.features.storage?.deposit ?? 0n)

  /** Gives the pot's money to the pot of the term, once every epoch of the term before is settled. */
  async function handOver(ledger: Ledger, founding: Parameters, term: number, settledAt: number, best: number, attemptBlocks: number): Promise<void> {
    const [pot, to] = [potOf(ledger, term - 1), potOf(ledger, term)]
    const settlers = settlersOf(crypto, ledger, term - 1, founders)
    const written = ledger.handOvers.get(term)
    if (written !== undefined && to !== null && written.item?.pot !== to && !isDone('elsewhere', term, 0)) {
      mark('elsewhere', term, 0)
      log.error('pot handed elsewhere', { term, from: pot && toAddress(pot), to: written.item && toAddress(written.item.pot), next: toAddress(to), block: written.block, advice: `The settlers of term ${term - 1} agreed to it. ${toAddress(to)} pays only what others send it.` })
    }
    if (pot === null || to === null || settlers === null || pot === to || payingTerm(ledger) !== term - 1 || rests(settlers)) return
    const since = Math.max(settledAt, termStart(founding, term))
    await act({
      label: `hand-over to term ${term}`, about: { term, to: toAddress(to) }, pot, settlers, attemptBlocks, turn: term, needs: depositFor(1), done: (fields) => log.info('pot handed over', fields),
      attempt: Math.max(0, Math.floor((best - since) / attemptBlocks)),
      item: handOverKey(network, term),
      call: () => handOverCall(tools.chain, network, { term, pot: to }),
    })
  }

  async function act({ label, about, pot, settlers, item, call, needs, done, turn, attempt, attemptBlocks }: Deed): Promise<void> {
    const { chain, sender } = tools
    const spent = (): Promise<boolean> => hasItem(chain, pot, item)
    const isSpent = await spent() // executed; the ledger will show it when it is deep enough
    const submitted = call()
    const callHash = submitted.hash.toHex()
    const operation = await readOperation(chain, pot, callHash)
    if (isSpent) {
      // Ours came too late and opened another, which nobody will approve: it would hold our deposit for ever.
      if (operation?.depositor === me && !isDone('take back', label, attempt)) {
        mark('take back', label, attempt)
        const result = await cancel({ chain, sender, members: settlers, threshold: thresholdOf(settlers.length), callHash, label: `${label}, taken back`, timeoutBlocks: attemptBlocks })
        if (result?.ok) log.info('operation taken back', { ...about, deposit: formatAmount(operation.deposit), extrinsic: result.hash })
      }
      return
    }
    const mayOpen = settlers[(turn + attempt) % settlers.length] === me && !isDone('open', label, attempt)
    if (operation === null ? !mayOpen : operation.approvals.includes(me)) return
    const balance = await readBalance(chain, pot)
    if (balance.usable < needs) {
      metrics.settlements.inc({ result: 'pot_empty' })
      if (!isDone('pot', label, attempt)) log.error('pot cannot pay', { ...about, label, pot: toAddress(pot), has: formatAmount(balance.usable), needs: formatAmount(needs), advice: `Send at least ${formatAmount(needs - balance.usable)} to ${toAddress(pot)}; the next attempt pays.` })
      return mark('pot', label, attempt)
    }
    if (operation === null) mark('open', label, attempt)
    const approval = await approve({ chain, sender, members: settlers, threshold: thresholdOf(settlers.length), call: submitted, label, open: mayOpen, spent, timeoutBlocks: attemptBlocks })
    metrics.settlements.inc({ result: approval.state })
    switch (approval.state) {
      case 'opened':
      case 'approved':
        return log.info('settlement approved', { ...about, opened: approval.state === 'opened', extrinsic: approval.result.hash })
      case 'executed':
        if (approval.result.ok) return done({ ...about, extrinsic: approval.result.hash, block: approval.result.block })
        metrics.settlements.inc({ result: 'inner_failure' })
        return log.error('settlement failed', { ...about, code: approval.result.code, reason: approval.result.name, advice: `Nothing was moved; the next attempt tries again. See that ${toAddress(pot)} holds ${formatAmount(needs)}.` })
      case 'failed':
        if (approval.result.code === 'STOPPED') return
        return log.warn('settlement not sent', { ...about, code: approval.result.code, reason: approval.result.message, advice: approval.result.advice ?? 'It is tried again.' })
      case 'waiting':
      case 'closed':
      case 'spent':
    }
  }

  return {
    async step(ledger, best) {
      const head = ledger.head?.number ?? -1
      const founding = ledger.parameters[0]?.parameters
      // A ledger that went back may have lost the blocks in which epochs were settled: each is looked at again.
      if (head < height) [next, current] = [0, undefined]
      height = head
      if (founding === undefined) return
      for (let epoch = next; ; epoch++) {
        const parameters = parametersFor(ledger, epoch * founding.epochRounds)!
        const term = termOf(founding, epoch)
        // Whoever has paid its last epoch waits for nothing else.
        if (epoch === next && term > 0 && termOf(founding, epoch - 1) < term) await handOver(ledger, founding, term, store.statement(epoch - 1)?.landed ?? 0, best, parameters.attemptBlocks)
        const due = judgementOfEpoch(parameters, epoch)
        if (head < due) return
        const attempt = Math.max(0, Math.floor((best - due) / parameters.attemptBlocks))
        const own = await statementOf(ledger, epoch, attempt)
        if (own === undefined) return // the epochs after it need what it leaves
        const missing = own.landed === null ? left(ledger, own) : []
        for (const part of missing) await settle(ledger, own, part, term, attempt, parameters.attemptBlocks)
        if (missing.length === 0 && epoch === next) next++
      }
    },
  }
}

/** Transfers of payments, ascending by account. What an account below the existential deposit would need to exist is no payment that can be made: left out, it stays in the pot. */
const transfers = (chain: Chain, payments: readonly Payment[]) => payments.filter(([, amount]) => amount >= chain.features.existentialDeposit).map(([account, amount]) => transfer(chain, account, amount))

/** The one call that settles an epoch, the same bytes from every settler: the statement's items, then the transfers of the first part. */
export function settlementCall(chain: Chain, network: AccountId, { epoch, bytes, payouts }: Pick<StoredStatement, 'epoch' | 'bytes' | 'payouts'>): ReturnType<typeof batchAll> {
  const chunks = Array.from({ length: Math.ceil(bytes.length / STATEMENT_CHUNK_BYTES) }, (_, i) => bytes.subarray(i * STATEMENT_CHUNK_BYTES, (i + 1) * STATEMENT_CHUNK_BYTES))
  return batchAll(chain, [...chunks.map((chunk, i) => addItem(chain, statementKey(network, epoch, i), chunk)), ...transfers(chain, payouts)])
}

/** The call that pays a later part. */
export function partCall(crypto: Crypto, chain: Chain, network: AccountId, { epoch, part, payments }: { epoch: number, part: number, payments: readonly Payment[] }): ReturnType<typeof batchAll> {
  return batchAll(chain, [addItem(chain, partKey(network, epoch, part), fromHex(partDigest(crypto, { network, epoch, part }, payments))), ...transfers(chain, payments)])
}

/** The call that gives a pot's money to the pot of the next term, however much it is by then. */
export function handOverCall(chain: Chain, network: AccountId, next: { term: number, pot: AccountId }): ReturnType<typeof batchAll> {
  return batchAll(chain, [addItem(chain, handOverKey(network, next.term), encodeHandOver(next)), transferAll(chain, next.pot)])
}
