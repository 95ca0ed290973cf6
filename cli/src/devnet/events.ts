// What a devnet tells: one union of events, and the three ways to show it (JSON lines, plain lines, a live screen).
import Table from 'cli-table3'
import { formatAmount, toAccountId, toAddress } from '@assay/runtime-bindings'

export type DevnetEvent =
  | { event: 'step'; text: string }
  | { event: 'ready'; endpoint: string; network: string; indexer: string; checkers: string[]; logs: string; join: string; fund: string }
  | { event: 'block'; number: number; round: number | null; epoch: number | null; phase: string }
  | { event: 'eligible'; round: number; machine: string }
  | { event: 'report'; round: number; checker: string; block: number }
  | { event: 'verdict'; round: number; machine: string; outcome: string; reason: string; steps: number; work: string; kbpsDown: number | null; kbpsUp: number | null; rttUs: number | null; relayUs: number | null; memoryKiB: number; flags: string[] }
  | { event: 'observations'; round: number; checker: string; paid: number; reason: string }
  | { event: 'score'; epoch: number; account: string; kind: 'machine' | 'checker'; score: string; earned: string; reason: string }
  | { event: 'statement'; epoch: number; root: string; matchesChain: boolean }
  | { event: 'payout'; epoch: number; payee: string; planck: string; before: string; after: string; extrinsic: string; block: number }
  | { event: 'paid'; epoch: number; total: string; block: number; extrinsic: string; exact: boolean }
  | { event: 'ended'; process: string; code: number | null; signal: string | null; lastWords: string }
  | { event: 'stopped'; reason: string }

/** Names of accounts that people can tell apart in a table: `machine 2`, `checker 1`, `owner 2`. */
export type Names = ReadonlyMap<string, string>

export interface View {
  show(event: DevnetEvent): void
  close(): void
}

type Out = { write(text: string): unknown; isTTY?: boolean; columns?: number; rows?: number }

/** One JSON object a line, for programs. */
export function jsonView(out: Out): View {
  return { show: (event) => void out.write(`${JSON.stringify(event)}\n`), close: () => {} }
}

/** The plain sentence for an event, or undefined where a log needs none. */
export function sentence(event: DevnetEvent, names: Names): string | undefined {
  const name = (account: string) => names.get(account) ?? `${toAddress(toAccountId(account)).slice(0, 10)}…`
  switch (event.event) {
    case 'step':
      return event.text
    case 'ready':
      return `the network is up: chain ${event.endpoint}, network ${event.network}, indexer ${event.indexer}, logs in ${event.logs}\n  join from another terminal: ${event.join}\n  and pay its owner's fees:    ${event.fund}`
    case 'block':
    case 'eligible':
      return undefined
    case 'report':
      return `round ${event.round}: ${name(event.checker)} reported in block ${event.block}`
    case 'verdict':
      return `round ${event.round}: ${name(event.machine)} ${event.outcome}${event.reason === 'NONE' ? '' : ` (${event.reason})`}, ${event.steps} proven steps${event.memoryKiB === 0 ? '' : `, ${event.memoryKiB / 1024} MiB of memory`}`
    case 'observations':
      return `round ${event.round}: ${name(event.checker)} is paid for ${event.paid} observations${event.reason === 'NONE' ? '' : ` (${event.reason})`}`
    case 'score':
      return `epoch ${event.epoch}: ${name(event.account)} scored ${event.kind === 'checker' ? Number(event.score) / 1e6 : event.score}, earned ${formatAmount(BigInt(event.earned))}${event.reason === 'NONE' ? '' : ` (${event.reason})`}`
    case 'statement':
      return `epoch ${event.epoch}: statement root ${event.root}${event.matchesChain ? ', the same on chain' : ', NOT what is on chain'}`
    case 'payout':
      return `epoch ${event.epoch}: ${name(event.payee)} got ${formatAmount(BigInt(event.planck))}: ${formatAmount(BigInt(event.before))} -> ${formatAmount(BigInt(event.after))}`
    case 'paid':
      return `epoch ${event.epoch} paid: ${formatAmount(BigInt(event.total))} in block ${event.block}, extrinsic ${event.extrinsic}${event.exact ? ', every balance moved by exactly what is due' : ', BALANCES DO NOT ADD UP'}`
    case 'ended':
      return `${event.process} ended (${event.signal ?? `exit code ${event.code}`}): ${event.lastWords}`
    case 'stopped':
      return event.reason
  }
}

