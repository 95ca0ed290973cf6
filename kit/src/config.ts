// One schema is the type, the check and the help text of a program's configuration.
import { readFileSync } from 'node:fs'
import type { Static, TObject, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { OperatorError } from './lifecycle.ts'

export interface ConfigSources {
  /** parsed command line options by field name; undefined ones count as not given */
  flags?: Record<string, unknown>
  env?: Record<string, string | undefined>
  /** first part of the environment names; default ASSAY */
  prefix?: string
  /** path of a JSON file with the fields */
  file?: string | undefined
}

export interface ConfigField { name: string, flag: string, env: string, description: string, required: boolean, default: unknown }

type Source = { value: unknown, from: string }

/**
 * Reads a configuration: flags before environment before file before the schema's defaults; texts are turned into the schema's types, a list is
 * comma-separated. Throws OperatorError CONFIG that names each wrong field, where it came from and what it is for; the value too, unless the field is marked `secret: true`.
 * @example loadConfig(Type.Object({ port: Type.Integer({ default: 0, description: 'port to listen on' }) }), { env: { ASSAY_PORT: '9000' } }) // { port: 9000 }
 */
export function loadConfig<S extends TObject>(schema: S, sources: ConfigSources): Static<S> {
  const fields = describeConfig(schema, sources.prefix)
  const file = sources.file === undefined ? {} : readConfigFile(sources.file)
  const problems: string[] = []
  for (const name of Object.keys(file)) if (!(name in schema.properties)) problems.push(`${name} (in ${sources.file}) is not a setting; known are ${Object.keys(schema.properties).join(', ')}`)
  for (const [name, value] of Object.entries(sources.flags ?? {})) if (value !== undefined && !(name in schema.properties)) problems.push(`--${kebab(name)} is not a setting`)

  const raw: Record<string, unknown> = {}
  const origin = new Map<string, string>()
  for (const field of fields) {
    const found = firstGiven([
      { value: sources.flags?.[field.name], from: field.flag },
      { value: emptyIsUnset(sources.env?.[field.env]), from: field.env },
      { value: file[field.name], from: `${field.name} in ${sources.file}` },
    ])
    if (!found) continue
    origin.set(field.name, found.from)
    raw[field.name] = isArray(schema.properties[field.name]) && typeof found.value === 'string' ? found.value.split(',').map((part) => part.trim()).filter((part) => part !== '') : found.value
  }
  const value = Value.Convert(schema, Value.Default(schema, raw)) as Record<string, unknown>
  for (const field of fields) {
    const property = schema.properties[field.name] as TSchema
    if (value[field.name] === undefined) {
      if (field.required) problems.push(`${field.name} is missing (${field.description}): give ${field.flag} or ${field.env}`)
    } else if (!Value.Check(property, value[field.name])) {
      problems.push(`${field.name} = ${isSecret(property) ? '(hidden)' : JSON.stringify(value[field.name])} (from ${origin.get(field.name) ?? 'its default'}) ${fault(property, value[field.name])} (${field.description})`)
    }
  }
  if (problems.length > 0) throw new OperatorError('CONFIG', `the configuration is wrong: ${problems.join('; ')}`, { advice: 'Correct the settings named above and start again.' })
  return value as Static<S>
}

/** The settings of a schema with their flag, environment name, help text and default, for `--help` and the docs. */
export function describeConfig(schema: TObject, prefix = 'ASSAY'): ConfigField[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties).map(([name, property]) => {
    const notes = property as { description?: string, default?: unknown }
    return { name, flag: `--${kebab(name)}`, env: `${prefix}_${kebab(name).replaceAll('-', '_').toUpperCase()}`, description: notes.description ?? name, required: required.has(name) && notes.default === undefined, default: notes.default }
  })
}

function readConfigFile(path: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new OperatorError('CONFIG_FILE', `the configuration file ${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, { advice: 'Check the path and its permissions.', cause })
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    throw new OperatorError('CONFIG_FILE', `the configuration file ${path} is not JSON (${(cause as Error).message})`, { advice: 'Write one JSON object with the settings as its fields.', cause })
  }
  throw new OperatorError('CONFIG_FILE', `the configuration file ${path} does not hold one JSON object`, { advice: 'Write one JSON object with the settings as its fields.' })
}

function fault(schema: TSchema, value: unknown): string {
  const choices = (schema as { anyOf?: { const?: unknown }[] }).anyOf
  if (choices) return `must be one of ${choices.map((choice) => String(choice.const)).join(', ')}`
  return Value.Errors(schema, value)[0]?.message ?? 'is not valid'
}

const firstGiven = (sources: Source[]): Source | undefined => sources.find((source) => source.value !== undefined)
const emptyIsUnset = (text: string | undefined): string | undefined => (text === '' ? undefined : text)
const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const isSecret = (schema: TSchema): boolean => (schema as { secret?: boolean }).secret === true
const isArray = (schema: TSchema | undefined): boolean => (schema as { type?: string } | undefined)?.type === 'array'
