// How a machine or checker stands, from two witnesses: its own process, and an indexer that judges it by the chain. Every zero is told with its reason, in the words of the protocol.
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { AssayApiError, answer, createAssayClient, type Schemas } from '@assay/client'
import type { Holder } from '@assay/kit/lock'
import { EXIT, OperatorError, type ExitCode } from '@assay/kit/lifecycle'
import { NEWER_ADVICE } from '@assay/protocol'
import { amountOf } from '@assay/replay'

export type Kind = 'machine' | 'checker'

export interface Finding {
  what: string
  how: string
  /** 1: somebody must do it; 75: it may mend itself */
  exit: ExitCode
}

export interface Status {
  kind: Kind
  account: string
  /** null: no data folder was named */
  process: { running: boolean, pid: number | null, ready: boolean | null, detail: Detail | null } | null
  /** whether its data folder is marked so: it does not start again */
  retired: boolean
  /** null: no indexer was named, or it does not answer */
  network: NetworkView | null
  findings: Finding[]
}

interface Scored { score: Schemas['Score'], payout: Schemas['Payout'] | null }

export interface NetworkView {
  page: string
  head: number | null
  behind: number | null
  registration: Schemas['Reason'] | null
  registeredIn: string | null
  standing: string | null
  /** what a machine says that it computes with; null: it said nothing that is known, or is a checker */
  device: string | null
  /** newest first */
  rounds: { round: number, outcome: string, reason: Schemas['Reason'] }[]
  latest: Scored | null
}

export interface StatusDeps {
  fetch: (request: Request) => Promise<Response>
  signal: AbortSignal
}

export interface Asked {
  kind: Kind
  account: string
  /** what lives in the data folder; undefined: none was named */
  holder?: Holder | null | undefined
  dataDir?: string | undefined
  /** what the data folder says of its leaving */
  left?: 'leaving' | 'retired' | null | undefined
  indexer?: string | undefined
}

const ANSWER_MS = 5_000
const ROUNDS_SHOWN = 32

/** What a provider or checker says at /ready, as far as it is shown. */
const Detail = Type.Object({
  registered: Type.Boolean(),
  leaving: Type.Optional(Type.Boolean()),
  network: Type.Optional(Type.String()),
  waiting: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  fault: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  missing: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  advice: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  newer: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  links: Type.Optional(Type.Integer()),
  round: Type.Optional(Type.Integer()),
  best: Type.Union([Type.Integer(), Type.Null()]),
  ledger: Type.Union([Type.Integer(), Type.Null()]),
  last: Type.Optional(Type.Union([Type.Null(), Type.Object({ round: Type.Integer(), result: Type.String() })])),
})
const Ready = Type.Object({ ready: Type.Boolean(), detail: Detail })
type Detail = Static<typeof Detail>

/** What a service says of itself; null if it does not answer, or not as one of ours. */
export async function readyOf(url: string, { fetch, signal }: StatusDeps): Promise<Static<typeof Ready> | null> {
  try {
    const response = await fetch(new Request(`${url}/ready`, { signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) }))
    const told: unknown = await response.json()
    return Value.Check(Ready, told) ? told : null
  } catch (error) {
    if (signal.aborted) throw error
    return null
  }
}

/** Asks both and finds what is to be mended. Throws what the signal says, nothing else: who does not answer is a finding. */
export async function statusOf(asked: Asked, deps: StatusDeps): Promise<Status> {
  const findings: Finding[] = []
  const process = asked.holder === undefined ? null : await processOf(asked, deps, findings)
  const network = asked.indexer === undefined ? null : await networkOf(asked, asked.indexer, deps, findings)
  return { kind: asked.kind, account: asked.account, process, retired: asked.left === 'retired', network, findings }
}

async function processOf({ kind, holder, dataDir, left }: Asked, deps: StatusDeps, findings: Finding[]): Promise<Status['process']> {
  if (!holder) {
    if (left === 'leaving') findings.push({ what: `it leaves its network, and no process runs on ${dataDir} to end what it owes`, how: `Start it: assay ${kind} start. assay exit says until when.`, exit: EXIT.mend })
    else if (left !== 'retired') findings.push({ what: `no process runs on ${dataDir}`, how: kind === 'machine' ? 'Start it: assay machine up.' : 'Start it: assay checker start.', exit: EXIT.mend })
    return { running: false, pid: null, ready: null, detail: null }
  }
  const told = holder.url === null ? null : await readyOf(holder.url, deps)
  if (told === null) findings.push({ what: `process ${holder.pid} does not say how it is`, how: 'It may be starting: ask again. If it stays so, read its log.', exit: EXIT.again })
  else findings.push(...faultsOf(told.detail, told.ready), ...(told.detail.newer ? [{ what: told.detail.newer, how: NEWER_ADVICE, exit: EXIT.mend }] : []))
  return { running: true, pid: holder.pid, ready: told?.ready ?? null, detail: told?.detail ?? null }
}