/** A line an event, for pipes and logs. */
export function lineView(out: Out, names: Names): View {
  return {
    show: (event) => {
      const text = sentence(event, names)
      if (text !== undefined) out.write(`${text}\n`)
    },
    close: () => {},
  }
}

/** A table that stands still and changes, for a person at a terminal; what happened lately scrolls below it. */
export function screenView(out: Out, names: Names): View {
  const recent: string[] = []
  const machines = new Map<string, { rounds: Map<number, string>; score: string; earned: string }>()
  const checkers = new Map<string, { reports: string[]; paid: number; earned: string }>()
  let head = ''
  let access = ''
  const machine = (account: string) => machines.get(account) ?? machines.set(account, { rounds: new Map(), score: '', earned: '' }).get(account)!
  const checker = (account: string) => checkers.get(account) ?? checkers.set(account, { reports: [], paid: 0, earned: '' }).get(account)!
  const name = (account: string) => names.get(account) ?? `${toAddress(toAccountId(account)).slice(0, 10)}…`
  const byName = <T>(accounts: ReadonlyMap<string, T>): [string, T][] => [...accounts].toSorted(([a], [b]) => name(a).localeCompare(name(b), 'en', { numeric: true }))
  const table = (head: string[], rows: string[][]) => {
    const drawn = new Table({ head, style: { head: [], border: [], compact: true } })
    drawn.push(...rows)
    return drawn.toString()
  }
  const draw = () => {
    const rows = out.rows ?? 40
    const width = out.columns ?? 120
    // Wrapped, not cut: the commands and hashes are there to be copied.
    const wrapped = (line: string): string[] => line.match(new RegExp(`.{1,${width}}`, 'g')) ?? ['']
    const body = [
      `Assay devnet   ${head}`,
      access,
      table(['machine', 'round:verdict (proven steps)', 'score (MAC)', 'earned'], byName(machines).map(([account, m]) => [name(account), [...m.rounds].slice(-6).map(([round, verdict]) => `${round}:${verdict}`).join(' '), m.score, m.earned])),
      table(['checker', 'reports', 'paid observations', 'earned'], byName(checkers).map(([account, c]) => [name(account), c.reports.slice(-6).join(' '), String(c.paid), c.earned])),
    ].join('\n').split('\n').flatMap(wrapped)
    const room = Math.max(3, rows - body.length - 1)
    const lines = [...body, ...recent.flatMap(wrapped).slice(-room)]
    out.write(`\u001B[H${lines.map((line) => `${line}\u001B[K`).join('\n')}\u001B[J`)
  }
  out.write('\u001B[2J')
  return {
    show: (event) => {
      if (event.event === 'block') head = `block ${event.number}   round ${event.round ?? '-'}   epoch ${event.epoch ?? '-'}   ${event.phase}`
      if (event.event === 'ready') access = `chain ${event.endpoint}   indexer ${event.indexer}   logs ${event.logs}\njoin: ${event.join}\nfund: ${event.fund}`
      // A round that is not judged yet shows as dots.
      if (event.event === 'eligible') machine(event.machine).rounds.set(event.round, '…')
      if (event.event === 'verdict') machine(event.machine).rounds.set(event.round, event.outcome === 'PASS' ? `PASS(${event.steps})` : event.outcome)
      if (event.event === 'report') checker(event.checker).reports.push(`${event.round}:#${event.block}`)
      if (event.event === 'observations') checker(event.checker).paid += event.paid
      if (event.event === 'score') {
        if (event.kind === 'machine') Object.assign(machine(event.account), { score: event.score, earned: formatAmount(BigInt(event.earned)) })
        else checker(event.account).earned = formatAmount(BigInt(event.earned))
      }
      const text = sentence(event, names)
      if (text !== undefined && event.event !== 'ready') recent.push(...text.split('\n'))
      recent.splice(0, Math.max(0, recent.length - 200))
      draw()
    },
    close: () => void out.write('\n'),
  }
}
