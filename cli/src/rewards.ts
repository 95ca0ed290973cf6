// What an account earned, was paid and is owed, by epoch: read from an indexer, and each line held against the statements on chain where that is asked for.
import { AssayApiError, answer, createAssayClient, each, type AssayClient, type Item, type ListPath, type Schemas } from '@assay/client'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import { decodeStatement, encodePayoutLeaf, encodeScoreLeaf, equalBytes, fromHex, MalformedError, REASON_CODES, statementBytes, statementsOnChain, toHex, verifyMerkleProof, type AccountId, type Crypto, type Hash, type Hex, type IdentityKind, type Ledger, type ReasonCode } from '@assay/protocol'
import { addressOf, amountOf } from '@assay/replay'

/** How a line stands to the chain: `unasked` where nobody asked it. `wrong` says what is. */
export type Proof = { kind: 'unasked' | 'proven' | 'not on chain yet' } | { kind: 'wrong', what: string }

/** What a machine or checker earned in an epoch, for its owner. Amounts in planck. */
export interface Earning { epoch: number, kind: IdentityKind, account: AccountId, owner: AccountId, score: bigint, earned: bigint, reason: Schemas['Reason'], proof: Proof }

/** What an epoch gives an owner: paid + carriedOut = earned + carriedIn, in planck. */
export interface Payment { epoch: number, owner: AccountId, earned: bigint, carriedIn: bigint, paid: bigint, carriedOut: bigint, reason: Schemas['Reason'], extrinsic: string | null, onChain: boolean, proof: Proof }

export interface Rewards {
  account: AccountId
  /** what the account is in this network: several at once, where a checker owns itself */
  roles: ('owner' | IdentityKind)[]
  /** newest first */
  epochs: { epoch: number, payments: Payment[], earnings: Earning[] }[]
  /** of the epochs shown */
  totals: { earned: bigint, paid: bigint, awaited: bigint, carried: bigint }
  /** whether there are older epochs than those shown */
  more: boolean
}

export interface RewardsDeps {
  fetch: (request: Request) => Promise<Response>
  signal: AbortSignal
}

const ANSWER_MS = 10_000

/**
 * Asks the indexer for the newest `epochs` epochs in which the account earned or was to be paid: as an owner with all that its machines and checkers earned, else as a machine or checker with what its owner got.
 * Throws OperatorError INDEXER (exit 75 where it does not answer), BAD_ACCOUNT and NO_ACCOUNT.
 */
export async function readRewards(account: AccountId, { indexer, epochs }: { indexer: string, epochs: number }, deps: RewardsDeps): Promise<Rewards> {
  const client = createAssayClient(indexer, { fetch: (request) => deps.fetch(new Request(request, { signal: AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_MS)]) })) })
  try {
    return await read(client, account, epochs, deps.signal)
  } catch (error) {
    deps.signal.throwIfAborted()
    if (error instanceof OperatorError) throw error
    throw new OperatorError('INDEXER', `the indexer ${indexer} does not answer as one (${error instanceof Error ? error.message : String(error)})`, { advice: 'Check its address; try again, or ask another one.', exit: EXIT.again, cause: error })
  }
}