function faultsOf({ registered, leaving, waiting, fault, missing, advice, links, best, ledger }: Detail, ready: boolean): Finding[] {
  if (waiting) return [{ what: `it waits: ${waiting}`, how: 'Send it what it lacks; it goes on by itself.', exit: EXIT.mend }]
  if (fault && !leaving) return [{ what: `its registration does not count (${fault})`, how: 'Its log says why; see docs/OPERATORS.md.', exit: EXIT.mend }]
  if (missing && !leaving) return [{ what: `it is not eligible: ${missing}`, how: advice ?? 'Its log says what to do (checker not eligible).', exit: EXIT.mend }]
  if (!registered && !leaving) return [{ what: 'its registration is not confirmed yet', how: 'Ask again in some blocks.', exit: EXIT.again }]
  if (links === 0) return [{ what: 'no checker is connected to it', how: 'If it stays so for a minute, something keeps it from dialling out: read its log for "checker not reached".', exit: EXIT.again }]
  if (!ready && !leaving) return [{ what: `it has read blocks up to ${ledger ?? 'none'} of ${best ?? 'unknown'}`, how: 'It catches up by itself: ask again.', exit: EXIT.again }]
  return leaving ? [{ what: 'it leaves its network, and ends what it owes', how: 'assay exit says until when, and stops it then. To stay, remove the file `leaving` in its data folder and start it again.', exit: EXIT.again }] : []
}

async function networkOf({ kind, account, left }: Asked, indexer: string, deps: StatusDeps, findings: Finding[]): Promise<NetworkView | null> {
  const client = createAssayClient(indexer, { fetch: (request) => deps.fetch(new Request(request, { signal: AbortSignal.any([deps.signal, AbortSignal.timeout(ANSWER_MS)]) })) })
  const params = { path: { account } }
  const recent = { ...params, query: { limit: ROUNDS_SHOWN } }
  try {
    const network = await answer(client.GET('/network'))
    const behind = network.best === null || network.head === null ? null : Math.max(0, network.best - network.head.number - (network.parameters?.confirmations ?? 0))
    const base = { page: `${indexer.replace(/\/+$/, '')}/explorer/${kind}s/${account}`, head: network.head?.number ?? null, behind }
    if (network.stalled !== null) findings.push({ what: `the indexer sees no new blocks: ${network.stalled.detail}`, how: 'What it says is old; ask another one, or wait.', exit: EXIT.again })
    const view: NetworkView = kind === 'machine' ? { ...base, ...(await machineView()) } : { ...base, ...(await checkerView()) }
    if (left === 'retired' && view.registration?.code === 'OK') findings.push({ what: 'its folder is marked as retired, and its registration stands', how: `assay ${kind} retire ends it. If it stays, somebody else has the keys: docs/OPERATORS.md, stolen.`, exit: EXIT.mend })
    if (!left) findings.push(...judgedFaults(kind, view))
    return view
  } catch (error) {
    deps.signal.throwIfAborted()
    if (error instanceof AssayApiError && (error.code === 'NO_MACHINE' || error.code === 'NO_CHECKER')) {
      if (!left) findings.push({ what: `the network does not know ${account} as a ${kind}`, how: 'A registration counts some blocks after it is on chain; ask again. If none was made: assay machine up.', exit: EXIT.again })
    } else if (error instanceof AssayApiError && error.code === 'BAD_ACCOUNT') throw new OperatorError('BAD_ACCOUNT', `${account} is not an account`, { advice: 'Give its SS58 address, or 0x and 64 hex digits.', cause: error })
    else findings.push({ what: `the indexer ${indexer} does not answer (${error instanceof Error ? error.message : String(error)})`, how: 'Check its address; try again, or ask another one.', exit: EXIT.again })
    return null
  }

  async function machineView() {
    const [machine, verdicts, latest] = await Promise.all([answer(client.GET('/machines/{account}', { params })), answer(client.GET('/machines/{account}/verdicts', { params: recent })), scored(client.GET('/machines/{account}/why', { params }))])
    return { registration: machine.registration, registeredIn: machine.identity?.extrinsic?.id ?? null, standing: machine.standing, device: deviceOf(machine), rounds: verdicts.items.map(({ round, outcome, reason }) => ({ round, outcome, reason })), latest }
  }
  async function checkerView() {
    const [checker, rounds, latest] = await Promise.all([answer(client.GET('/checkers/{account}', { params })), answer(client.GET('/checkers/{account}/rounds', { params: recent })), scored(client.GET('/checkers/{account}/why', { params }))])
    return { registration: checker.registration, registeredIn: checker.identity?.extrinsic?.id ?? null, standing: null, device: null, rounds: rounds.items.map(({ round, reason, reported }) => ({ round, outcome: reason.code === 'OK' ? 'PAID' : reported ? 'UNPAID' : 'MISSED', reason })), latest }
  }
}

