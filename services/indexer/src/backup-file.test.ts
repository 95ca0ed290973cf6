import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, expect, it } from 'vitest'
import { readBackup, readHeader, writeBackup, type BackupHeader, type Portion } from './backup-file.ts'
import { LATEST } from './database.ts'

const folder = mkdtempSync(join(tmpdir(), 'assay-backup-file-'))
const file = join(folder, 'backup')
afterAll(() => rmSync(folder, { recursive: true }))

const header: BackupHeader = { assay: 'backup', format: 1, network: `0x${'11'.repeat(32)}`, genesis: `0x${'22'.repeat(32)}`, schema: LATEST, head: { number: 7, hash: `0x${'33'.repeat(32)}` }, epoch: null }
const portions: Portion[] = [
  { table: 'blocks', columns: ['number', 'hash'], rows: [[1, '0x"\n'], [2, null]] },
  { table: 'blocks', columns: ['number', 'hash'], rows: [[3, '']] },
  { table: 'epochs', columns: ['pool', 'bytes', 'list', 'yes'], rows: [[2n ** 128n - 1n, Uint8Array.of(0, 255), ['a', '{"b":"AA=="}'], true]] },
]
const TABLES = ['blocks', 'events', 'epochs']

async function read(): Promise<Portion[]> {
  const all: Portion[] = []
  for await (const { header: read, portion } of readBackup(file, TABLES)) {
    expect(read).toEqual(header)
    if (portion) all.push(portion)
  }
  return all
}

it('gives back what was written, all kinds of values', async () => {
  await writeBackup(file, header, (async function* () { yield* portions })(), new AbortController().signal)
  expect(await readHeader(file)).toEqual(header)
  expect(await read()).toEqual([{ ...portions[0]!, rows: [...portions[0]!.rows, ...portions[1]!.rows] }, portions[2]])
})

it('comes in portions that memory can hold, however long its rows are', async () => {
  const rows = Array.from({ length: 12 }, (_, i) => [i, 'x'.repeat(3_000_000)])
  await writeBackup(file, header, (async function* () { yield { table: 'blocks', columns: ['number', 'hash'], rows } })(), new AbortController().signal)
  const parts = await read()
  expect(parts.flatMap((part) => part.rows.map(([number]) => number))).toEqual(rows.map(([number]) => number))
  expect(Math.max(...parts.map((part) => part.rows.length))).toBeLessThanOrEqual(6)
})

const lines = [JSON.stringify(header), '{"table":"blocks","columns":["number","hash"]}', '[1,"0x"]', '[2,"0x"]', '{"table":"epochs","columns":["pool"]}', '[{"n":"5"}]']
/** Lines with an end that fits them. */
const sound = (body: string[]): string => [...body, JSON.stringify({ end: { rows: body.filter((line) => line.startsWith('[')).length, sha256: createHash('sha256').update(body.map((line) => `${line}\n`).join('')).digest('hex') } }), ''].join('\n')
const whole = sound(lines)
const withHeader = (change: object): string[] => lines.with(0, JSON.stringify({ ...header, ...change }))

it.each<[string, Buffer | string, RegExp]>([
  ['nothing', Buffer.alloc(0), /is empty|cannot be read/],
  ['not packed', Buffer.from('assay'), /cannot be read/],
  ['an empty pack', '', /is empty/],
  ['cut off', gzipSync(whole).subarray(0, 150), /cannot be read \(.*(end of file|Z_BUF_ERROR)/],
  ['cut off before it was packed', whole.slice(0, -20), /end is missing/],
  ['changed', whole.replace('[2,', '[9,'), /checksum is wrong/],
  ['a row less', whole.replace('[2,"0x"]\n', ''), /checksum is wrong/],
  ['no end', `${lines.join('\n')}\n`, /end is missing/],
  ['more after the end', `${whole}[1]\n`, /follows its end/],
  ['no header', sound(lines.slice(1)), /does not begin as one/],
  ['of a later format', sound(withHeader({ format: 2 })), /format 2 .* not known/],
  ['of a later schema', sound(withHeader({ schema: '9999' })), /schema 9999 is not known/],
  ['of a schema before there were backups', sound(withHeader({ schema: '0003' })), /schema 0003 is not known/],
  ['more in its header', sound(withHeader({ more: 1 })), /does not begin as one/],
  ['a table that may not be there', sound(lines.toSpliced(1, 0, '{"table":"pg_authid","columns":["rolname"]}')), /pg_authid where none may be/],
  ['a table twice', sound([...lines, lines[1]!]), /blocks where none may be/],
  ['tables out of order', sound([lines[0]!, lines[4]!, lines[1]!]), /blocks where none may be/],
  ['columns that are no names', sound(lines.with(1, '{"table":"blocks","columns":["a; drop table blocks"]}')), /neither row nor table/],
  ['a row before any table', sound(lines.toSpliced(1, 0, '[1]')), /row 1 fits no table/],
  ['a row too long', sound(lines.with(2, '[1,2,3]')), /row 1 fits no table/],
  ['a value that none is', sound(lines.with(2, '[{"x":1},2]')), /neither row nor table/],
  ['a number that is no whole one', sound(lines.with(2, '[1.5,2]')), /neither row nor table/],
  ['no JSON', sound(lines.with(2, '[1,')), /no JSON/],
  ['a line without an end', gzipSync(Buffer.alloc(2 ** 26 + 2 ** 20, '[')), /longer than/],
])('refuses in one sentence: %s', async (_, content, why) => {
  writeFileSync(file, typeof content === 'string' ? gzipSync(content) : content)
  await expect(read()).rejects.toMatchObject({ code: 'BACKUP', message: why })
})
