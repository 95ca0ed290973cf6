// What the programs keep, read after they have ended: whether it is whole, and whether all that was promised is in it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { observationsOf } from '@assay/checker/report'
import { Store } from '@assay/checker/store'
import { openDatabase } from '@assay/indexer/database'
import { type AccountId, blobId, decodeCommitmentBlob, decodeManifest, type Hash } from '@assay/protocol'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import type { Service } from '../chaos-net.ts'

/** A machine's word that a checker acknowledged its commitment or its openings of a round. */
export interface Receipt {
  machine: Service
  round: number
  checker: AccountId
  id: Hash
}

/** The receipts that machines told (at debug). */
export function receiptsOf(machines: readonly Service[]): Receipt[] {
  return machines.flatMap((machine) => machine.told.flatMap((line) => (line.event === 'receipt taken' ? [{ machine, round: Number(line['round']), checker: line['checker'] as AccountId, id: line['hash'] as Hash }] : [])))
}

/** What became of what a checker acknowledged. */
export interface Kept {
  receipts: number
  /** Receipts of commitments that the checker's report and package name. */
  reported: number
  /** Of commitments that the checker holds and reported nothing of: its stopwatch was cut short, or its report missed. */
  unreported: Receipt[]
  /** One sentence each. */
  lost: string[]
}

/** Holds the receipts against what the checkers, which have ended, keep. */
export function keptOf(network: AccountId, checkers: readonly Service[], receipts: readonly Receipt[]): Kept {
  const kept: Kept = { receipts: receipts.length, reported: 0, unreported: [], lost: [] }
  for (const checker of checkers) {
    const store = new Store(checker.dir, { network, account: checker.account })
    try {
      for (const receipt of receipts.filter((one) => one.checker === checker.account)) {
        const { round, machine, id } = receipt
        const lost = (what: string): void => void kept.lost.push(`${checker.name} acknowledged ${id} of ${machine.name} in round ${round}, and ${what}`)
        if (!isBlob(checker, id) && !isWhole(id, store.unpublished(round, id))) lost('has it no more')
        if (store.openings(round).get(machine.account)?.id === id) continue
        if (!(store.commitments(round).get(machine.account) ?? []).some((held) => held.id === id)) {
          lost('its store does not know it')
          continue
        }
        const report = store.report(round)
        const seen = report && observationsOf(report).find((one) => one.machine === machine.account)
        if (seen === undefined) {
          kept.unreported.push(receipt)
          continue
        }
        if (seen.outcome !== 'RAN' || seen.commitment !== id) lost(`reported ${seen.outcome} ${seen.commitment}`)
        const root = store.package(round, checker.account)?.root
        const evidence = root && decodeManifest(readFileSync(pathOf(checker, root))).evidence.find((one) => one.machine === machine.account)
        // A round that is not over has no package yet, and one in which the checker was away until the next report never gets one.
        if (root !== undefined && evidence?.commitments.some((ref) => ref.id === id) !== true) lost('its package does not hold it')
        kept.reported++
      }
    } finally {
      store.close()
    }
  }
  return kept
}

/** Machines of whom checkers hold two commitments of a round, or others than each other, or than the machine keeps itself; one sentence each. */
export function contradictionsOf(checkers: readonly Service[], machines: readonly Service[]): string[] {
  const held = new Map<string, Set<string>>()
  const add = (machine: AccountId, round: number, id: string): void => {
    const key = `${machines.find(({ account }) => account === machine)?.name ?? machine} signed in round ${round}`
    held.set(key, (held.get(key) ?? new Set()).add(id))
  }
  for (const { dir } of checkers) {
    using db = new DatabaseSync(join(dir, 'checker.db'), { readOnly: true })
    for (const { round, machine, id } of db.prepare('SELECT round, machine, id FROM commitments').all() as { round: number; machine: AccountId; id: string }[]) add(machine, round, id)
  }
  for (const { dir, account } of machines) for (const { round, path } of signedOf(dir)) add(account, round, blobId(crypto, readFileSync(path)))
  return [...held].filter(([, ids]) => ids.size > 1).map(([what, ids]) => `${what}: ${[...ids].join(', ')}`)
}

