// The types of the API from its OpenAPI document.
import openapiTS, { astToString } from 'openapi-typescript'

const HEADER = '// Made by tools/generate-client.ts from the OpenAPI document of the indexer; not to be edited.\n'

/** The text of src/schema.ts for a document. */
export async function typesOf(document: Record<string, unknown>): Promise<string> {
  return HEADER + astToString(await openapiTS(JSON.stringify(document)))
}
