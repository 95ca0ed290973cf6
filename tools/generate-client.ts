// Writes the OpenAPI document and the types of @assay/client, and the GraphQL schema, from the schemas in code: `node tools/generate-client.ts`. The files are checked in; a test says if they are stale.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { graphqlSchema, openApiDocument } from '../services/indexer/src/api/document.ts'
import { typesOf } from '../client/generate.ts'

const client = join(import.meta.dirname, '..', 'client')
/** What the files should hold now, by path. */
export async function generated(): Promise<Map<string, string>> {
  const document = await openApiDocument()
  return new Map([[join(client, 'openapi.json'), `${JSON.stringify(document, null, 1)}\n`], [join(client, 'src', 'schema.ts'), await typesOf(document)], [join(client, '..', 'services', 'indexer', 'schema.graphql'), await graphqlSchema()]])
}

/** Paths of the files that are not as they should be. */
export async function stale(): Promise<string[]> {
  return [...(await generated())].filter(([path, text]) => readFileSync(path, 'utf8') !== text).map(([path]) => path)
}

if (import.meta.main) for (const [path, text] of await generated()) writeFileSync(path, text)
