// Holds answers against the OpenAPI document that the server gives of itself.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

interface Response { description: string, content?: { 'application/json'?: { schema: object } } }
interface Parameter { name: string, description?: string }
interface Operation { parameters?: Parameter[], operationId: string, summary: string, tags: string[], responses: Record<string, Response> }
export interface Document { paths: Record<string, { get: Operation }>, components: { schemas: Record<string, object> } }

interface Words { $ref?: string, description?: string, enum?: unknown[], anyOf?: Words[], items?: Words, properties?: Record<string, Words> }

/** Whether a reader is told what something is: in words, by the values that it may have, by a name that says it, or by its parts. */
const isSaid = ({ $ref, description, enum: values, anyOf = [], items, properties }: Words): boolean => [$ref, description, values, properties].some((part) => part !== undefined) || anyOf.some(isSaid) || (items !== undefined && isSaid(items))

/** The properties of schemas, and of what is in them, of which nothing is said. */
export function unsaid(schemas: Readonly<Record<string, object>>): string[] {
  const within = (schema: Words, name: string): string[] => [
    ...Object.entries(schema.properties ?? {}).flatMap(([key, of]) => [...(isSaid(of) ? [] : [`${name}.${key}`]), ...within(of, `${name}.${key}`)]),
    ...[...(schema.anyOf ?? []), ...(schema.items ? [schema.items] : [])].flatMap((part) => within(part, name)),
  ]
  return Object.entries(schemas).flatMap(([name, schema]) => within(schema as Words, name))
}

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

  /** What it says nothing of: properties and parameters. */
  get unsaid(): string[] {
    return [...unsaid(this.#document.components.schemas), ...this.operations.flatMap(({ operationId, parameters = [] }) => parameters.filter(({ description }) => description === undefined).map(({ name }) => `${operationId} ${name}`))]
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
