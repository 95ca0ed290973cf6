// One schema is the type, the check and the help text of a program's configuration.
import type { Static, TObject, TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { readSettings } from './config-file.ts'
import { OperatorError } from './lifecycle.ts'

export interface ConfigSources {
  /** parsed command line options by field name; undefined ones count as not given */
  flags?: Record<string, unknown>
  env?: Record<string, string | undefined>
  /** first part of the environment names; default ASSAY */
  prefix?: string
  /** path of a YAML or JSON file with the fields; else that of `<PREFIX>_CONFIG` in the environment */
  file?: string | undefined
  /** a schema whose settings may stand in the file too and are passed over: those of a service, where a command of it takes a few */
  fileMayHold?: TObject | undefined
}

/** `path`: the setting names a file or folder. `secret`: its value is shown nowhere and is no flag's. */
export interface ConfigField { name: string, flag: string, env: string, description: string, required: boolean, default: unknown, path: boolean, secret: boolean }

type Source = { value: unknown, from: string }

/**
 * Reads a configuration: flags before environment before file before the schema's defaults; texts are turned into the schema's types, a list is
 * comma-separated. Throws OperatorError CONFIG that names each wrong field, where it came from and what it is for; the value too, unless the field is marked `secret: true`.
 * @example loadConfig(Type.Object({ port: Type.Integer({ default: 0, description: 'port to listen on' }) }), { env: { ASSAY_PORT: '9000' } }) // { port: 9000 }
 */
export function loadConfig<S extends TObject>(schema: S, sources: ConfigSources): Static<S> {
  const fields = describeConfig(schema, sources.prefix)
  const path = sources.file ?? emptyIsUnset(sources.env?.[`${sources.prefix ?? 'ASSAY'}_CONFIG`])
  const file = path === undefined ? undefined : readSettings(path)
  const problems: string[] = []
  const known = { ...sources.fileMayHold?.properties, ...schema.properties }
  for (const name of file?.values.keys() ?? []) if (!Object.hasOwn(known, name)) problems.push(`${name} (in ${file!.place(name)}) is not a setting; known are ${Object.keys(known).join(', ')}`)
  for (const [name, value] of Object.entries(sources.flags ?? {})) if (value !== undefined && !Object.hasOwn(schema.properties, name)) problems.push(`--${kebab(name)} is not a setting`)

  const raw: Record<string, unknown> = {}
  const origin = new Map<string, string>()
  for (const field of fields) {
    const found = firstGiven([
      { value: sources.flags?.[field.name], from: field.flag },
      { value: emptyIsUnset(sources.env?.[field.env]), from: field.env },
      { value: file?.values.get(field.name), from: `${field.name} in ${file?.place(field.name)}` },
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
    const notes = property as { description?: string, default?: unknown, path?: boolean }
    return { name, flag: `--${kebab(name)}`, env: `${prefix}_${kebab(name).replaceAll('-', '_').toUpperCase()}`, description: notes.description ?? name, required: required.has(name) && notes.default === undefined, default: notes.default, path: notes.path === true, secret: isSecret(property) }
  })
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
