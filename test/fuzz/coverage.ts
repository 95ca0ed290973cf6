// What of the code an input reached, from V8's own counters. Block by block and by how often, so that a loop that got one byte further is news too.
import { readFileSync } from 'node:fs'
import { type Profiler, Session } from 'node:inspector'
import { fileURLToPath } from 'node:url'
import { toHex, u16le, u32le, utf8 } from '@assay/protocol'

/** How a fuzzer sees what its inputs do. */
export interface Coverage {
  /** What the code did since the last call of either that no `take` has seen: the number of such facts, which are blocks and how often they were entered. */
  take(): number
  /** True if a block was entered since the last call of either that no `take` has seen. For many inputs at once, where counts say nothing. */
  peek(): boolean
  /** Blocks of code that were entered so far. */
  readonly blocks: number
  /** Numbers and texts that stand in the code that ran: what its comparisons ask for. */
  readonly words: readonly Uint8Array[]
  /** Everything is new again. */
  forget(): void
}

interface Block {
  start: number
  end: number
  /** Orders of magnitude of counts that were seen, one bit each. */
  seen: number
}

/** Which scripts count: ours and the SCALE codec; not the harness, which would praise itself. */
export const isOurs = (url: string): boolean => url.startsWith('file:') && (url.includes('/node_modules/') ? url.includes('/scale-ts/') : !/\/(test|protocol\/testing)\//.test(url) || url.endsWith('/planted.ts'))

/**
 * Starts to count in this thread, for good. Call it before the code is loaded: what was compiled earlier, or after an earlier session ended, is counted by whole functions only.
 * A call costs 0.2 to 1 ms, however little ran since the last: V8 looks through all that is loaded.
 */
export function startCoverage(counts = isOurs): Coverage {
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  const functions = new Map<string, Block[]>()
  const scripts = new Set<string>()
  const words = new Map<string, Uint8Array>()
  let listed: readonly Uint8Array[] = []
  let blocks = 0
  /** All blocks that were entered since the last call, with their counts. */
  function* entered(): Generator<{ block: Block; bit: number }> {
    for (const { scriptId, url, functions: ran } of takeReport(session)) {
      if (!counts(url)) continue
      if (!scripts.has(url)) {
        scripts.add(url)
        for (const word of wordsOf(readFileSync(fileURLToPath(url), 'utf8'))) words.set(toHex(word), word)
        listed = [...words.values()]
      }
      for (const { ranges } of ran) {
        if (ranges[0]!.count === 0) continue
        const id = `${scriptId}:${ranges[0]!.startOffset}:${ranges[0]!.endOffset}`
        const known = functions.get(id) ?? []
        functions.set(id, known)
        for (const { startOffset: start, endOffset: end } of ranges) if (!known.some((block) => block.start === start && block.end === end)) known.push({ start, end, seen: 0 })
        for (const block of known) {
          const count = countOf(ranges, block)
          if (count > 0) yield { block, bit: 1 << magnitude(count) }
        }
      }
    }
  }
  return {
    get words() {
      return listed
    },
    get blocks() {
      return blocks
    },
    take() {
      let news = 0
      for (const { block, bit } of entered()) {
        if ((block.seen & bit) !== 0) continue
        if (block.seen === 0) blocks++
        block.seen |= bit
        news++
      }
      return news
    },
    peek: () => [...entered()].some(({ block }) => block.seen === 0),
    forget() {
      takeReport(session)
      for (const known of functions.values()) for (const block of known) block.seen = 0
      blocks = 0
    },
  }
}

/**
 * The literals of a source text as bytes: integers little-endian in as few of 1, 2, 4 bytes as hold them, texts of up to 16 characters in UTF-8.
 * Found without parsing, so some are none.
 */
export function wordsOf(source: string): Uint8Array[] {
  const numbers = [...source.matchAll(/\b(?:0x[0-9a-f]+|[0-9]+)\b/gi)].map(([digits]) => Number(digits)).filter((value) => value < 2 ** 32)
  const texts = [...source.matchAll(/'([^'\n\\]{1,16})'/g)].map(([, content]) => utf8(content!))
  return [...numbers.map((value) => (value < 2 ** 8 ? Uint8Array.of(value) : value < 2 ** 16 ? u16le(value) : u32le(value))), ...texts]
}

/** In one thread `post` answers before it returns. */
function takeReport(session: Session): Profiler.ScriptCoverage[] {
  let report: Profiler.ScriptCoverage[] = []
  session.post('Profiler.takePreciseCoverage', (error, answer) => {
    if (error !== null) throw error
    report = answer.result
  })
  return report
}

/** V8 leaves a block out that ran as often as the one around it, so the innermost range that holds a block speaks for it. Ranges come outermost first. */
function countOf(ranges: readonly Profiler.CoverageRange[], { start, end }: Block): number {
  return ranges.findLast(({ startOffset, endOffset }) => startOffset <= start && end <= endOffset)?.count ?? 0
}

/** 0, 1, 2, 3, 4 to 7, 8 to 15 and so on: 0 to 30. */
const magnitude = (count: number): number => (count < 4 ? count : Math.min(30, 2 + Math.floor(Math.log2(count))))
