// The GraphQL schema, made of the routes of the REST API: a root field for each of them, with its path and query as arguments and its answer as type; and fields that lead from an entry of a list to its own lists.
import { buildSchema, GraphQLError, isObjectType, Kind, type GraphQLObjectType, type GraphQLScalarType, type GraphQLSchema } from 'graphql'
import type { TObject } from 'typebox'
import { LIVE_TYPES } from '../live.ts'
import type { Operation } from './route.ts'
import { COMPONENTS } from './shapes.ts'

/** What resolvers need of an operation's context. */
export interface Asking { ask(operation: Operation, params: object, query: object): Promise<unknown> }

/** What a field's cost is counted by: whether a route is asked for it, and how many entries a page it answers with if it is asked for none. */
declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> { route?: true, page?: number }
}

interface Shape { $ref?: string, anyOf?: Shape[], enum?: string[], type?: string, items?: Shape, properties?: Record<string, Shape>, patternProperties?: Record<string, Shape>, description?: string, default?: unknown }

/** Enumerations by their values; those of one place only are named after it. */
const ENUMS: Record<string, string> = { 'PASS,FAIL,NOT_OPENED,EQUIVOCATION,NOT_RUN,UNREACHABLE,NO_QUORUM': 'Outcome', 'PROBATION,STANDARD,TRUSTED,BENCHED': 'Level', 'off,shadow,enforce': 'Check', 'machine,checker': 'AccountKind', 'not_yet,match,mismatch': 'ChainState' }

type Parent = Record<string, unknown>
const account = ({ account }: Parent) => ({ account })
const number = (name: string) => (parent: Parent) => ({ number: parent[name] })
/** From an object to its lists: by which route, and what its path is. Those of entries of lists are of routes that answer many at once. */
const NESTED: Record<string, Record<string, [operation: string, params: (parent: Parent) => object]>> = {
  MachineEntry: { verdicts: ['listMachineVerdicts', account], scores: ['listMachineScores', account], payouts: ['listAccountPayouts', ({ account, identity }) => ({ account: (identity as { owner?: unknown } | null)?.owner ?? account })] },
  Machine: { verdicts: ['listMachineVerdicts', account], scores: ['listMachineScores', account], payouts: ['listAccountPayouts', ({ account, identity }) => ({ account: (identity as { owner?: unknown } | null)?.owner ?? account })], why: ['whyMachine', account], document: ['getMachineDocument', account] },
  CheckerEntry: { rounds: ['listCheckerRounds', account], scores: ['listCheckerScores', account] },
  Checker: { rounds: ['listCheckerRounds', account], scores: ['listCheckerScores', account], observations: ['listCheckerObservations', account], why: ['whyChecker', account], document: ['getCheckerDocument', account] },
  Verdict: { full: ['getVerdict', ({ round, machine }) => ({ number: round, account: machine })] },
  Round: { eligibleMachines: ['listRoundMachines', number('round')], eligibleCheckers: ['listRoundCheckers', number('round')], verdicts: ['listRoundVerdicts', number('round')], observations: ['listRoundObservations', number('round')] },
  Epoch: { scores: ['listScores', number('epoch')], payouts: ['listPayouts', number('epoch')] },
  Statement: { scores: ['listScores', number('epoch')], payouts: ['listPayouts', number('epoch')] },
}

const EVENTS = `
"A block is confirmed."
type BlockEvent { number: Count! hash: String! parentHash: String! }
"A round is judged."
type RoundEvent { round: Count! epoch: Count! judgedAt: Count! outcomes: [RoundEventOutcomes!]! work: String! }
type RoundEventOutcomes { key: String! value: Count! }
"An epoch is scored, or its statement is on chain."
type EpochEvent { epoch: Count! totals: EpochTotals! }
enum EventType { ready reset ${LIVE_TYPES.join(' ')} }
"What happens. \`ready\` comes first; \`reset\` says that events were missed: read again what was read before. Of the other fields the one that is called as \`type\` is set."
type Event { "ask again \`after\` it" id: String! type: EventType! block: BlockEvent round: RoundEvent verdict: Verdict epoch: EpochEvent payout: Payout }
type Subscription {
  "All that happens, of some types (default: block, round, epoch; with a machine all); what was missed since the event \`after\` first."
  events(types: [EventType!], machine: String, after: String): Event!
  blocks: BlockEvent!
  rounds: RoundEvent!
  "Of all machines, or of one."
  verdicts(machine: String): Verdict!
  "To all owners, or to that of one machine."
  payouts(machine: String): Payout!
  epochs: EpochEvent!
}
`