async function read(client: AssayClient, account: AccountId, most: number, signal: AbortSignal): Promise<Rewards> {
  // One more than is shown says whether there is more.
  const newest = async <P extends ListPath>(list: P, of: AccountId): Promise<Item<P>[]> => first(each(client, list, { path: { account: of } } as unknown as Parameters<typeof each<P>>[2], signal), most + 1)
  const [asMachine, asChecker, payouts] = await Promise.all([unlessUnknown(newest('/machines/{account}/scores', account)), unlessUnknown(newest('/checkers/{account}/scores', account)), newest('/accounts/{account}/payouts', account)])
  const [owned, checking] = await Promise.all([accounts(each(client, '/machines', { query: { owner: account } }, signal), () => true), accounts(each(client, '/checkers', {}, signal), ({ identity }) => identity?.owner === account)])
  const owns = payouts.length > 0 || owned.length > 0 || checking.length > 0
  if (asMachine === null && asChecker === null && !owns) throw new OperatorError('NO_ACCOUNT', `the indexer knows ${addressOf(account)} neither as an owner nor as a machine or checker`, { advice: 'Check the account and the indexer; a registration counts some blocks after it is on chain, and an owner is known when an epoch that paid it is scored.' })

  // As an owner: its own, whatever it is itself. Else what its owners got.
  const earnings: Schemas['Score'][] = owns ? [] : [...(asMachine ?? []), ...(asChecker ?? [])]
  const owed: Schemas['Payout'][] = owns ? payouts : []
  if (owns) {
    for (const machine of new Set([...owned, ...(asMachine === null ? [] : [account])])) earnings.push(...(await newest('/machines/{account}/scores', machine)))
    for (const checker of new Set([...checking, ...(asChecker === null ? [] : [account])])) earnings.push(...(await newest('/checkers/{account}/scores', checker)))
  } else for (const owner of new Set(earnings.map((score) => score.owner as AccountId))) owed.push(...(await newest('/accounts/{account}/payouts', owner)))

  const scores = earnings.map(earningOf).filter(({ owner }) => !owns || owner === account)
  const numbers = [...new Set([...scores, ...(owns ? owed : [])].map(({ epoch }) => epoch))].sort((a, b) => b - a)
  const shown = numbers.slice(0, most)
  const onChain = new Map<number, boolean>()
  for (const epoch of shown) onChain.set(epoch, (await answer(client.GET('/epochs/{number}', { params: { path: { number: epoch } } }))).totals?.onChain.state === 'match')
  const payments = owed.map((payout) => paymentOf(payout, onChain.get(payout.epoch) === true))
  const entries = shown.map((epoch) => {
    const mine = scores.filter((one) => one.epoch === epoch).sort(byKindAndAccount)
    return { epoch, earnings: mine, payments: payments.filter((one) => one.epoch === epoch && (owns || mine.some(({ owner }) => owner === one.owner))) }
  })
  return { account, roles: [...(owns ? (['owner'] as const) : []), ...(asMachine === null ? [] : (['machine'] as const)), ...(asChecker === null ? [] : (['checker'] as const))], epochs: entries, totals: totalsOf(entries, owns), more: numbers.length > most }

  async function accounts<T extends { account: string }>(list: AsyncIterable<T>, which: (one: T) => boolean): Promise<AccountId[]> {
    const found: AccountId[] = []
    for await (const one of list) if (which(one)) found.push(accountOf(one.account))
    return found
  }
}

/** The sums of what is shown. What a machine or checker earned may be paid together with what others earned: of it alone only the earnings are summed. */
function totalsOf(entries: Rewards['epochs'], owns: boolean): Rewards['totals'] {
  const payments = owns ? entries.flatMap((entry) => entry.payments) : []
  const sum = (amounts: bigint[]): bigint => amounts.reduce((total, one) => total + one, 0n)
  return {
    earned: sum(owns ? payments.map(({ earned }) => earned) : entries.flatMap(({ earnings }) => earnings.map(({ earned }) => earned))),
    paid: sum(payments.filter(({ onChain }) => onChain).map(({ paid }) => paid)),
    awaited: sum(payments.filter(({ onChain }) => !onChain).map(({ paid }) => paid)),
    // Each epoch takes over what the one before carried.
    carried: payments[0]?.carriedOut ?? 0n,
  }
}

const byKindAndAccount = (a: Earning, b: Earning): number => (a.kind === b.kind ? (a.account < b.account ? -1 : 1) : a.kind === 'machine' ? -1 : 1)

async function first<T>(list: AsyncIterable<T>, most: number): Promise<T[]> {
  const found: T[] = []
  for await (const one of list) if (found.push(one) === most) break
  return found
}

