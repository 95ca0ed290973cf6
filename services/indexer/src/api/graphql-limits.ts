// What a GraphQL document may ask for: counted before anything is run.
import { getNamedType, isObjectType, Kind, type DocumentNode, type FieldNode, type FragmentDefinitionNode, type GraphQLObjectType, type GraphQLSchema, type OperationDefinitionNode, type SelectionSetNode } from 'graphql'
import { ApiError } from './errors.ts'

export const LIMITS = {
  /** of a document; checking it takes their square */
  tokens: 2000,
  aliases: 30,
  depth: 12,
  /** an introspection query nests types in types */
  introspectionDepth: 20,
  /** fields of the answer, at the most that its lists may hold */
  cost: 20_000,
  /** what a route costs beside its fields */
  route: 10,
} as const

interface Measure { cost: number, depth: number, aliases: number, introspections: number }

/** How many fields the answer of an operation could have. Throws ApiError QUERY_TOO_LARGE, QUERY_TOO_DEEP, QUERY_TOO_COSTLY. The document must be valid for the schema. */
export function costOf(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Readonly<Record<string, unknown>>): number {
  const fragments = new Map(document.definitions.filter((one): one is FragmentDefinitionNode => one.kind === Kind.FRAGMENT_DEFINITION).map((one) => [one.name.value, one]))
  const known = new Map<string, Measure>()

  function ofFragment(name: string): Measure {
    // Once a fragment: spreads of spreads would double with each.
    const measured = known.get(name) ?? ofSet(fragments.get(name)!.selectionSet, schema.getType(fragments.get(name)!.typeCondition.name.value) as GraphQLObjectType)
    known.set(name, measured)
    return measured
  }

  function ofSet({ selections }: SelectionSetNode, type: GraphQLObjectType | null): Measure {
    return selections.map((one): Measure => {
      switch (one.kind) {
        case Kind.FIELD: return field(one, type)
        case Kind.FRAGMENT_SPREAD: return ofFragment(one.name.value)
        case Kind.INLINE_FRAGMENT: return ofSet(one.selectionSet, type)
      }
    }).reduce(sum, NOTHING)
  }

  function field(node: FieldNode, type: GraphQLObjectType | null): Measure {
    const name = node.name.value
    const definition = type?.getFields()[name]
    const of = definition && getNamedType(definition.type)
    const inner = node.selectionSet ? ofSet(node.selectionSet, isObjectType(of) ? of : null) : NOTHING
    const page = definition?.extensions.page
    // What is no number of entries is refused later; until then it must not pay for other fields.
    const entries = page === undefined ? 1 : Math.max(1, limitOf(node, variables) ?? page)
    const introspects = name === '__schema' || name === '__type'
    // Beneath __schema there is nothing to count: how much there is, is known, and how often it may be asked for is limited. Under another name it is asked for once more.
    return {
      cost: introspects ? 1 : 1 + entries * inner.cost + (definition?.extensions.route === true ? LIMITS.route : 0),
      depth: introspects ? Math.max(1, 1 + inner.depth - (LIMITS.introspectionDepth - LIMITS.depth)) : 1 + inner.depth,
      aliases: inner.aliases + (node.alias ? 1 : 0),
      introspections: inner.introspections + (introspects ? 1 + inner.aliases : 0),
    }
  }

  const { cost, depth, aliases, introspections } = ofSet(operation.selectionSet, (operation.operation === 'subscription' ? schema.getSubscriptionType() : schema.getQueryType()) ?? null)
  if (aliases > LIMITS.aliases) throw new ApiError('QUERY_TOO_LARGE', `the document uses ${aliases} aliases, and ${LIMITS.aliases} are allowed`)
  if (introspections > 1) throw new ApiError('QUERY_TOO_LARGE', 'the document asks for the schema more than once')
  if (depth > LIMITS.depth) throw new ApiError('QUERY_TOO_DEEP', `the document nests fields ${depth} deep, and ${LIMITS.depth} is allowed`)
  if (cost > LIMITS.cost) throw new ApiError('QUERY_TOO_COSTLY', `the answer could have ${cost} fields, and ${LIMITS.cost} are allowed: ask for shorter pages or fewer fields`)
  return cost
}

/** Entries that a field asks for; undefined where it does not say. */
function limitOf(node: FieldNode, variables: Readonly<Record<string, unknown>>): number | undefined {
  const value = node.arguments?.find(({ name }) => name.value === 'limit')?.value
  if (value?.kind === Kind.INT) return Number(value.value)
  const given = value?.kind === Kind.VARIABLE ? variables[value.name.value] : undefined
  // A variable with a default that is not given, or no number, is refused or defaulted later: count the most that any list gives.
  return value?.kind === Kind.VARIABLE ? (typeof given === 'number' ? given : 1000) : undefined
}

const NOTHING: Measure = { cost: 0, depth: 0, aliases: 0, introspections: 0 }
const sum = (a: Measure, b: Measure): Measure => ({ cost: a.cost + b.cost, depth: Math.max(a.depth, b.depth), aliases: a.aliases + b.aliases, introspections: a.introspections + b.introspections })