/** The schema over some operations, with its resolvers. */
export function schemaOf(operations: readonly Operation[]): { sdl: string, schema: GraphQLSchema } {
  const byId = new Map(operations.map((operation) => [operation.id, operation]))
  const types = new Map<string, string>()
  const records: [type: string, field: string][] = [['RoundEvent', 'outcomes']]

  /** The GraphQL type of a shape; `name`: what it is called if it has no name of its own. */
  function typeOf(shape: Shape, name: string): string {
    if (shape.$ref !== undefined) {
      const component = shape.$ref.replace('#', '')
      const known = COMPONENTS.find(({ $id }) => $id === component) as Shape | undefined
      if (!known) throw new Error(`there is no component ${component}`)
      if (!types.has(component)) objectType(known, component)
      return `${component}!`
    }
    if (shape.anyOf) {
      const [one, ...others] = shape.anyOf.filter(({ type }) => type !== 'null')
      if (!one || others.length > 0) throw new Error(`${name} may be several things`)
      return typeOf({ ...one }, name).replace(/!$/, '')
    }
    if (shape.enum) return `${enumType(shape.enum, name)}!`
    if (shape.properties) {
      if (!types.has(name)) objectType(shape, name)
      return `${name}!`
    }
    if (shape.patternProperties) {
      types.set(name, `type ${name} { key: String! value: ${typeOf(Object.values(shape.patternProperties)[0]!, `${name}Value`)} }`)
      return `[${name}!]!`
    }
    switch (shape.type) {
      case 'array': return `[${typeOf(shape.items!, name)}]!`
      case 'integer': return 'Count!'
      case 'boolean': return 'Boolean!'
      case 'string': return 'String!'
      case 'null': return 'String'
      default: throw new Error(`${name} has a shape that GraphQL does not know: ${JSON.stringify(shape)}`)
    }
  }

  function enumType(values: string[], place: string): string {
    // What is no name in GraphQL stays text.
    if (!values.every((value) => /^[A-Za-z_]\w*$/.test(value))) return 'String'
    const name = ENUMS[String(values)] ?? place
    types.set(name, `enum ${name} { ${values.join(' ')} }`)
    return name
  }

  function objectType(shape: Shape, name: string): void {
    types.set(name, '') // its fields may lead back to it
    const fields = Object.entries(shape.properties!).map(([field, of]) => {
      const type = typeOf(of, name + upper(field))
      if (of.patternProperties ?? of.anyOf?.some(({ patternProperties }) => patternProperties)) records.push([name, field])
      return `  ${text(of.description)}${field}: ${type}`
    })
    for (const [field, [operation]] of Object.entries(NESTED[name] ?? {})) fields.push(`  ${fieldOf(field, byId.get(operation)!, false)}`)
    types.set(name, `${text(shape.description)}type ${name} {\n${fields.join('\n')}\n}`)
  }

  /** A field that asks for an operation. What fails is null, with an error beside. */
  function fieldOf(field: string, { id, summary, params, query, answer }: Operation, withPath: boolean): string {
    const args = [...(withPath ? argumentsOf(params, id, true) : []), ...argumentsOf(query, id, false)]
    return `${text(summary)}${field}${args.length > 0 ? `(${args.join(', ')})` : ''}: ${typeOf(answer as Shape, upper(rootName(id))).replace(/!$/, '')}`
  }
  const argumentsOf = (input: TObject | undefined, id: string, required: boolean) => Object.entries((input?.properties ?? {}) as Record<string, Shape>).map(([name, shape]) => `${name}: ${typeOf(shape, upper(rootName(id)) + upper(name)).replace(/!$/, '')}${required ? '!' : ''}`)

  const query = `type Query {\n${operations.map((operation) => `  ${fieldOf(rootName(operation.id), operation, true)}`).join('\n')}\n}`
  const sdl = [`"a whole number up to 2^53"\nscalar Count`, query, ...types.values(), EVENTS.trim()].join('\n\n') + '\n'
  const schema = buildSchema(sdl)

  Object.assign(schema.getType('Count') as GraphQLScalarType, COUNT)
  const root = schema.getQueryType()!
  for (const operation of operations) {
    const paths = Object.keys(operation.params?.properties ?? {})
    resolve(root, rootName(operation.id), operation, (_parent, args) => Object.fromEntries(paths.map((name) => [name, args[name]])))
  }
  for (const [name, fields] of Object.entries(NESTED)) {
    const type = schema.getType(name)
    if (isObjectType(type)) for (const [field, [operation, params]] of Object.entries(fields)) resolve(type, field, byId.get(operation)!, (parent) => params(parent))
  }
  for (const [name, field] of records) (schema.getType(name) as GraphQLObjectType).getFields()[field]!.resolve = (parent: Record<string, Record<string, unknown> | null>) => parent[field] && Object.entries(parent[field]).map(([key, value]) => ({ key, value }))
  return { sdl, schema }
}

function resolve(type: GraphQLObjectType, name: string, operation: Operation, params: (parent: Parent, args: Parent) => object): void {
  const field = type.getFields()[name]!
  const limit = (operation.query?.properties['limit'] as Shape | undefined)?.default
  field.extensions = { route: true, ...(typeof limit === 'number' && { page: limit }) }
  const inQuery = Object.keys(operation.query?.properties ?? {})
  field.resolve = (parent: Parent, args: Parent, context: Asking) => context.ask(operation, params(parent, args), Object.fromEntries(inQuery.filter((key) => args[key] != null).map((key) => [key, args[key]])))
}

/** @example rootName('listMachineVerdicts') // 'machineVerdicts' */
function rootName(id: string): string {
  const name = id.replace(/^(get|list)(?=[A-Z])/, '')
  return name[0]!.toLowerCase() + name.slice(1)
}
const upper = (name: string): string => name[0]!.toUpperCase() + name.slice(1)
const text = (description: string | undefined): string => (description === undefined ? '' : `${JSON.stringify(description)} `)

function count(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new GraphQLError('Count must be a whole number')
}
const COUNT: Partial<GraphQLScalarType> = { serialize: count, parseValue: count, parseLiteral: (node) => count(node.kind === Kind.INT ? Number(node.value) : null) }
