// DID documents, found again among the stored events by the hash that was anchored.
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { toHex, type AccountId, type Crypto, type Hash } from '@assay/protocol'
import { readDocument } from '@assay/runtime-bindings'
import { decodeEvents } from '../follow.ts'
import type { Tables } from '../tables.ts'
import { ApiError } from './errors.ts'
import { Bytes, component, Hash as HashShape, Height, nullable } from './shapes.ts'

const Text = Type.String({ description: 'written by a stranger: show it as text; empty: it lacks this' })
const Readable = component('DidDocument', Type.Object({
  id: Text,
  controller: Text,
  verificationMethods: Type.Array(Type.Object({ id: Text, type: Text, controller: Text, publicKeyMultibase: Text })),
  signature: nullable(Type.Object({ type: Text, issuer: Text, hash: Text })),
  services: Type.Array(Type.Object({ id: Text, type: Text, serviceEndpoint: Text, data: Text })),
  authentications: Type.Array(Text),
}, { description: 'a DID document of peaq, as somebody wrote it' }))

export const DocumentShape = component('Document', Type.Object({
  account: HashShape,
  hash: Type.String({ ...HashShape, description: 'blake2b-256 of the bytes: what the account anchored' }),
  block: Height,
  document: Type.Unsafe<Static<typeof Readable> | null>({ ...nullable(Readable), description: 'what the bytes say; null: they cannot be read as a DID document' }),
  bytes: Type.String({ ...Bytes, description: 'the document as protobuf, as it stands on chain: written by a stranger, so parse it with care and show it as text' }),
}))

/** The document of an identity that counts. Throws ApiError NO_DOCUMENT. */
export async function documentOf(db: Kysely<Tables>, crypto: Crypto, { account, anchor, block }: { account: AccountId, anchor: Hash | null, block: number | null }): Promise<Static<typeof DocumentShape>> {
  if (anchor === null || block === null) throw new ApiError('NO_DOCUMENT', `${account} has no identity that counts`)
  const rows = await db.selectFrom('events').select('data').where('block', '=', block).orderBy('position').execute()
  for (const event of rows.flatMap(({ data }) => decodeEvents(data))) {
    if (event.kind === 'attribute' && toHex(crypto.blake2b256(event.value)) === anchor) return { account, hash: anchor, block, document: readDocument(event.value), bytes: toHex(event.value) }
  }
  throw new ApiError('NO_DOCUMENT', `the block of the identity of ${account} is not in the database`)
}
