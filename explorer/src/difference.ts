// Where two statements of one epoch part. Pure.
import type { Tree } from './api.ts'

export const TREES = ['scores', 'payouts', 'registry', 'evidence', 'standings', 'calibrations'] as const satisfies Tree[]

/** A tree of which the leaves differ: how many of each side, and the first place where they do. */
export interface Difference { tree: Tree, ours: number, theirs: number, at: number, our: string | null, their: string | null }

/** The trees whose leaves are not the same, each with its first difference; none if all are. Trees that `theirs` lacks are not compared. */
export function differences(ours: Record<Tree, readonly string[]>, theirs: Partial<Record<Tree, readonly string[]>>): Difference[] {
  return TREES.flatMap((tree): Difference[] => {
    const [our, their] = [ours[tree], theirs[tree]]
    if (their === undefined) return []
    const at = Array.from({ length: Math.max(our.length, their.length) }, (_, i) => i).find((i) => our[i] !== their[i])
    return at === undefined ? [] : [{ tree, ours: our.length, theirs: their.length, at, our: our[at] ?? null, their: their[at] ?? null }]
  })
}

export type Judgement = 'same' | 'indexer differs' | 'chain differs'

/** What the roots say: of this computation, of the indexer, and of the chain by the recording. */
export function judge(root: string, onChain: 'match' | 'mismatch' | 'partly' | 'not yet', told: string | null): Judgement {
  if (told !== null && told !== root) return 'indexer differs'
  return onChain === 'mismatch' ? 'chain differs' : 'same'
}
