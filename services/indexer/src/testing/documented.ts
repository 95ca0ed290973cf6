// Holds answers against the OpenAPI document that the server gives of itself.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

interface Response { description: string, content?: { 'application/json'?: { schema: object } } }
interface Operation { operationId: string, summary: string, tags: string[], responses: Record<string, Response> }
export interface Document { paths: Record<string, { get: Operation }>, components: { schemas: Record<string, object> } }

export class Documented {
  readonly #document: Document
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true })

  readonly #checks = new Map<string, ValidateFunction>()

  constructor(document: Document) {
    this.#document = document
    this.#ajv.addSchema({ $id: 'document', components: document.components })
  }

  get paths(): string[] {
    return Object.keys(this.#document.paths)
  }

  get operations(): Operation[] {
    return Object.values(this.#document.paths).map(({ get }) => get)
  }

  /** What is wrong with the answer to a URL, by the document; errors of paths that are none are like all errors. */
  faults(url: string, status: number, body: unknown): string[] {
    const path = url.split('?')[0]!
    // A path without parameters goes before one with.
    const found = this.paths.toSorted((a, b) => Number(a.includes('{')) - Number(b.includes('{'))).find((template) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path))
    const schema = found === undefined ? (status === 404 ? { $ref: '#/components/schemas/Error' } : undefined) : this.#document.paths[found]!.get.responses[status]?.content?.['application/json']?.schema
    if (!schema) return [`the document knows no ${status} of ${path}`]
    const key = `${found} ${status}`
    const check = this.#checks.get(key) ?? this.#ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"document#/components')) as object)
    this.#checks.set(key, check)
    return check(body) ? [] : (check.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  }
}
