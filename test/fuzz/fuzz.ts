// A fuzzer that is led by coverage: it keeps every input that did something new, and spoils what it kept.
import { getHeapStatistics } from 'node:v8'
import { concat } from '@assay/protocol'
import { type Chance, MUTATIONS } from '@assay/protocol/testing/corpus'
import type { Coverage } from './coverage.ts'

/** Something that takes a stranger's bytes. */
export interface Target {
  name: string
  /** Valid inputs, from which the others come. */
  seeds: readonly Uint8Array[]
  /** Returns for whatever is right, also for a refusal that the contract names; throws for anything else. */
  run(bytes: Uint8Array): void
}

/** An input that broke a promise, and which. */
export interface Finding {
  what: string
  input: Uint8Array
}

export interface Outcome {
  target: string
  executions: number
  blocks: number
  corpus: number
  finding: Finding | null
}

export interface FuzzDeps {
  coverage: Coverage
  chance: Chance
  /** False when it is enough. */
  more(executions: number): boolean
  /** Told each input before it is run, for whoever watches over a hang. */
  before?(input: Uint8Array): void
}

/** Longer inputs are cut: what limits exist are tried well below. */
export const MAX_INPUT_BYTES = 2 ** 18
/** CPU time of one input, on a machine as slow as they come; the slowest honest ones take some milliseconds. */
const MAX_CPU_MS = 3000
/** Memory that one input may cost, beside a thousand bytes for each of its own. A length that lies would cost hundreds of MiB. */
const MAX_MEMORY = 2 ** 26

/**
 * Runs a target until `more` says no or an input breaks a promise: throws what it should not, takes too long, takes too much memory, or is changed.
 * The same chance and number of executions give the same inputs.
 */
export function fuzz(target: Target, { coverage, chance, more, before = () => {} }: FuzzDeps): Outcome {
  const corpus: Uint8Array[] = []
  const walks: Generator<Uint8Array, undefined>[] = []
  const seeds = [...target.seeds, new Uint8Array()]
  let executions = 0
  let finding: Finding | null = null
  const passes = (input: Uint8Array): boolean => {
    before(input)
    const what = fault(target, input)
    if (what !== null) finding = smaller(target, { what, input })
    return what === null
  }
  const outcome = (): Outcome => ({ target: target.name, executions, blocks: coverage.blocks, corpus: corpus.length, finding })
  // The fuzzer itself uses code of ours; what that does is no news.
  for (let i = 0; i < 64; i++) {
    spoiled(seeds, [], chance)
    coverage.take()
  }
  for (const seed of seeds) {
    executions++
    if (!passes(seed)) return outcome()
    coverage.take()
    corpus.push(seed)
  }
  const keep = (input: Uint8Array): void => {
    corpus.push(input)
    if (input.length <= WALKED_BYTES) walks.push(walk(input, coverage.words))
  }
  /** Every other time the next word on the newest short input, which did something new: a comparison behind the one that it passed is met at once. */
  const next = (): Uint8Array => {
    while (walks.length > 0 && chance(2) === 0) {
      const { value } = walks.at(-1)!.next()
      if (value !== undefined) return value
      walks.pop()
    }
    return spoiled(corpus, coverage.words, chance)
  }
  while (more(executions)) {
    // Asking what was covered costs far more than most inputs. So one input is looked at closely, and the others together; if these did something new, each of them again.
    const [first, ...others] = Array.from({ length: BATCH }, next) as [Uint8Array, ...Uint8Array[]]
    executions++
    if (!passes(first)) return outcome()
    if (coverage.take() > 0) keep(first)
    for (const input of others) {
      executions++
      if (!passes(input)) return outcome()
    }
    if (!coverage.peek()) continue
    for (const input of others) {
      if (!passes(input)) return outcome()
      if (coverage.take() > 0) keep(input)
    }
  }
  return outcome()
}

const BATCH = 24
const WALKED_BYTES = 64

/** The input with each word at each place, over what stands there. */
function* walk(input: Uint8Array, words: readonly Uint8Array[]): Generator<Uint8Array, undefined> {
  for (let at = 0; at <= input.length; at++) for (const word of words) yield concat(input.subarray(0, at), word, input.subarray(at + word.length))
}

