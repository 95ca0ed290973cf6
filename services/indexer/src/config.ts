// An indexer's settings: one schema for type, check and help.
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Place } from './database.ts'
import type { Retention } from './retention.ts'

/** Where the database is. */
const databaseSettings = {
  dataDir: Type.Optional(Type.String({ minLength: 1, path: true, description: 'folder of the embedded database; one per network, safe to delete: all of it comes from the chain and the checkers' })),
  databaseUrl: Type.Optional(Type.String({ pattern: '^postgres(ql)?://.+', secret: true, description: 'a PostgreSQL database instead of a folder, postgres://USER:PASSWORD@HOST:PORT/DATABASE; it is a secret: give it by the environment or a file' })),
  databasePool: Type.Integer({ minimum: 2, maximum: 1000, default: 10, description: 'most connections to PostgreSQL for queries; one more listens' }),
}

/** What is kept for how long. */
const retentionSettings = {
  keepEvidence: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 7, description: 'epochs for which evidence is kept after its own, once the statement on chain agrees' }),
  keepObservations: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description: 'epochs for which single observations are kept after their own, once the statement on chain agrees; 0: for ever' }),
}

export const indexerConfig = Type.Object({
  chain: Type.Optional(Type.String({ pattern: '^wss?://.+', description: 'a peaq node: ws:// or wss:// address; or several, comma-separated: another is used when one is cut off, too slow, or stands still; needed unless --follow is never' })),
  chainTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 30_000, description: 'how long a node may take to answer, ms' }),
  chainRequestsPerSecond: Type.Integer({ minimum: 0, maximum: 100_000, default: 0, description: 'the most requests that each node is sent in a second; 0: no limit' }),
  network: Type.String({ minLength: 1, description: 'the network to index: its account, 5… or 0x…' }),
  ...databaseSettings,
  follow: Type.Union([Type.Literal('auto'), Type.Literal('never')], { default: 'auto', description: 'auto: follow the chain, or where another process of this database does, serve what it writes and take over when it ends; never: only serve' }),
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  httpPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4630, description: 'port of the API, health and metrics; 0 takes a free one' }),
  corsOrigins: Type.Array(Type.String({ pattern: '^(\\*|https?://.+)$' }), { default: ['*'], description: 'web origins whose pages may read the API, comma-separated; * lets any' }),
  requestsPerMinute: Type.Integer({ minimum: 0, maximum: 10_000_000, default: 6000, description: 'requests a minute of one client (an IPv4 address, or a /64 of IPv6) to this process; 0 sets no limit' }),
  openRequests: Type.Integer({ minimum: 0, maximum: 100_000, default: 1000, description: 'most requests that are not wholly answered yet; 0 sets no limit, to one client either' }),
  openRequestsPerAddress: Type.Integer({ minimum: 1, maximum: 100_000, default: 64, description: 'of them one client’s' }),
  connections: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 4000, description: 'most connections, whether or not anything is asked over them; fewer than the files that the process may open; 0 sets no limit, to one client either' }),
  connectionsPerAddress: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 256, description: 'of them one client’s, if it is no trusted proxy' }),
  trustProxy: Type.Array(Type.String({ pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' }), { default: [], description: 'addresses or networks of reverse proxies whose X-Forwarded-For is believed, comma-separated' }),
  answerTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 10_000, description: 'how long the API works on one answer before it says 503, in milliseconds' }),
  liveClients: Type.Integer({ minimum: 0, maximum: 100_000, default: 1000, description: 'most streams of events (server-sent events and subscriptions) at once; 0 serves none' }),
  liveClientsPerAddress: Type.Integer({ minimum: 1, maximum: 100_000, default: 50, description: 'most streams of events of one client at once' }),
  evidenceUrls: Type.Array(Type.String({ pattern: '^https?://.+' }), { default: [], description: 'further base URLs to ask for evidence, comma-separated, beside those that the checkers registered' }),
  evidenceTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 10_000, description: 'how long one server may take for one piece of evidence, in milliseconds' }),
  ...retentionSettings,
  blockUrl: Type.String({ pattern: '^(https?://.+)?$', default: '', description: 'where the explorer links blocks to, with {number} or {hash} in it, such as https://peaq.subscan.io/block/{number}; empty: nowhere' }),
  extrinsicUrl: Type.String({ pattern: '^(https?://.+)?$', default: '', description: 'where the explorer links extrinsics to, with {extrinsic} (such as 4630-2), {number} or {hash} (of its block) in it, such as https://peaq.subscan.io/extrinsic/{extrinsic}; empty: nowhere, they are shown as text' }),
  accountUrl: Type.String({ pattern: '^(https?://.+)?$', default: '', description: 'where the explorer links accounts to, with {address} in it, such as https://peaq.subscan.io/account/{address}; empty: nowhere' }),
  stallMs: Type.Integer({ minimum: 1_000, maximum: 3_600_000, default: 60_000, description: 'silence of the chain after which it counts as stalled, in milliseconds' }),
})

export type IndexerConfig = Static<typeof indexerConfig>

/** Settings of the commands that work on a database and not on a chain. */
export const maintenanceConfig = Type.Object({ ...databaseSettings, ...retentionSettings })

/** The same, with how far a restore goes. */
export const restoreConfig = Type.Object({ ...databaseSettings, epoch: Type.Optional(Type.Integer({ minimum: 0, description: 'restore only what was known when this epoch could be scored; what comes after is read from the chain' })) })

/** What emptying a database asks. */
export const emptyingConfig = Type.Object({ force: Type.Boolean({ default: false, description: 'also where evidence was pruned, which must then be fetched again' }) })

type DatabaseConfig = Pick<IndexerConfig, 'dataDir' | 'databaseUrl' | 'databasePool'>

/** The database that the settings name. Throws OperatorError CONFIG unless it is one. */
export function placeOf({ dataDir, databaseUrl, databasePool }: DatabaseConfig): Place {
  if ((dataDir === undefined) === (databaseUrl === undefined)) throw new OperatorError('CONFIG', `the configuration is wrong: ${dataDir === undefined ? 'neither --data-dir nor --database-url is' : 'both --data-dir and --database-url are'} given`, { advice: 'Give --data-dir (ASSAY_DATA_DIR) for the embedded database, or ASSAY_DATABASE_URL for a PostgreSQL server.' })
  return databaseUrl === undefined ? { dir: dataDir! } : { url: databaseUrl, pool: databasePool }
}

/** The retention that the settings name. */
export const retentionOf = ({ keepEvidence, keepObservations }: Pick<IndexerConfig, 'keepEvidence' | 'keepObservations'>): Retention => ({ evidence: keepEvidence, observations: keepObservations || null })
