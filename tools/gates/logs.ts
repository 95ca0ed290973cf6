// What the services log is what docs/LOGS.md says: every event, its level and its fields, read from the syntax tree of the code and from the tables of the document. Neither may have what the other has not.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseSync } from 'oxc-parser'

/** Packages that log, by the heading that the document has for them. */
const PACKAGES = ['kit', 'runtime-bindings', 'services/provider', 'services/checker', 'services/indexer', 'cli'] as const
const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/** An event as one place in the code tells it. `open`: it has fields that its place does not name (a spread). */
interface Told { package: string, event: string, level: Level, fields: string[], open: boolean, at: string }

/** A line of the document's table of events. */
export interface LoggedEvent { event: string, level: Level, packages: string[], fields: string[], means: string }

/** A field by its name: what its value is. */
export type FieldType = 'text' | 'integer' | 'boolean' | 'hash' | 'amount' | 'error' | 'list' | 'map'

export interface LogsDocument { events: Map<string, LoggedEvent>, fields: Map<string, FieldType[]> }

const TYPES = new Set<string>(['text', 'integer', 'boolean', 'hash', 'amount', 'error', 'list', 'map'] satisfies FieldType[])

/** Of each line, whatever it tells; `unsaid` of the log itself. */
const ALWAYS = ['time', 'level', 'service', 'event', 'unsaid']

type Node = { type: string, start: number, [key: string]: unknown }

function walk(value: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) walk(item, visit)
  else if (value !== null && typeof value === 'object') {
    if (typeof (value as Node).type === 'string') visit(value as Node)
    for (const [key, inner] of Object.entries(value)) if (key !== 'parent') walk(inner, visit)
  }
}

const sources = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder, { withFileTypes: true, recursive: true }) : []).filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') && !/\/(node_modules|testing)(\/|$)/.test(entry.parentPath)).map((entry) => join(entry.parentPath, entry.name))

/** Whether an expression is a log by its name: `log`, `deps.log`, `this.#deps.log`, `log.child(…)`. */
function isLog(node: Node): boolean {
  switch (node.type) {
    case 'Identifier': return node['name'] === 'log'
    case 'ChainExpression': return isLog(node['expression'] as Node)
    case 'MemberExpression': return node['computed'] !== true && (node['property'] as Node)['name'] === 'log'
    case 'CallExpression': {
      const callee = node['callee'] as Node
      return callee.type === 'MemberExpression' && (callee['property'] as Node)['name'] === 'child' && isLog(callee['object'] as Node)
    }
    default: return false
  }
}

/** The texts that an expression may be: of a literal, or of a choice between literals. Null for anything else. */
function literals(node: Node | undefined): string[] | null {
  if (node?.type === 'Literal' && typeof node['value'] === 'string') return [node['value']]
  if (node?.type !== 'ConditionalExpression') return null
  const [one, other] = [literals(node['consequent'] as Node), literals(node['alternate'] as Node)]
  return one && other && [...one, ...other]
}

/** The events that the code of a tree tells, and what makes them unreadable for us. */
function told(root: string): { events: Told[], faults: string[] } {
  const events: Told[] = []
  const faults: string[] = []
  for (const name of PACKAGES) for (const file of sources(join(root, name, 'src'))) {
    const path = relative(root, file)
    if (path === 'kit/src/log.ts') continue // the log itself
    const text = readFileSync(file, 'utf8')
    walk(parseSync(file, text).program, (node) => {
      const callee = node['callee'] as Node | undefined
      if (node.type !== 'CallExpression' || callee?.type !== 'MemberExpression' || !isLog(callee['object'] as Node)) return
      const at = `${path}:${text.slice(0, node.start).split('\n').length}`
      const level = (callee['property'] as Node)['name'] as Level | 'child'
      if (callee['computed'] === true) return void faults.push(`${at}: the level is computed: name it, one event has one level`)
      if (level === 'child' || !LEVELS.includes(level)) return
      const [first, second, ...more] = node['arguments'] as Node[]
      const names = literals(first)
      if (names === null) return void faults.push(`${at}: the event is no literal: name it, so that the document can`)
      const properties = second?.type === 'ObjectExpression' ? (second['properties'] as Node[]) : []
      const fields = properties.flatMap((one) => (one.type === 'Property' && one['computed'] !== true ? [String((one['key'] as Node)['name'] ?? (one['key'] as Node)['value'])] : []))
      const open = more.length > 0 || fields.length < properties.length || (second !== undefined && second.type !== 'ObjectExpression')
      for (const event of names) events.push({ package: name, event, level, fields, open, at })
    })
  }
  return { events, faults }
}