/** Null where the network does not know the account as what it was asked for. */
async function unlessUnknown<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof AssayApiError && (error.code === 'NO_MACHINE' || error.code === 'NO_CHECKER')) return null
    throw error
  }
}

function earningOf({ epoch, kind, account, owner, score, earned, reason }: Schemas['Score']): Earning {
  return { epoch: numberOf(epoch), kind: kindOf(kind), account: accountOf(account), owner: accountOf(owner), score: planck(score), earned: planck(earned), reason: reasonOf(reason), proof: { kind: 'unasked' } }
}

function paymentOf({ epoch, account, earned, carriedIn, paid, carriedOut, reason, extrinsic }: Schemas['Payout'], onChain: boolean): Payment {
  return { epoch: numberOf(epoch), owner: accountOf(account), earned: planck(earned), carriedIn: planck(carriedIn), paid: planck(paid), carriedOut: planck(carriedOut), reason: reasonOf(reason), extrinsic: extrinsic === null ? null : extrinsicOf(extrinsic.id), onChain: onChain || extrinsic !== null, proof: { kind: 'unasked' } }
}

// An indexer is somebody else's: what it says is looked at before it is reckoned with or shown.
const like = (pattern: RegExp, what: string) => (given: unknown): string => {
  if (typeof given !== 'string' || !pattern.test(given)) throw new TypeError(`${what} is none`)
  return given
}
const planck = (given: unknown): bigint => BigInt(like(/^\d{1,39}$/, 'an amount')(given))
const accountOf = like(/^0x[0-9a-f]{64}$/, 'an account') as (given: unknown) => AccountId
const kindOf = like(/^(machine|checker)$/, 'a kind') as (given: unknown) => IdentityKind
const extrinsicOf = like(/^\d{1,10}-\d{1,10}$/, 'an extrinsic')
const numberOf = (given: unknown): number => Number(like(/^\d{1,10}$/, 'an epoch')(String(given)))
const reasonOf = ({ code, text }: Schemas['Reason']): Schemas['Reason'] => ({ code: like(/^[A-Z][A-Z_]{0,39}$/, 'a reason')(code) as Schemas['Reason']['code'], text: String(text).replaceAll(/\p{C}/gu, '').slice(0, 300) })

export interface Chain { crypto: Crypto, network: AccountId, ledger: Ledger }

/**
 * The same with each line held against the chain: the statement that the indexer shows must be the one on chain, and each line a leaf of it. That the statement is what the rules give is what `assay replay` finds out.
 * Throws OperatorError INDEXER.
 */
export async function verifyRewards(rewards: Rewards, { indexer }: { indexer: string }, chain: Chain, deps: RewardsDeps): Promise<Rewards> {
  const client = createAssayClient(indexer, { fetch: (request) => deps.fetch(new Request(request, { signal: AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_MS)]) })) })
  const proofs = async (number: number, account: AccountId): Promise<Schemas['Proofs'] | null> => {
    try {
      return await answer(client.GET('/epochs/{number}/proofs/{account}', { params: { path: { number, account } } }))
    } catch (error) {
      deps.signal.throwIfAborted()
      if (error instanceof AssayApiError && (error.code === 'NOT_IN_STATEMENT' || error.code === 'NOT_SCORED')) return null
      throw new OperatorError('INDEXER', `the indexer ${indexer} gives no proofs of epoch ${number} (${error instanceof Error ? error.message : String(error)})`, { advice: 'Try again, or ask another one.', exit: EXIT.again, cause: error })
    }
  }
  const epochs: Rewards['epochs'] = []
  for (const { epoch, payments, earnings } of rewards.epochs) {
    const proven = <T extends { proof: Proof }>(line: T, check: () => string | null): T => ({ ...line, proof: proofOf(check) })
    const checkedPayments: Payment[] = []
    for (const payment of payments) {
      const given = await proofs(epoch, payment.owner)
      checkedPayments.push(proven(payment, () => paymentFault(chain, epoch, payment, given)))
    }
    const checkedEarnings: Earning[] = []
    for (const earning of earnings) {
      const given = await proofs(epoch, earning.account)
      checkedEarnings.push(proven(earning, () => earningFault(chain, epoch, earning, given)))
    }
    epochs.push({ epoch, payments: checkedPayments, earnings: checkedEarnings })
  }
  return { ...rewards, epochs }
}

