// PGlite lives in this thread: a query takes the whole thread, and on the main one neither timers nor HTTP would run meanwhile.
import { setFlagsFromString } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { openDurable } from './database-durable.ts'
import type { Answer, Request, Told, WorkerData } from './database-embedded.ts'

// V8 would compile the busiest of PostgreSQL's functions once more: while it does that it takes more memory than all the rest of an indexer, and it spares little of a query's time.
for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']) setFlagsFromString(flag)

const INT8 = 20
const NUMERIC = 1700
const BYTEA = 17
const port = parentPort!
const { dir, channel } = workerData as WorkerData

const postgres = await openDurable(dir, {
  // int8 holds block numbers and counts (safe integers); numeric holds amounts and work, which are whole numbers of up to 128 bits.
  parsers: { [INT8]: Number, [NUMERIC]: BigInt },
  // Bytes go as they are: written as text in JavaScript they cost more than PostgreSQL takes to store them.
  // (PGlite's types know text only.)
  serializers: { [INT8]: String, [NUMERIC]: String, [BYTEA]: ((bytes: Uint8Array) => bytes) as unknown as (bytes: Uint8Array) => string },
})

/** PostgreSQL's process that writes pages out and lets the log before them go is not among what runs here: without that the log only grows. */
const LOG_BYTES = 16 << 20
const COMMITS_A_LOOK = 64
let commits = 0
async function shortenLog(): Promise<void> {
  const { rows } = await postgres.query<{ bytes: bigint }>('select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn) as bytes from pg_control_checkpoint()')
  if (rows[0]!.bytes > LOG_BYTES) await postgres.query('checkpoint')
}

async function perform({ id, query }: Request): Promise<Answer> {
  if (query === null) {
    await postgres.close()
    return { id }
  }
  const { rows, affectedRows } = await postgres.query(query.sql, query.parameters as unknown[])
  if (query.sql === 'commit' && ++commits % COMMITS_A_LOOK === 0) await shortenLog()
  return { id, rows, affectedRows }
}

port.on('message', (request: Request) => {
  perform(request).then(
    (answer) => port.postMessage(answer),
    (error: Error & { code?: string }) => port.postMessage({ id: request.id, error: { message: error.message, code: error.code } } satisfies Answer),
  )
})
await postgres.listen(channel, (changed) => port.postMessage({ changed } satisfies Told))
port.postMessage('open')