/** What is wrong with a checker's files, one sentence each. */
export function faultsOfChecker(checker: Service): string[] {
  using db = new DatabaseSync(join(checker.dir, 'checker.db'))
  const wrong = (db.prepare('PRAGMA integrity_check').all() as { integrity_check: string }[]).filter(({ integrity_check: said }) => said !== 'ok').map(({ integrity_check: said }) => `the database of ${checker.name}: ${said}`)
  const named = db.prepare('SELECT id FROM commitments UNION SELECT id FROM openings UNION SELECT id FROM published').all() as { id: Hash }[]
  const waiting = new Set((db.prepare('SELECT id, bytes FROM unpublished').all() as { id: Hash; bytes: Uint8Array }[]).filter(({ id, bytes }) => isWhole(id, bytes)).map(({ id }) => id))
  return [...wrong, ...named.filter(({ id }) => !isBlob(checker, id) && !waiting.has(id)).map(({ id }) => `${checker.name} names the blob ${id} and has it not, or not whole`)]
}

/** The same of a machine: what it signed is whole, with the facts that it names. */
export function faultsOfMachine(machine: Service): string[] {
  return signedOf(machine.dir).flatMap(({ round, path }) => {
    try {
      const { commitment } = decodeCommitmentBlob(crypto, readFileSync(path))
      readFileSync(path.replace(/commitment$/, 'facts'))
      return commitment.round === round ? [] : [`${machine.name} keeps a commitment of round ${commitment.round} under round ${round}`]
    } catch (error) {
      return [`what ${machine.name} signed in round ${round}: ${String(error)}`]
    }
  })
}

/** Files that a program was about to put in place when it was killed. */
export const leftovers = (dir: string): string[] => readdirSync(dir, { recursive: true }).map(String).filter((path) => /\.(?:tmp|new|stale)$|(?:^|\/)lock\.[0-9a-f]{12}$/.test(path))

/** Of an index all that is a matter of the chain and not of when this program read it. */
const OF_THE_CHAIN = {
  blocks: ['number', 'hash', 'parent_hash', 'relay_root'],
  rounds: ['round', 'epoch', 'state'],
  verdicts: null, observations: null, round_checkers: null, leaves: null, scores: null, payouts: null, machines: null, round_totals: null,
  epochs: ['epoch', 'root', 'statement', 'pool', 'paid', 'carried', 'remainder', 'chain_state', 'chain_block', 'chain_bytes'],
} as const

/** Rows of two indexers that differ, which have ended at the same block; one sentence a table. */
export async function indexesDiffer([one, other]: readonly [Service, Service], owner: { network: AccountId; genesisHash: Hash }): Promise<{ rows: number; faults: string[] }> {
  const [a, b] = [await rowsOf(one, owner), await rowsOf(other, owner)]
  const faults = Object.keys(OF_THE_CHAIN).flatMap((table) => {
    const [left, right] = [new Set(a[table]), new Set(b[table])]
    const only = [...left].filter((row) => !right.has(row))
    const missing = [...right].filter((row) => !left.has(row))
    const repeated = a[table]!.length - left.size
    if (only.length + missing.length + repeated === 0) return []
    return [`${table}: ${only.length} rows of ${one.name} are not in ${other.name}, ${missing.length} are missing, ${repeated} are repeated; the first: ${only[0] ?? missing[0]}`]
  })
  return { rows: Object.values(a).reduce((sum, rows) => sum + rows.length, 0), faults }
}

async function rowsOf({ dir }: Service, owner: { network: AccountId; genesisHash: Hash }): Promise<Record<string, string[]>> {
  const { db, close } = await openDatabase({ dir, owner })
  try {
    const tables = await Promise.all(
      Object.entries(OF_THE_CHAIN).map(async ([table, columns]) => {
        const rows = (await db.selectFrom(table as 'blocks').selectAll().execute()) as unknown as Record<string, unknown>[]
        return [table, rows.map((row) => JSON.stringify(Object.fromEntries((columns ?? Object.keys(row).toSorted()).map((column) => [column, textOf(row[column])]))))] as const
      }),
    )
    return Object.fromEntries(tables)
  } finally {
    await close()
  }
}

const textOf = (value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value)

function signedOf(dir: string): { round: number; path: string }[] {
  return readdirSync(join(dir, 'signed'), { recursive: true }).flatMap((path) => {
    const [, round] = /(?:^|\/)(\d+)\.commitment$/.exec(String(path)) ?? []
    return round === undefined ? [] : [{ round: Number(round), path: join(dir, 'signed', String(path)) }]
  })
}

const pathOf = ({ dir }: Service, id: Hash): string => join(dir, 'blobs', id.slice(2, 4), id.slice(2))

/** Until its package is made, a commitment's bytes are in the checker's database. */
const isWhole = (id: Hash, bytes: Uint8Array | undefined): boolean => bytes !== undefined && blobId(crypto, bytes) === id

function isBlob(checker: Service, id: Hash): boolean {
  try {
    return isWhole(id, readFileSync(pathOf(checker, id)))
  } catch {
    return false
  }
}