const NOT_YET = 'not on chain yet'

function proofOf(check: () => string | null): Proof {
  try {
    const fault = check()
    return fault === null ? { kind: 'proven' } : fault === NOT_YET ? { kind: NOT_YET } : { kind: 'wrong', what: fault }
  } catch (error) {
    // Bytes that are no hex, a statement that is none, an amount out of bounds: whatever it is, it proves nothing.
    if (error instanceof MalformedError || error instanceof RangeError || error instanceof TypeError) return { kind: 'wrong', what: `what should prove it is damaged (${error.message})` }
    throw error
  }
}

/** What is wrong with the statement that is shown; its roots if nothing is. */
function stated({ ledger }: Chain, epoch: number, given: Schemas['Proofs'] | null): ReturnType<typeof decodeStatement> | string {
  const written = statementsOnChain(ledger).get(epoch)
  if (written === undefined) return NOT_YET
  if (given === null) return 'the indexer’s statement says nothing of it'
  const bytes = hexBytes(given.statement.bytes)
  if (!equalBytes(statementBytes(written), bytes)) return 'the indexer’s statement is not the one on chain'
  return decodeStatement(bytes)
}

function paymentFault(chain: Chain, epoch: number, { owner, earned, carriedIn, paid, carriedOut }: Payment, given: Schemas['Proofs'] | null): string | null {
  const statement = stated(chain, epoch, given)
  if (typeof statement === 'string') return statement
  const line = given!.payout
  if (line === null) return 'the statement on chain says nothing of it'
  return leafFault(chain, statement.payouts, encodePayoutLeaf({ account: owner, earned, carriedIn, paid, carriedOut }), line.proof)
}

function earningFault(chain: Chain, epoch: number, { kind, account, score, earned, reason }: Earning, given: Schemas['Proofs'] | null): string | null {
  const statement = stated(chain, epoch, given)
  if (typeof statement === 'string') return statement
  const line = given!.scores.find((one) => one.score.kind === kind)
  if (line === undefined) return 'the statement on chain says nothing of it'
  const code = reason.code as ReasonCode
  if (!REASON_CODES.includes(code)) return `${code} is no reason of the protocol`
  // The rows under the score are not shown here; their root ends the leaf.
  const rows = toHex(hexBytes(line.proof.leaf).slice(-32))
  return leafFault(chain, statement.scores, encodeScoreLeaf({ account, kind, score, reason: code, earned, rows }), line.proof)
}

function leafFault({ crypto }: Chain, root: Hash, leaf: Uint8Array, proof: Schemas['MerkleProof']): string | null {
  if (!equalBytes(leaf, hexBytes(proof.leaf))) return 'the statement on chain has other amounts'
  return verifyMerkleProof(crypto, root, leaf, proof.index, proof.size, proof.path as Hash[]) ? null : 'it is not in the statement on chain'
}

function hexBytes(text: string): Uint8Array {
  if (typeof text !== 'string' || !/^0x(?:[0-9a-f]{2})*$/.test(text)) throw new TypeError('no hex')
  return fromHex(text as Hex)
}

/** What is wrong, a line each. */
export const faultsIn = ({ epochs }: Rewards): string[] => epochs.flatMap(({ epoch, payments, earnings }) => [...payments.map((one) => [`the payment to ${addressOf(one.owner)}`, one.proof] as const), ...earnings.map((one) => [`what the ${one.kind} ${addressOf(one.account)} earned`, one.proof] as const)].flatMap(([what, proof]) => (proof.kind === 'wrong' ? [`epoch ${epoch}, ${what}: ${proof.what}`] : [])))