/** The device in words, as the machine claims it; the network's word on the claim is in its verdicts. */
function deviceOf({ device, verdict }: Schemas['Machine']): string | null {
  const facts = verdict?.facts?.device
  if (facts === undefined) return device === null ? null : (device.name ?? `of class ${device.class}`)
  return `${facts.kind === 'GPU' ? `${facts.units} x ` : ''}${device?.name ?? `${facts.kind} of class ${facts.class}`}${facts.kind === 'CPU' ? `, ${facts.units} threads` : ''}, ${facts.memoryMiB} MiB`
}

/** The latest score with what was paid; null before the first, and where its rounds are no longer kept. */
async function scored(asked: Promise<{ data?: Schemas['Why'], error?: Schemas['Error'], response: Response }>): Promise<Scored | null> {
  try {
    const { score, payout } = await answer(asked)
    return { score, payout }
  } catch (error) {
    if (error instanceof AssayApiError && (error.code === 'NOT_SCORED' || error.code === 'OBSERVATIONS_PRUNED')) return null
    throw error
  }
}

function judgedFaults(kind: Kind, { registration, rounds, latest }: NetworkView): Finding[] {
  if (registration !== null && registration.code !== 'OK') return [{ what: `its registration does not count (${registration.code}: ${registration.text})`, how: 'Correct what it names and register again: assay machine up.', exit: EXIT.mend }]
  const benched = latest?.score.standing?.benchedUntil ?? null
  if (benched !== null) return [{ what: `it is benched until block ${benched}`, how: 'Find out from the rounds below what it did; it takes part again from that block on.', exit: EXIT.mend }]
  const [last] = rounds
  if (last === undefined || last.outcome === 'PASS' || last.outcome === 'PAID' || last.reason.code === 'NOTHING_PAYABLE') return []
  return [{ what: `round ${last.round} was ${last.outcome} (${last.reason.code}: ${last.reason.text})`, how: kind === 'machine' ? 'Its log says what it saw of that round.' : 'Its log says what it did in that round.', exit: EXIT.mend }]
}

/** The exit code of what was found: 1 if somebody must do something, else 75 if it may mend itself. */
export const exitOf = (findings: readonly Finding[]): ExitCode => (findings.some(({ exit }) => exit === EXIT.mend) ? EXIT.mend : findings.length > 0 ? EXIT.again : EXIT.ok)

const MARKS: Record<string, string> = { PASS: '#', PAID: '#', UNREACHABLE: '.', MISSED: '.', NOT_RUN: '-', NO_QUORUM: '?', UNPAID: 'o' }

/** The status for people. */
export function tellStatus({ kind, account, process, retired, network, findings }: Status): string {
  const lines = [`${kind} ${account}`]
  const row = (name: string, text: string): void => void lines.push(`  ${name.padEnd(12)} ${text}`)
  if (process !== null) {
    row('process', !process.running ? `none runs${retired ? ': its folder is marked as retired' : ''}` : `${process.pid}, ${process.ready === null ? 'says nothing' : process.ready ? 'ready' : 'not ready'}`)
    if (process.detail?.links !== undefined) row('checkers', `${process.detail.links} connected`)
    if (process.detail?.last) row('last job', `round ${process.detail.last.round}: ${process.detail.last.result}`)
  }
  if (network !== null) {
    row('chain', `read up to block ${network.head ?? 'none'}${network.behind ? `, ${network.behind} behind` : ''}`)
    row('registered', network.registration === null ? 'no' : network.registration.code === 'OK' ? `yes${network.registeredIn === null ? '' : `, in extrinsic ${network.registeredIn}`}` : `${network.registration.code}: ${network.registration.text}`)
    if (network.device !== null) row('device', network.device)
    if (network.standing !== null) row('standing', network.standing)
    if (network.rounds.length > 0) {
      row('rounds', `${network.rounds.map(({ outcome }) => MARKS[outcome] ?? 'X').toReversed().join('')}  (newest last: ${kind === 'machine' ? '# passed, X failed, - did not run, . not reached, ? no majority' : '# paid, o unpaid, . no report'})`)
      for (const { round, outcome, reason } of network.rounds.filter((one) => one.outcome !== 'PASS' && one.outcome !== 'PAID').slice(0, 3)) row('', `round ${round}: ${outcome} (${reason.code}: ${reason.text})`)
    } else row('rounds', 'none judged yet')
    row('pay', network.latest === null ? 'no epoch with it is scored yet' : payOf(network.latest))
    row('page', network.page)
  }
  for (const { what, how } of findings) lines.push(`! ${what}`, `  ${how}`)
  return `${lines.join('\n')}\n`
}

