// Pages of lists that may grow: a page begins after the last entry of the one before, so nothing is skipped or shown twice however much is added meanwhile.
import { sql, type Expression, type Kysely, type RawBuilder } from 'kysely'
import { Type } from 'typebox'
import type { Static, TProperties, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import type { Tables } from '../tables.ts'
import { ApiError } from './errors.ts'
import { nullable } from './shapes.ts'

/** What a cursor holds: the sort key of the last entry shown. Amounts are text. */
type Key = readonly (string | number)[]

const CURSOR = Type.String({ minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9_-]+$', description: 'where the page begins: `next` of the page before, as it was given; leave it out for the first page' })

/** The query of a list: `limit`, `cursor`, and what else it takes. */
export const pageQuery = <P extends TProperties = {}>(more: P = {} as P, { most = 200, usual = 50 }: { most?: number, usual?: number } = {}) =>
  Type.Object({ limit: Type.Integer({ minimum: 1, maximum: most, default: usual, description: 'most entries of a page' }), cursor: Type.Optional(CURSOR), ...more })

/** The answer of a list. */
export const pageOf = <S extends TSchema>(entry: S) => Type.Object({ items: Type.Array(entry), next: nullable(Type.String({ description: 'cursor of the next page; null: this is the last' })) })

/** A cursor of the list called `list` (its name and sort: another list takes it for no cursor of its own). */
const encodeCursor = (list: string, key: Key): string => Buffer.from(JSON.stringify([list, ...key])).toString('base64url')

/** The key in a cursor, by the schemas of its parts; undefined for the first page. Throws ApiError BAD_CURSOR. */
export function cursorKey<const S extends TSchema[]>(list: string, parts: S, cursor: string | undefined): { [K in keyof S]: Static<S[K]> } | undefined {
  if (cursor === undefined) return undefined
  const [named, ...key] = parsed(cursor)
  if (named === list && key.length === parts.length && parts.every((part, i) => Value.Check(part, key[i]))) return key as { [K in keyof S]: Static<S[K]> }
  throw new ApiError('BAD_CURSOR', 'the cursor is not one that this list gave, with the same sort')
}

function parsed(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** The page of which one row more than `limit` was asked for: that one says that there is a next page. */
export function pageFrom<R, T>(list: string, rows: readonly R[], limit: number, keyOf: (row: R) => Key, shape: (row: R) => T): { items: T[], next: string | null } {
  const shown = rows.slice(0, limit)
  return { items: shown.map(shape), next: rows.length > shown.length ? encodeCursor(list, keyOf(shown.at(-1)!)) : null }
}

/** The columns in which `eachOf` has the parts of a key. */
type KeyColumns<K> = { readonly [P in keyof K]: RawBuilder<K[P]> }

/** Many lists of one kind in one query: for each key the rows of `list`, ordered by `by`, a column of theirs (`list` must order by it too where it has a limit). It is planned once, however many keys there are. */
export async function eachOf<K extends Readonly<Record<string, string | number>>, O extends object>(db: Kysely<Tables>, keys: readonly K[], by: readonly [column: keyof O & string, direction: 'asc' | 'desc'], list: (key: KeyColumns<K>) => Expression<O>): Promise<O[][]> {
  const lists = keys.map((): O[] => [])
  const [first] = keys
  if (first === undefined) return lists
  const names = Object.keys(first)
  const columns = Object.fromEntries(names.map((name) => [name, sql.ref(`wanted.${name}`)])) as unknown as KeyColumns<K>
  const arrays = names.map((name) => sql`${sql.val(keys.map((key) => key[name]))}::${sql.raw(typeof first[name] === 'number' ? 'int8' : 'text')}[]`)
  const { rows } = await sql<O & { parent: number }>`select wanted.at as parent, one.* from unnest(${sql.join(arrays)}) with ordinality as wanted(${sql.join([...names, 'at'].map((name) => sql.id(name)))}) cross join lateral ${list(columns)} as one order by ${sql.ref(`one.${by[0]}`)} ${sql.raw(by[1])}`.execute(db)
  for (const { parent, ...row } of rows) lists[parent - 1]!.push(row as unknown as O)
  return lists
}