/** Cells of the rows of each table whose head is `head`. */
function rows(markdown: string, head: string): string[][] {
  return [...markdown.matchAll(new RegExp(`^\\| ${head.replaceAll('|', '\\|')} \\|\\n\\|[-| ]+\\|\\n((?:\\|.*\\|\\n)*)`, 'gm'))].flatMap(([, body = '']) => body.trim().split('\n').filter(Boolean).map((row) => row.slice(1, -1).split('|').map((cell) => cell.trim())))
}

const marked = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

export const EVENTS_HEAD = 'event | level | who | fields | it means'
export const FIELDS_HEAD = 'field | type | what'

/** Reads docs/LOGS.md. */
export function readLogsDocument(markdown: string): LogsDocument {
  const events = rows(markdown, EVENTS_HEAD).map(([event = '', level = '', who = '', fields = '', means = '']): [string, LoggedEvent] => [marked(event)[0] ?? '', { event: marked(event)[0] ?? '', level: level as Level, packages: who.split(',').map((one) => one.trim()), fields: marked(fields), means }])
  const fields = rows(markdown, FIELDS_HEAD).flatMap(([names = '', type = '']): [string, FieldType[]][] => marked(names).map((name) => [name, type.split(' or ').filter((one): one is FieldType => TYPES.has(one))]))
  return { events: new Map(events), fields: new Map(fields) }
}

/** Of an event's row in docs/RUNBOOK.md. */
const anchorOf = (event: string): string => event.toLowerCase().replaceAll(' ', '-')

const shortOf = (name: string): string => name.split('/').at(-1)!

/** One line per event or field that code and docs/LOGS.md of a tree do not both have, or have differently. */
export function logFaults(root: string): string[] {
  const file = join(root, 'docs/LOGS.md')
  const { events, faults } = told(root)
  if (!existsSync(file)) return events.length === 0 ? faults : [...faults, 'docs/LOGS.md: is not there']
  const document = readLogsDocument(readFileSync(file, 'utf8'))
  const used = new Set<string>()
  for (const [name, ones] of Map.groupBy(events, ({ event }) => event)) {
    const known = document.events.get(name)
    if (known === undefined) {
      faults.push(`${ones[0]!.at}: "${name}" is not in docs/LOGS.md: add it, with what it means`)
      continue
    }
    const packages = [...new Set(ones.map((one) => shortOf(one.package)))]
    for (const one of packages.filter((one) => !known.packages.includes(one))) faults.push(`docs/LOGS.md: "${name}" is told by ${one} too`)
    for (const one of known.packages.filter((one) => !packages.includes(one))) faults.push(`docs/LOGS.md: "${name}" is not told by ${one}`)
    for (const { level, fields, at } of ones) {
      if (level !== known.level) faults.push(`${at}: "${name}" is told at ${level}, and docs/LOGS.md has it at ${known.level}`)
      for (const field of fields.filter((field) => !known.fields.includes(field))) faults.push(`${at}: "${name}" has ${field}, which docs/LOGS.md does not name there`)
    }
    const somewhere = new Set(ones.flatMap(({ fields }) => fields))
    if (!ones.some(({ open }) => open)) for (const field of known.fields.filter((field) => !somewhere.has(field))) faults.push(`docs/LOGS.md: "${name}" has no ${field}`)
  }
  const runbook = existsSync(join(root, 'docs/RUNBOOK.md')) ? readFileSync(join(root, 'docs/RUNBOOK.md'), 'utf8') : ''
  for (const { event, level, fields, means } of document.events.values()) {
    for (const field of fields) used.add(field)
    for (const field of fields.filter((field) => !document.fields.has(field))) faults.push(`docs/LOGS.md: ${field} of "${event}" is not in the table of fields`)
    if (!events.some((one) => one.event === event)) faults.push(`docs/LOGS.md: "${event}" is told nowhere: remove it`)
    if (means === '') faults.push(`docs/LOGS.md: "${event}" does not say what it means`)
    if ((level === 'warn' || level === 'error') && !runbook.includes(`<a id="${anchorOf(event)}"></a>`)) faults.push(`docs/RUNBOOK.md: "${event}" has no row: add one that begins with <a id="${anchorOf(event)}"></a>`)
  }
  for (const [field, types] of document.fields) {
    if (!used.has(field) && !ALWAYS.includes(field)) faults.push(`docs/LOGS.md: no event has the field ${field}: remove it`)
    if (types.length === 0) faults.push(`docs/LOGS.md: the field ${field} has no type`)
  }
  return faults
}

