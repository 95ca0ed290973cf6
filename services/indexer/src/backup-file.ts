// The file of a backup: gzip over lines of JSON. A header; for each table its columns and then its rows; at the end their number and the SHA-256 of all lines before.
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { isOperatorError, OperatorError } from '@assay/kit/lifecycle'
import { migrations } from './migrations.ts'

/** The version of the format that is written. */
export const FORMAT = 1
/** The first schema that had backups. */
const OLDEST = '0004'
/** Longest line that is read: a piece of evidence in base64 is far below. */
const LINE_BYTES = 2 ** 26

const Hex32 = Type.String({ pattern: '^0x[0-9a-f]{64}$' })
const Header = Type.Object({
  assay: Type.Literal('backup'),
  format: Type.Integer(),
  network: Hex32,
  genesis: Hex32,
  schema: Type.String({ pattern: '^[0-9]{4}$' }),
  head: Type.Union([Type.Null(), Type.Object({ number: Type.Integer({ minimum: 0 }), hash: Hex32 }, { additionalProperties: false })]),
  epoch: Type.Union([Type.Null(), Type.Integer({ minimum: 0 })], { description: 'the last one scored' }),
}, { additionalProperties: false })
export type BackupHeader = Static<typeof Header>

const TableLine = Type.Object({ table: Type.String(), columns: Type.Array(Type.String({ pattern: '^[a-z_]{1,40}$' }), { minItems: 1, maxItems: 100 }) }, { additionalProperties: false })
const EndLine = Type.Object({ end: Type.Object({ rows: Type.Integer({ minimum: 0 }), sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }) }, { additionalProperties: false }) }, { additionalProperties: false })
/** A value of a row: numbers up to 2^53 and texts as they are, amounts as decimal text, bytes as base64. */
const Cell = Type.Union([
  Type.Null(), Type.Boolean(), Type.Integer(), Type.String(), Type.Array(Type.Union([Type.Integer(), Type.String()])),
  Type.Object({ n: Type.String({ pattern: '^-?[0-9]{1,40}$' }) }, { additionalProperties: false }),
  Type.Object({ b: Type.String({ pattern: '^[A-Za-z0-9+/]*={0,2}$' }) }, { additionalProperties: false }),
])
const ROWS = Compile(Type.Array(Cell, { maxItems: 100 }))

/** Rows of one table, with its columns. */
export interface Portion { table: string, columns: string[], rows: unknown[][] }

/** Bytes of lines after which a portion ends, however few rows it has: a file may hold any. */
const PORTION_BYTES = 2 ** 24

/** Rows of a portion; of evidence few, for they are long. */
export const portionOf = (table: string): number => (table === 'evidence' ? 20 : 1000)

/** Writes a backup that appears whole or not at all. Throws OperatorError BACKUP_FILE if the disk refuses, and what `portions` throws. */
export async function writeBackup(file: string, header: BackupHeader, portions: AsyncIterable<Portion>, signal: AbortSignal): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await pipeline(Readable.from(linesOf(header, portions)), createGzip(), createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }), { signal })
    await rename(temporary, file)
  } catch (cause) {
    await rm(temporary, { force: true })
    const { code, syscall } = cause as NodeJS.ErrnoException
    if (syscall === undefined) throw cause
    throw new OperatorError('BACKUP_FILE', `the backup ${file} cannot be written (${code})`, { advice: 'Choose a folder that exists, that this user may write, and that has room.', cause })
  }
}

async function* linesOf(header: BackupHeader, portions: AsyncIterable<Portion>): AsyncGenerator<string> {
  const hash = createHash('sha256')
  const line = (value: unknown): string => {
    const text = `${JSON.stringify(value, encodeCell)}\n`
    hash.update(text)
    return text
  }
  let rows = 0
  let current: string | undefined
  yield line(header)
  for await (const { table, columns, rows: some } of portions) {
    if (table !== current) yield line({ table: (current = table), columns })
    for (const row of some) yield line(row)
    rows += some.length
  }
  yield `${JSON.stringify({ end: { rows, sha256: hash.digest('hex') } })}\n`
}

const encodeCell = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? { n: String(value) } : value instanceof Uint8Array ? { b: Buffer.from(value).toString('base64') } : value)