const WORK = { machine: 'work', checker: 'honest checking' } as const
const because = ({ code, text }: Schemas['Reason']): string => (code === 'OK' ? '' : ` (${code}: ${text})`)
const shownProof = (proof: Proof): string => (proof.kind === 'unasked' ? '' : proof.kind === 'wrong' ? `  WRONG: ${proof.what}` : proof.kind === 'proven' ? '  proven' : '')

/** The rewards for people. */
export function tellRewards({ account, roles, epochs, totals, more }: Rewards): string {
  const lines = [`${roles.join(' and ')} ${addressOf(account)}`]
  if (epochs.length === 0) lines.push('no epoch with it is scored yet')
  const owner = roles.includes('owner')
  for (const { epoch, payments, earnings } of epochs) {
    lines.push(`epoch ${epoch}`)
    for (const one of earnings) lines.push(`  ${amountOf(one.earned).padEnd(28)} for the ${WORK[one.kind]} of ${one.kind} ${addressOf(one.account)}${because(one.reason)}${shownProof(one.proof)}`)
    for (const one of payments) {
      if (one.carriedIn > 0n) lines.push(`  ${amountOf(one.carriedIn).padEnd(28)} carried over from the epoch before`)
      lines.push(`  ${paidText(one, owner ? '' : ` to its owner ${addressOf(one.owner)}, for all that is the owner’s,`)}${shownProof(one.proof)}`)
    }
  }
  if (epochs.length > 0) {
    const of = `${more ? `the newest ${epochs.length} epochs` : 'all epochs'}`
    lines.push(owner ? `in ${of}: earned ${amountOf(totals.earned)}, paid ${amountOf(totals.paid)}, to be paid ${amountOf(totals.awaited)}, carried to the next epoch ${amountOf(totals.carried)}` : `in ${of}: earned ${amountOf(totals.earned)}`)
  }
  return `${lines.join('\n')}\n`
}

function paidText({ paid, carriedOut, extrinsic, onChain, reason }: Payment, to: string): string {
  if (paid === 0n) return carriedOut > 0n ? `= ${amountOf(carriedOut)} is carried to the next epoch${because(reason)}` : `= nothing${because(reason)}`
  const how = extrinsic !== null ? `paid${to} in extrinsic ${extrinsic}` : onChain ? `paid${to} on chain` : `to be paid${to.replace(/,$/, '')}: its statement is not on chain yet`
  return `= ${amountOf(paid)} ${how}${carriedOut > 0n ? `, ${amountOf(carriedOut)} carried to the next epoch` : ''}`
}

/** One JSON object: amounts in planck, as text. */
export const jsonOf = (rewards: Rewards): string => JSON.stringify({ event: 'rewards', ...rewards, account: addressOf(rewards.account) }, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))

/** For a spreadsheet: a line for each earning and each payment, amounts in whole tokens, exact. */
export function csvOf({ epochs }: Rewards): string {
  const tokens = (amount: bigint): string => amountOf(amount).replace(/ .*$/, '')
  const rows = epochs.flatMap(({ epoch, earnings, payments }) => [
    ...earnings.map((one) => [epoch, 'earned', one.kind, addressOf(one.account), tokens(one.earned), '', '', '', one.reason.code, '']),
    ...payments.map((one) => [epoch, one.onChain ? 'paid' : 'to be paid', 'owner', addressOf(one.owner), tokens(one.earned), tokens(one.carriedIn), tokens(one.paid), tokens(one.carriedOut), one.reason.code, one.extrinsic ?? '']),
  ])
  return `${[['epoch', 'what', 'role', 'account', 'earned', 'carried in', 'paid', 'carried out', 'reason', 'extrinsic'], ...rows].map((row) => row.join(',')).join('\r\n')}\r\n`
}