const CHECKS: Record<FieldType, (value: unknown) => boolean> = {
  text: (value) => typeof value === 'string',
  integer: (value) => Number.isSafeInteger(value),
  boolean: (value) => typeof value === 'boolean',
  hash: (value) => typeof value === 'string' && /^0x[0-9a-f]+$/.test(value),
  amount: (value) => typeof value === 'string' && /^\d+(\.\d+)? (PEAQ|planck)$/.test(value),
  error: (value) => {
    const { code, message, advice, cause, stack, ...more } = (value ?? {}) as Record<string, unknown>
    return typeof code === 'string' && typeof message === 'string' && [advice, cause, stack].every((one) => one === undefined || typeof one === 'string') && Object.keys(more).length === 0
  },
  list: (value) => Array.isArray(value),
  map: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}

/** What is wrong with a line of a JSON log, by the document; nothing if it keeps it. */
export function lineFaults({ events, fields }: LogsDocument, line: unknown): string[] {
  const { time, level, service, event, ...rest } = (line ?? {}) as Record<string, unknown>
  const faults: string[] = []
  if (typeof time !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(time)) faults.push(`time ${String(time)}`)
  if (service !== undefined && typeof service !== 'string') faults.push(`service ${String(service)}`)
  const known = events.get(String(event))
  if (known === undefined) return [...faults, `event ${String(event)}`]
  if (level !== known.level) faults.push(`${known.event}: level ${String(level)}`)
  for (const [name, value] of Object.entries(rest)) {
    const types = fields.get(name) ?? []
    if (!known.fields.includes(name) && name !== 'unsaid') faults.push(`${known.event}: field ${name}`)
    else if (value !== null && !types.some((type) => CHECKS[type](value))) faults.push(`${known.event}: ${name} is ${JSON.stringify(value)}, no ${types.join(' or ')}`)
  }
  return faults
}

/** The same for many lines, by our own document; each fault once. */
export function documentFaults(lines: readonly unknown[]): string[] {
  const document = readLogsDocument(readFileSync(join(import.meta.dirname, '../../docs/LOGS.md'), 'utf8'))
  return [...new Set(lines.flatMap((line) => lineFaults(document, line)))]
}

if (import.meta.main) {
  // What the code tells, as rows of the document: a beginning for new ones.
  const known = readLogsDocument(readFileSync(join(import.meta.dirname, '../../docs/LOGS.md'), 'utf8')).events
  for (const [event, ones] of Map.groupBy(told(join(import.meta.dirname, '../..')).events, (one) => one.event)) {
    if (!known.has(event)) console.log(`| \`${event}\` | ${ones[0]!.level} | ${[...new Set(ones.map((one) => shortOf(one.package)))].join(', ')} | ${[...new Set(ones.flatMap((one) => one.fields))].map((field) => `\`${field}\``).join(', ')} |  |`)
  }
}
