// An indexer's settings: one schema for type, check and help.
import { Type } from 'typebox'
import type { Static } from 'typebox'

export const indexerConfig = Type.Object({
  chain: Type.String({ pattern: '^wss?://.+', description: 'a peaq node: ws:// or wss:// address' }),
  network: Type.String({ minLength: 1, description: 'the network to index: its account, 5… or 0x…' }),
  dataDir: Type.String({ minLength: 1, description: 'folder of the database and of evidence in use; one per network, safe to delete: all of it comes from the chain and the checkers' }),
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  httpPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4630, description: 'port of the API, health and metrics; 0 takes a free one' }),
  corsOrigins: Type.Array(Type.String({ pattern: '^(\\*|https?://.+)$' }), { default: ['*'], description: 'web origins whose pages may read the API, comma-separated; * lets any' }),
  requestsPerMinute: Type.Integer({ minimum: 0, maximum: 10_000_000, default: 6000, description: 'requests a minute of one client (an IPv4 address, or a /64 of IPv6) to this process; 0 sets no limit' }),
  trustProxy: Type.Array(Type.String({ pattern: '^[0-9a-fA-F.:]+(/[0-9]{1,3})?$' }), { default: [], description: 'addresses or networks of reverse proxies whose X-Forwarded-For is believed, comma-separated' }),
  answerTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 10_000, description: 'how long the API works on one answer before it says 503, in milliseconds' }),
  liveClients: Type.Integer({ minimum: 0, maximum: 100_000, default: 1000, description: 'most streams of events (server-sent events and subscriptions) at once; 0 serves none' }),
  liveClientsPerAddress: Type.Integer({ minimum: 1, maximum: 100_000, default: 50, description: 'most streams of events of one client at once' }),
  evidenceUrls: Type.Array(Type.String({ pattern: '^https?://.+' }), { default: [], description: 'further base URLs to ask for evidence, comma-separated, beside those that the checkers registered' }),
  evidenceTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 10_000, description: 'how long one server may take for one piece of evidence, in milliseconds' }),
  stallMs: Type.Integer({ minimum: 1_000, maximum: 3_600_000, default: 60_000, description: 'silence of the chain after which it counts as stalled, in milliseconds' }),
})

export type IndexerConfig = Static<typeof indexerConfig>