/** What is wrong with how the target takes an input, or null. */
export function fault(target: Target, input: Uint8Array): string | null {
  const given = input.slice()
  const [heap, cpu] = [memory(), process.threadCpuUsage()]
  try {
    target.run(given)
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`
  }
  const { user, system } = process.threadCpuUsage(cpu)
  if (user + system > 1000 * MAX_CPU_MS) return `took ${Math.round((user + system) / 1000)} ms`
  const grown = memory() - heap
  if (grown > MAX_MEMORY + 1000 * input.length) return `took ${grown} bytes of memory`
  return Buffer.compare(given, input) === 0 ? null : 'changed its input'
}

/** Tries to find a part of the input that fails the same way, a few hundred times at most: halves are left out first, then ever smaller pieces. What took long or much is left as it is. */
function smaller(target: Target, finding: Finding): Finding {
  if (finding.what.startsWith('took')) return finding
  let { input } = finding
  let tries = 300
  for (let size = Math.ceil(input.length / 2); size >= 1 && tries > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < input.length && tries > 0; tries--) {
      const less = concat(input.subarray(0, at), input.subarray(at + size))
      if (fault(target, less) === finding.what) input = less
      else at += size
    }
  }
  return { ...finding, input }
}

function memory(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}

const NUMBERS = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x100, 0x3fff, 0x4000, 0x7fff, 0xffff, 0x10000, 0x3fffffff, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff]

/** Beside the mutations by look of the wire: what reaches a value that one comparison asks for. */
const MORE_MUTATIONS: ((bytes: Uint8Array, chance: Chance) => Uint8Array)[] = [
  (bytes, chance) => bytes.with(chance(bytes.length), chance(256)),
  (bytes, chance) => {
    const at = chance(bytes.length)
    return bytes.with(at, (bytes[at]! + 256 + chance(33) - 16) % 256)
  },
  // A number of one, two, four or eight bytes, little-endian, often one at the edge of a type or of a compact.
  (bytes, chance) => {
    const [at, value] = [chance(bytes.length), chance(3) === 0 ? chance(2 ** 32) : NUMBERS[chance(NUMBERS.length)]!]
    const number = Uint8Array.from({ length: Math.min(2 ** chance(4), bytes.length - at) }, (_, i) => (i < 4 ? (value >>> (8 * i)) & 0xff : 0))
    const set = bytes.slice()
    set.set(number, at)
    return set
  },
  (bytes, chance) => {
    const at = chance(bytes.length + 1)
    return concat(bytes.subarray(0, at), Uint8Array.from({ length: 1 + chance(8) }, () => chance(256)), bytes.subarray(at))
  },
]
const ALL_MUTATIONS = [...Object.values(MUTATIONS), ...MORE_MUTATIONS, ...MORE_MUTATIONS]

/** A word of the code over what stands there, put in between, or at the end. */
function withWord(bytes: Uint8Array, word: Uint8Array, chance: Chance): Uint8Array {
  const at = chance(bytes.length + 1)
  return concat(bytes.subarray(0, at), word, bytes.subarray(at + (chance(4) === 0 ? 0 : word.length)))
}

/** An input of the corpus, spoiled one to four times; now and then the head of one on the tail of another. */
function spoiled(corpus: readonly Uint8Array[], words: readonly Uint8Array[], chance: Chance): Uint8Array {
  // Every other time one of the newest; and mostly the shorter of two, for in a long one a change hardly ever meets what matters.
  const any = (): Uint8Array => corpus[chance(2) === 0 ? chance(corpus.length) : corpus.length - 1 - chance(Math.min(8, corpus.length))]!
  const pick = (): Uint8Array => {
    const [one, other] = [any(), any()]
    return one.length <= other.length || chance(4) === 0 ? one : other
  }
  let bytes = pick()
  if (chance(16) === 0) {
    const other = pick()
    bytes = concat(bytes.subarray(0, chance(bytes.length + 1)), other.subarray(chance(other.length + 1)))
  }
  for (let times = chance(2) === 0 ? 1 : 1 + chance(4); times > 0; times--) {
    if (bytes.length === 0) bytes = Uint8Array.of(chance(256))
    else if (words.length > 0 && chance(4) === 0) bytes = withWord(bytes, words[chance(words.length)]!, chance)
    else bytes = ALL_MUTATIONS[chance(ALL_MUTATIONS.length)]!(bytes, chance)
  }
  return bytes.slice(0, MAX_INPUT_BYTES)
}
