// A checker's settings: one schema for type, check and help.
import { Type } from 'typebox'
import type { Static } from 'typebox'

export const checkerConfig = Type.Object({
  chain: Type.String({ pattern: '^wss?://.+', description: 'a peaq node: ws:// or wss:// address' }),
  network: Type.String({ minLength: 1, description: 'the network to check for: its account, 5… or 0x…' }),
  dataDir: Type.String({ minLength: 1, description: 'folder of the keys, the database and the evidence; one per network' }),
  passwordFile: Type.String({ minLength: 1, description: 'file whose first line is the password of the keys' }),
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  channelPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4610, description: 'port that machines dial; 0 takes a free one, but a port that changes means a new registration' }),
  httpPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4611, description: 'port of evidence, health and metrics; 0 takes a free one' }),
  publicHost: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'name or address under which others reach this checker; default: host' })),
  evidenceUrl: Type.Optional(Type.String({ pattern: '^https?://[!-~]{1,110}$', description: 'base URL of the evidence as others see it, for a proxy; default: http://publicHost:httpPort' })),
  members: Type.Optional(Type.Array(Type.String(), { description: 'accounts of the settlement committee, comma-separated; default: those who got the checker role with the network’s creation' })),
})

export type CheckerConfig = Static<typeof checkerConfig>
