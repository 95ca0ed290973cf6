// A file of settings: one object, in YAML or JSON, read with bounds before anything of it is believed.
import { closeSync, openSync, readSync } from 'node:fs'
import { CST, isMap, isScalar, isSeq, Lexer, LineCounter, parseAllDocuments, stringify, type YAMLMap } from 'yaml'
import type { ConfigField } from './config.ts'
import { OperatorError } from './lifecycle.ts'

/** Far more than all settings of a service with their comments. */
const MOST_BYTES = 1 << 16

export interface SettingsFile {
  /** In YAML all single values are texts, as in the environment; the schema turns them into its types. */
  values: ReadonlyMap<string, unknown>
  /** where a setting stands, for messages: `assay.yaml line 3` */
  place(name: string): string
}

/**
 * Reads `path`: JSON if its name ends in .json or its text begins with {, else YAML. Throws OperatorError CONFIG_FILE with the file and, where there is one, the line.
 * Of YAML it takes what settings need: no anchors, aliases, tags, directives or second documents, and no key twice.
 */
export function readSettings(path: string): SettingsFile {
  const text = readBounded(path)
  return path.endsWith('.json') || text.trimStart().startsWith('{') ? readJson(path, text) : readYaml(path, text)
}

/**
 * A file of settings for people to edit: each setting with what it is for, those in `values` and those that must be given as they count, all others behind a #.
 * @example settingsText([port], { values: {}, title: 'Settings' }) // '# Settings\n\n# port to listen on (default 4620) [ASSAY_PORT]\n#port: 4620\n'
 */
export function settingsText(fields: readonly ConfigField[], { values, title }: { values: Readonly<Record<string, unknown>>; title: string }): string {
  const parts = fields.map(({ name, env, description, required, default: standard }) => {
    const given = values[name]
    const value = given ?? standard
    const note = required ? ' (required)' : standard === undefined ? '' : ` (default ${JSON.stringify(standard)})`
    return `${comment(`${description}${note} [${env}]`)}${given !== undefined || required ? '' : '#'}${name}:${value === undefined ? '' : ` ${written(value)}`}\n`
  })
  return [comment(title), ...parts].join('\n')
}

const WIDTH = 110

function comment(text: string): string {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < WIDTH) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`# ${word}`)
  }
  return `${lines.join('\n')}\n`
}

// JSON's strings are YAML's too, on one line whatever is in them.
const written = (value: unknown): string => (typeof value === 'object' || (typeof value === 'string' && /[\n\r]/.test(value)) ? JSON.stringify(value) : stringify(value, { lineWidth: 0 }).trimEnd())

