// Paying an epoch. Every member of the committee computes the statement by itself and submits the identical multisig call; what the chain holds decides what is left to do, so a member
// may be killed at any point, act late, or act twice, and nothing is paid twice: a second execution fails whole at the statement's first item.
import { OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { type AccountId, type Crypto, equalBytes, concat, type EpochState, FIRST_STATE, type Hash, judgementOfEpoch, type Ledger, type LoadBlob, parametersFor, replayEpoch, STATEMENT_CHUNK_BYTES, statementKey, statementRoot, statementsOnChain } from '@assay/protocol'
import { addItem, approve, batchAll, type Chain, formatAmount, hasItem, networkAccount, readBalance, readOperation, type Sender, thresholdOf, toAddress, transfer } from '@assay/runtime-bindings'
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
  /** the settlement committee, or null where this checker is none of it: then it computes and compares only */
  members: readonly AccountId[] | null
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

/** The founding checkers: who got the role in the block that founded the network; null unless the network's account is their multisig. */
export function foundersOf(ledger: Ledger): AccountId[] | null {
  const block = ledger.parameters[0]?.block
  const founders = [...ledger.roles].filter(([, entries]) => entries.some((entry) => entry.block === block && entry.assigned)).map(([account]) => account)
  return isCommittee(ledger.network, founders) ? founders.toSorted() : null
}

/** Whether a network's account is the multisig of these members with threshold floor(2n/3)+1. */
export function isCommittee(network: AccountId, members: readonly AccountId[]): boolean {
  if (members.length < 2 || new Set(members).size !== members.length) return false
  return networkAccount(members) === network
}

/** The settlement committee: the members given, else the founders; null, and told, where neither is what the network's account is made of. Throws OperatorError MEMBERS if the members given are wrong. */
export function settlementCommittee(ledger: Ledger, given: readonly AccountId[] | undefined, log: Log): AccountId[] | null {
  if (given !== undefined && !isCommittee(ledger.network, given)) {
    throw new OperatorError('MEMBERS', `the ${given.length} members given are not those of the network ${toAddress(ledger.network)}`, { advice: 'Give the accounts of all founding checkers, or leave members out.' })
  }
  const members = given?.toSorted() ?? foundersOf(ledger)
  if (members === null) log.warn('the settlement committee is not known, so this checker does not settle', { network: toAddress(ledger.network), advice: 'Give --members if this checker is one of them.' })
  return members
}

/** Settles what is due, one look at the chain a call; call it with each new best block. */
export interface Settlement {
  /** `ledger` is confirmed, `best` the height of the best block. Throws what the chain's door and the store throw. */
  step(ledger: Ledger, best: number): Promise<void>
}

export function createSettlement(tools: SettlementTools): Settlement {
  const { crypto, network, me, store, log, metrics } = tools
  const members = tools.members?.toSorted() ?? null
  let next = 0
  let height = -1
  /** The last attempt in which this process did a deed: an epoch is opened, computed in vain or complained of at most once an attempt. */
  const lastAttempt = new Map<string, number>()
  const isDone = (deed: string, epoch: number, attempt: number): boolean => lastAttempt.get(`${deed}/${epoch}`) === attempt
  const mark = (deed: string, epoch: number, attempt: number): void => void lastAttempt.set(`${deed}/${epoch}`, attempt)

  async function statementOf(ledger: Ledger, epoch: number, attempt: number): Promise<StoredStatement | undefined> {
    const known = store.statement(epoch)
    if (known) return known
    if (isDone('missing', epoch, attempt) || tools.measuring()) return undefined
    const previous = epoch === 0 ? FIRST_STATE : store.statement(epoch - 1)?.state
    const computed = await tools.compute(ledger, epoch, previous)
    if (computed.kind === 'missing') {
      mark('missing', epoch, attempt)
      metrics.settlements.inc({ result: 'evidence_missing' })
      log.warn('epoch cannot be settled yet: evidence is not to be had', { epoch, missing: computed.blobs.length, first: computed.blobs[0], advice: 'Every checker is asked for it again in the next attempt.' })
    }
    if (computed.kind !== 'done') return undefined
    store.keepStatement({ epoch, ...computed.pay })
    log.info('epoch computed', { epoch, root: computed.pay.root, payees: computed.pay.payouts.length })
    return store.statement(epoch)
  }

  /** True if the chain shows the epoch settled, confirmed: compares and remembers. */
  function landed(ledger: Ledger, own: StoredStatement): boolean {
    const { epoch } = own
    const onChain = statementsOnChain(ledger).get(epoch)
    if (onChain === undefined) return false
    const bytes = concat(...[...onChain.chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk))
    const agreed = equalBytes(bytes, own.bytes)
    store.statementLanded(epoch, onChain.block, agreed)
    metrics.settlements.inc({ result: agreed ? 'settled' : 'disagreed' })
    if (agreed) log.info('epoch settled', { epoch, root: own.root, block: onChain.block })
    else log.error('the network settled an epoch with another statement than this checker computed', { epoch, own: own.root, onChain: statementRoot(crypto, network, bytes), block: onChain.block, advice: `Run: assay replay --epoch ${epoch}` })
    return true
  }

  async function act(own: StoredStatement, attempt: number, attemptBlocks: number): Promise<void> {
    const { chain, sender } = tools
    if (members === null || tools.busy()) return
    const { epoch } = own
    const spent = (): Promise<boolean> => hasItem(chain, network, statementKey(network, epoch, 0))
    if (await spent()) return // executed; the ledger will show it when it is deep enough
    const call = settlementCall(chain, network, own)
    const operation = await readOperation(chain, network, call.hash.toHex())
    const mayOpen = members[(epoch + attempt) % members.length] === me && !isDone('open', epoch, attempt)
    if (operation === null ? !mayOpen : operation.approvals.includes(me)) return
    const total = own.payouts.reduce((sum, [, amount]) => sum + amount, 0n)
    // Later runtimes reserve a deposit for each item.
    const needs = total + BigInt(Math.ceil(own.bytes.length / STATEMENT_CHUNK_BYTES)) * (chain.features.storage?.deposit ?? 0n)
    const pot = await readBalance(chain, network)
    if (pot.usable < needs) {
      metrics.settlements.inc({ result: 'pot_empty' })
      if (!isDone('pot', epoch, attempt)) log.error('the pot cannot pay the epoch', { epoch, pot: toAddress(network), has: formatAmount(pot.usable), needs: formatAmount(needs), advice: `Send at least ${formatAmount(needs - pot.usable)} to ${toAddress(network)}; the next attempt pays.` })
      return mark('pot', epoch, attempt)
    }
    if (operation === null) mark('open', epoch, attempt)
    const approval = await approve({ chain, sender, members, threshold: thresholdOf(members.length), call, label: `settlement of epoch ${epoch}`, open: mayOpen, spent, timeoutBlocks: attemptBlocks })
    metrics.settlements.inc({ result: approval.state })
    switch (approval.state) {
      case 'opened':
      case 'approved':
        return log.info('settlement approved', { epoch, root: own.root, opened: approval.state === 'opened', extrinsic: approval.result.hash })
      case 'executed':
        if (approval.result.ok) return log.info('epoch paid', { epoch, root: own.root, paid: formatAmount(total), extrinsic: approval.result.hash, block: approval.result.block })
        metrics.settlements.inc({ result: 'inner_failure' })
        return log.error('the settlement was executed and failed', { epoch, code: approval.result.code, reason: approval.result.name, advice: `Nothing was paid; the next attempt tries again. See that ${toAddress(network)} holds ${formatAmount(needs)}.` })
      case 'failed':
        if (approval.result.code === 'STOPPED') return
        return log.warn('settlement not sent', { epoch, code: approval.result.code, reason: approval.result.message, advice: approval.result.advice ?? 'It is tried again.' })
      case 'waiting':
      case 'closed':
      case 'spent':
    }
  }

  return {
    async step(ledger, best) {
      const head = ledger.head?.number ?? -1
      // A ledger that went back may have lost the blocks in which epochs were settled: each is looked at again.
      if (head < height) next = 0
      height = head
      for (let epoch = next; ; epoch++) {
        const parameters = parametersFor(ledger, epoch * (ledger.parameters[0]?.parameters.epochRounds ?? 0))
        if (parameters === null) return
        const due = judgementOfEpoch(parameters, epoch)
        if (head < due) return
        const attempt = Math.max(0, Math.floor((best - due) / parameters.attemptBlocks))
        const own = await statementOf(ledger, epoch, attempt)
        if (own === undefined) return // the epochs after it need what it leaves
        if (own.landed === null && !landed(ledger, own)) await act(own, attempt, parameters.attemptBlocks)
        else if (epoch === next) next++
      }
    },
  }
}

/** The one call that pays an epoch, the same bytes from every member: the statement's items, then the transfers ascending by account. */
export function settlementCall(chain: Chain, network: AccountId, { epoch, bytes, payouts }: Pick<StoredStatement, 'epoch' | 'bytes' | 'payouts'>): ReturnType<typeof batchAll> {
  const chunks = Array.from({ length: Math.ceil(bytes.length / STATEMENT_CHUNK_BYTES) }, (_, i) => bytes.subarray(i * STATEMENT_CHUNK_BYTES, (i + 1) * STATEMENT_CHUNK_BYTES))
  return batchAll(chain, [...chunks.map((chunk, i) => addItem(chain, statementKey(network, epoch, i), chunk)), ...payouts.map(([account, amount]) => transfer(chain, account, amount))])
}
