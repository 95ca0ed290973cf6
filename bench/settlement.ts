// What settling an epoch and reporting a round cost on peaq's real runtime: bytes, weight, and the fees that are taken, for 20, 1,000 and 100,000 payees.
//   node bench/settlement.ts [--json] [--payees 20,1000,100000] [--settlers 20]
// One part of each size is executed on a development chain; where an epoch has more parts all their bytes are built, and the fees of one whole part are multiplied.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sendReport, reportChain } from '@assay/checker/report'
import { partCall, settlementCall } from '@assay/checker/settlement'
import { Store } from '@assay/checker/store'
import { createLog } from '@assay/kit/log'
import { encodeReportItem, encodeStatement, MAX_PARTS, PART_PAYEES, partsOf, type Payment, statementRoot, thresholdOf, ZERO_HASH } from '@assay/protocol'
import { accountFromSecret, approve, type ApproveOptions, connectChain, createSender, cryptoReady, formatAmount, networkAccount, nodeCrypto, readBalance, toAddress } from '@assay/runtime-bindings'
import { startDevchain } from '@assay/runtime-bindings/testing'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, payees: { type: 'string', default: `20,${PART_PAYEES},${MAX_PARTS * PART_PAYEES}` }, settlers: { type: 'string', default: '20' } } })
const sizes = values.payees.split(',').map(Number)
const settlers = Number(values.settlers)
const threshold = thresholdOf(settlers)
const PEAQ = 10n ** 18n
const ROUNDS = 3

await cryptoReady()
const accounts = Array.from({ length: settlers }, (_, i) => accountFromSecret(`//bench//${i}`))
const members = accounts.map(({ id }) => id)
const pot = networkAccount(members)
await using dev = await startDevchain({ blocks: 'instant', fund: { ...Object.fromEntries(accounts.map(({ address }) => [address, 100n * PEAQ])), [toAddress(pot)]: 10_000n * PEAQ } })
const stop = new AbortController()
const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
const senders = accounts.map((account) => createSender({ chain, account, signal: stop.signal }))

type Call = ApproveOptions['call']
/** Planck: of whoever opens, of whoever approves after, of whoever executes, and of all settlers that are needed. */
interface Taken { opened: bigint, approved: bigint, executed: bigint, all: bigint }

/** Executes a call of the pot; the fees are what the approvers' accounts have less. */
async function execute(call: Call): Promise<Taken> {
  const fees: bigint[] = []
  for (const [i, sender] of senders.slice(0, threshold).entries()) {
    const before = await owned(sender.account.id)
    const { state, ...rest } = await approve({ chain, sender, members, threshold, call, label: 'settlement' })
    const wanted = i === 0 ? 'opened' : i === threshold - 1 ? 'executed' : 'approved'
    if (state !== wanted || !('result' in rest) || !rest.result.ok) throw new Error(`${wanted} was expected, and it is ${state}: ${JSON.stringify(rest, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).slice(0, 400)}`)
    // The opener's deposit is reserved, not gone.
    fees.push(before - (await owned(sender.account.id)))
    if (fees.at(-1) !== rest.result.fee) throw new Error(`the account has ${fees.at(-1)} planck less, and ${rest.result.fee} were measured`)
  }
  return { opened: fees[0]!, approved: fees[1]!, executed: fees.at(-1)!, all: fees.reduce((sum, fee) => sum + fee, 0n) }
}

const owned = async (account: `0x${string}`): Promise<bigint> => {
  const { free, reserved } = await readBalance(chain, account)
  return free + reserved
}

const rows = []
for (const [epoch, payees] of sizes.entries()) {
  const payments = Array.from({ length: payees }, (_, i): Payment => [`0x${(epoch + 1).toString(16).padStart(2, '0')}${i.toString(16).padStart(62, '0')}`, PEAQ / 1000n])
  const bytes = encodeStatement({ epoch, scores: ZERO_HASH, payouts: ZERO_HASH, registry: ZERO_HASH, evidence: ZERO_HASH, standings: ZERO_HASH, calibrations: ZERO_HASH, paid: BigInt(payees) * (PEAQ / 1000n), carried: 0n })
  const parts = partsOf(payments)
  const first = settlementCall(chain, pot, { epoch, bytes, payouts: parts[0]! })
  let callBytes = first.toU8a().length
  let second: Call | undefined
  for (let part = 1; part < parts.length; part++) {
    const call = partCall(nodeCrypto, chain, pot, { epoch, part, payments: parts[part]! })
    callBytes += call.toU8a().length
    second ??= call
  }
  const { weight, fee } = await senders[0]!.estimate(first)
  const taken = await execute(first)
  const later = second && (await execute(second))
  const all = taken.all + (later === undefined ? 0n : later.all * BigInt(parts.length - 1))
  rows.push({ payees, parts: parts.length, statementBytes: bytes.length, root: statementRoot(nodeCrypto, pot, bytes), callBytes, weightOfFirst: weight, shareOfExtrinsic: Number((weight * 1000n) / chain.features.maxExtrinsicWeight) / 1000, estimate: fee, ...taken, later, epochFees: all })
}

// Reports, by the checker's own code, counted by the nonce of its account.
const dir = mkdtempSync(join(tmpdir(), 'assay-bench-'))
const checker = senders.at(-1)!
const store = new Store(dir, { network: pot, account: checker.account.id })
const tools = { crypto: nodeCrypto, me: checker.account.id, store, random: (length: number) => new Uint8Array(length), chain: reportChain(chain, checker, 0), log: createLog({ level: 'silent' }) }
const nonce = (await readBalance(chain, checker.account.id)).nonce
const reports: bigint[] = []
for (let round = 0; round < ROUNDS; round++) {
  const before = await owned(checker.account.id)
  const report = store.keepReport({ round, salt: new Uint8Array(32), observations: Uint8Array.of(0), item: encodeReportItem({ round, commitment: pot, previousPackage: pot, held: new Uint8Array(58) }) })
  const sent = await sendReport(tools, pot, report, 0, 8)
  if (sent.kind !== 'landed') throw new Error('a report was not sent')
  reports.push(before - (await owned(checker.account.id)))
}
const extrinsicsARound = ((await readBalance(chain, checker.account.id)).nonce - nonce) / ROUNDS
store.close()
rmSync(dir, { recursive: true })
stop.abort()

if (values.json) console.log(JSON.stringify({ settlers, threshold, rows, reports, extrinsicsARound }, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)))
else {
  console.log(`${settlers} settlers, ${threshold} of them needed; an extrinsic may weigh ${chain.features.maxExtrinsicWeight}. All fees are what accounts had less afterwards.`)
  console.table(rows.map((row) => ({
    payees: row.payees, parts: row.parts, 'statement bytes': row.statementBytes, 'call bytes, all parts (built)': row.callBytes, 'weight of an extrinsic, first part': `${(row.shareOfExtrinsic * 100).toFixed(1)} %`,
    'opening': formatAmount(row.opened), 'approval': formatAmount(row.approved), 'execution': formatAmount(row.executed), 'all approvals of the epoch': `${formatAmount(row.epochFees)} (${row.later === undefined ? 'measured' : `2 parts measured, the second times ${row.parts - 1}`})`,
  })))
  console.log(`a checker sends ${extrinsicsARound} extrinsic a round, counted by its nonce over ${ROUNDS} reports of 128 bytes; they took ${reports.map((fee) => formatAmount(fee)).join(', ')}`)
}