function payOf({ score, payout }: Scored): string {
  const earned = `epoch ${score.epoch}: earned ${amountOf(BigInt(score.earned))}${score.reason.code === 'OK' ? '' : ` (${score.reason.code}: ${score.reason.text})`}`
  if (payout === null) return earned
  const paid = BigInt(payout.paid)
  if (paid === 0n) return `${earned}; the owner is paid nothing (${payout.reason.code}: ${payout.reason.text})`
  return `${earned}; the owner is paid ${amountOf(paid)}${payout.extrinsic === null ? ', not on chain yet' : ` in extrinsic ${payout.extrinsic.id}`}`
}

/** How an indexer stands, by its own word. */
export interface IndexerStatus {
  kind: 'indexer'
  /** its folder or address */
  where: string
  /** null: none is known to run here */
  pid: number | null
  ready: boolean | null
  detail: Static<typeof IndexerReady>['detail'] | null
  findings: Finding[]
}

const Count = Type.Union([Type.Integer(), Type.Null()])
const IndexerReady = Type.Object({
  ready: Type.Boolean(),
  detail: Type.Object({ head: Count, best: Count, behind: Count, stalled: Type.Union([Type.String(), Type.Null()]), endpoint: Type.Optional(Type.Union([Type.Null(), Type.Object({ name: Type.String(), switches: Type.Integer() })])) }),
})

/** Asks the indexer of a folder (`holder` is who lives there) or at an address. Throws what the signal says, nothing else. */
export async function indexerStatusOf({ where, holder, url }: { where: string, holder?: Holder | null | undefined, url?: string | undefined }, { fetch, signal }: StatusDeps): Promise<IndexerStatus> {
  const status = (findings: Finding[], told: Static<typeof IndexerReady> | null = null): IndexerStatus => ({ kind: 'indexer', where, pid: holder?.pid ?? null, ready: told?.ready ?? null, detail: told?.detail ?? null, findings })
  if (holder === null) return status([{ what: `no process runs on ${where}`, how: 'Start it: assay indexer start.', exit: EXIT.mend }])
  const address = url ?? holder?.url ?? null
  // A process tells its folder where it answers once it does.
  const told = address === null ? null : await readiness(address)
  if (told === null) return status([{ what: `${holder ? `process ${holder.pid}` : where} does not say how it is`, how: 'It may be starting, or opening its database: ask again. If it stays so, read its log.', exit: EXIT.again }])
  const { behind, stalled, head, best } = told.detail
  if (stalled !== null) return status([{ what: `it sees no new blocks: ${stalled}`, how: 'It tries again by itself; if it stays so, name another node.', exit: EXIT.again }], told)
  if (!told.ready) return status([{ what: `it has read blocks up to ${head ?? 'none'} of ${best ?? 'unknown'}${behind === null ? '' : `, ${behind} behind`}`, how: 'It catches up by itself: ask again.', exit: EXIT.again }], told)
  return status([], told)

  async function readiness(at: string): Promise<Static<typeof IndexerReady> | null> {
    try {
      const response = await fetch(new Request(`${at.replace(/\/+$/, '')}/ready`, { signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) }))
      const said: unknown = await response.json()
      return Value.Check(IndexerReady, said) ? said : null
    } catch (error) {
      if (signal.aborted) throw error
      return null
    }
  }
}

/** The same for people. */
export function tellIndexerStatus({ where, pid, ready, detail, findings }: IndexerStatus): string {
  const row = (name: string, text: string): string => `  ${name.padEnd(12)} ${text}`
  const lines = [`indexer ${where}`, ...(pid === null ? [] : [row('process', `${pid}, ${ready === null ? 'says nothing' : ready ? 'ready' : 'not ready'}`)])]
  if (detail !== null) lines.push(row('chain', `read up to block ${detail.head ?? 'none'}${detail.behind ? `, ${detail.behind} behind` : ''}`))
  if (detail?.endpoint) lines.push(row('node', `${detail.endpoint.name}${detail.endpoint.switches > 0 ? `, changed ${detail.endpoint.switches} times` : ''}`))
  return `${[...lines, ...findings.flatMap(({ what, how }) => [`! ${what}`, `  ${how}`])].join('\n')}\n`
}