/** The header of a backup. Throws OperatorError BACKUP if the file is none, or of a later version. */
export async function readHeader(file: string): Promise<BackupHeader> {
  for await (const { header } of readBackup(file, [])) return header
  throw noBackup(file, 'it is empty')
}

/** A backup in portions of rows, of the first of which there is only the header. `tables` are those that it may have, in their order. Verifies lines as they come, and the checksum before it ends. Throws OperatorError BACKUP. */
export async function* readBackup(file: string, tables: readonly string[]): AsyncGenerator<{ header: BackupHeader, portion?: Portion }> {
  const hash = createHash('sha256')
  let header: BackupHeader | undefined
  let current: { table: string, columns: string[] } | undefined
  let rows: unknown[][] = []
  let size = 0
  let count = 0
  let ended = false
  for await (const line of linesIn(file)) {
    if (ended) throw noBackup(file, 'something follows its end')
    const value = parseLine(file, line)
    if (!header) {
      header = parseHeader(file, value)
      yield { header }
    } else if (ROWS.Check(value)) {
      if (!current || value.length !== current.columns.length) throw noBackup(file, `row ${count + 1} fits no table`)
      count++
      rows.push(value.map(decodeCell))
      size += line.length
      if (rows.length === portionOf(current.table) || size > PORTION_BYTES) {
        yield { header, portion: { ...current, rows: rows.splice(0) } }
        size = 0
      }
    } else {
      if (current && rows.length > 0) yield { header, portion: { ...current, rows: rows.splice(0) } }
      if (Value.Check(TableLine, value)) {
        if (!tables.includes(value.table) || tables.indexOf(value.table) <= (current ? tables.indexOf(current.table) : -1)) throw noBackup(file, `it has a table ${value.table.slice(0, 40)} where none may be`)
        current = value
      } else if (Value.Check(EndLine, value)) {
        if (value.end.rows !== count || value.end.sha256 !== hash.digest('hex')) throw noBackup(file, 'its checksum is wrong: it is damaged or was changed')
        ended = true
      } else throw noBackup(file, 'a line of it is neither row nor table')
    }
    if (!ended) hash.update(line).update('\n')
  }
  if (!header) throw noBackup(file, 'it is empty')
  if (!ended) throw noBackup(file, 'its end is missing')
}

function parseLine(file: string, line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8')) as unknown
  } catch (cause) {
    throw noBackup(file, 'a line of it is no JSON', cause)
  }
}

function parseHeader(file: string, value: unknown): BackupHeader {
  if (!Value.Check(Header, value)) throw noBackup(file, 'it does not begin as one')
  if (value.format !== FORMAT || value.schema < OLDEST || !(value.schema in migrations)) throw noBackup(file, `its format ${value.format} with schema ${value.schema} is not known to this version of the program`)
  return value
}

function decodeCell(cell: Static<typeof Cell>): unknown {
  if (cell === null || typeof cell !== 'object' || Array.isArray(cell)) return cell
  return 'n' in cell ? BigInt(cell.n) : new Uint8Array(Buffer.from(cell.b, 'base64'))
}

/** Lines of a packed file, each within bounds before it is held. */
async function* linesIn(file: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = []
  let size = 0
  try {
    const unpacked = createGunzip()
    const reading = pipeline(createReadStream(file), unpacked).catch(() => {}) // the loop below throws it too
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      let rest = chunk
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        yield Buffer.concat([...parts, rest.subarray(0, end)])
        rest = rest.subarray(end + 1)
        parts = []
        size = 0
      }
      size += rest.length
      if (size > LINE_BYTES) throw noBackup(file, `a line of it is longer than ${LINE_BYTES} bytes`)
      if (rest.length > 0) parts.push(rest)
    }
    await reading
  } catch (cause) {
    if (isOperatorError(cause)) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    throw noBackup(file, `it cannot be read (${code ?? message})`, cause)
  }
  if (size > 0) throw noBackup(file, 'its end is missing')
}

/** What a file that cannot be restored is refused with. */
export const noBackup = (file: string, why: string, cause?: unknown): OperatorError => new OperatorError('BACKUP', `${file} is no backup that can be restored: ${why}`, { advice: 'Nothing was changed. Take another backup, or start with an empty database: everything is read from the chain again.', cause })