function readBounded(path: string): string {
  const bytes = Buffer.alloc(MOST_BYTES + 1)
  let length = 0
  try {
    const file = openSync(path, 'r')
    try {
      for (let read = 1; read > 0 && length < bytes.length; length += read) read = readSync(file, bytes, length, bytes.length - length, null)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw new OperatorError('CONFIG_FILE', `the configuration file ${path} cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, { advice: 'Check the path and its permissions.', cause })
  }
  if (length > MOST_BYTES) throw refused(path, `is larger than ${MOST_BYTES / 1024} KiB`, 'Give the file with the settings, and nothing else in it.')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length))
  } catch {
    throw refused(path, 'is no text in UTF-8', 'Give a file with the settings in YAML or JSON.')
  }
}

function readJson(path: string, text: string): SettingsFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refused(path, `is not JSON (${(cause as Error).message.replaceAll('\n', ' ')})`, 'Write one JSON object with the settings as its fields.', cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(path, 'does not hold one JSON object', 'Write one JSON object with the settings as its fields.')
  // JSON.parse keeps the last of two; which one was meant nobody knows.
  const lines = new LineCounter()
  const twice = parseAllDocuments(text, { schema: 'failsafe', lineCounter: lines, logLevel: 'silent', prettyErrors: false }).flatMap(({ errors }) => errors).find(({ code }) => code === 'DUPLICATE_KEY')
  if (twice) throw refused(path, `has a key twice (line ${lines.linePos(twice.pos[0]).line})`, 'Write each setting once.')
  return { values: new Map(Object.entries(value)), place: () => path }
}

function readYaml(path: string, text: string): SettingsFile {
  refuseExtras(path, text)
  const lines = new LineCounter()
  // The schema of texts alone: a network's 0x… stays what it is and does not become a number.
  const [document, second] = parseAllDocuments(text, { schema: 'failsafe', lineCounter: lines, logLevel: 'silent', prettyErrors: false })
  const line = (at: number): number => lines.linePos(at).line
  if (document === undefined) return { values: new Map(), place: () => path }
  const [error] = document.errors
  if (error?.code === 'DUPLICATE_KEY') throw refused(path, `has a key twice (line ${line(error.pos[0])})`, 'Write each setting once.')
  if (error) throw refused(path, `is not YAML (line ${line(error.pos[0])}: ${error.message.replaceAll('\n', ' ')})`, 'Write a line `setting: value` for each setting.', error)
  if (second) throw refused(path, `has more than one document (line ${line(second.range[0])})`, 'Write the settings into one.')
  if (isScalar(document.contents) && isUnset(document.contents)) return { values: new Map(), place: () => path }
  if (!isMap(document.contents)) throw refused(path, 'does not hold settings with their values', 'Write a line `setting: value` for each setting.')
  const values = new Map<string, unknown>()
  const at = new Map<string, number>()
  for (const { key, value } of (document.contents as YAMLMap).items) {
    const start = (key as { range?: [number, number, number] }).range?.[0] ?? 0
    if (!isScalar(key)) throw refused(path, `has a key that is no word (line ${line(start)})`, 'Write a line `setting: value` for each setting.')
    const name = String(key.value)
    at.set(name, line(start))
    if (isScalar(value)) values.set(name, isUnset(value) ? undefined : value.value)
    else if (isSeq(value) && value.items.every((item) => isScalar(item))) values.set(name, value.items.map((item) => (item as { value: unknown }).value))
    else if (value === null) values.set(name, undefined)
    else throw refused(path, `has settings within a setting (${name}, line ${line(start)})`, 'Write a value behind it, or a list of values.')
  }
  return { values, place: (name) => (at.has(name) ? `${path} line ${at.get(name)}` : path) }
}

/** What makes YAML large or strange, refused by its words alone: only then is it worth a parser's time. */
function refuseExtras(path: string, text: string): void {
  const what: Partial<Record<string, string>> = { anchor: 'an anchor', alias: 'an alias', tag: 'a tag', 'directive-line': 'a directive', 'explicit-key-ind': 'a key marked by ?' }
  let at = 0
  let depth = 0
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token)
    const line = (): number => text.slice(0, at).split('\n').length
    const extra = what[type ?? '']
    if (extra !== undefined) throw refused(path, `has ${extra} (line ${line()}: ${token.slice(0, 20)})`, 'Write the value itself, in quotation marks if it begins with one of & * ! % ?.')
    depth += type === 'flow-seq-start' || type === 'flow-map-start' ? 1 : type === 'flow-seq-end' || type === 'flow-map-end' ? -1 : 0
    if (depth > 8) throw refused(path, `has lists within lists (line ${line()})`, 'Write a value, or a list of values.')
    // The lexer's own marks are not in the text.
    if (type !== 'doc-mode' && type !== 'flow-error-end' && token !== '\u001f') at += token.length
  }
}

/** `name:` with nothing behind it is a setting that is not given, as an empty variable of the environment is. */
const isUnset = (scalar: { value: unknown; type?: unknown }): boolean => scalar.type === 'PLAIN' && (scalar.value === null || scalar.value === '' || scalar.value === '~' || scalar.value === 'null')

const refused = (path: string, why: string, advice: string, cause?: unknown): OperatorError => new OperatorError('CONFIG_FILE', `the configuration file ${path} ${why}`, { advice, ...(cause === undefined ? {} : { cause }) })
