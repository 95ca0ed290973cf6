// The network over time, in few numbers: what a first page draws.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { epochOf, parametersFor, roundsOf, type Level } from '@assay/protocol'
import { latestRound } from './rounds.ts'
import { route, type ApiDeps } from './route.ts'
import { Amount, Count, nullable, Work } from './shapes.ts'

const Standings = Type.Object({ TRUSTED: Count, STANDARD: Count, PROBATION: Count, BENCHED: Count })
const EpochLine = Type.Object({
  epoch: Count,
  work: Work,
  passed: Type.Integer({ minimum: 0, description: 'verdicts PASS' }),
  caught: Type.Integer({ minimum: 0, description: 'verdicts that say a fault was proven: FAIL, EQUIVOCATION, NOT_OPENED' }),
  other: Count,
  paid: nullable(Amount),
  pool: nullable(Amount),
})
const Overview = Type.Object({ standings: nullable(Standings), epochs: Type.Array(EpochLine, { description: 'oldest first, the running one last' }) })

const EPOCHS = 60
const CAUGHT: readonly string[] = ['FAIL', 'EQUIVOCATION', 'NOT_OPENED']

/** GET /overview. What a scored epoch's verdicts sum up to never changes, so it is summed up once. */
export function overviewRoute(app: FastifyInstance, { db, state$ }: ApiDeps): void {
  const sums = new Map<number, Pick<Static<typeof EpochLine>, 'work' | 'passed' | 'caught' | 'other'>>()

  async function sumOf(epoch: number, rounds: readonly number[], scored: boolean) {
    const before = sums.get(epoch)
    if (before !== undefined) return before
    const rows = await db.selectFrom('verdicts').select(({ fn }) => ['outcome', fn.countAll<number>().as('count'), fn.sum<bigint>('work').as('work')]).where('round', 'in', rounds).groupBy('outcome').execute()
    const counted = (wanted: (outcome: string) => boolean): number => rows.reduce((sum, { outcome, count }) => sum + (wanted(outcome) ? count : 0), 0)
    const sum = {
      work: String(rows.reduce((total, { work }) => total + work, 0n)),
      passed: counted((outcome) => outcome === 'PASS'), caught: counted((outcome) => CAUGHT.includes(outcome)), other: counted((outcome) => outcome !== 'PASS' && !CAUGHT.includes(outcome)),
    }
    if (scored) sums.set(epoch, sum)
    return sum
  }

  route(app, '/overview', { summary: 'Machines by standing, and the latest epochs in few numbers each', answer: Overview }, async () => {
    const { ledger } = state$.value
    const parameters = parametersFor(ledger, 0)
    const latest = parameters === null ? -1 : epochOf(parameters, latestRound(ledger))
    const rows = new Map((await db.selectFrom('epochs').select(['epoch', 'paid', 'pool']).where('epoch', '>', latest - EPOCHS).execute()).map((row) => [row.epoch, row]))
    const epochs: Static<typeof EpochLine>[] = []
    for (let epoch = Math.max(0, latest - EPOCHS + 1); epoch <= latest; epoch++) {
      const row = rows.get(epoch)
      epochs.push({ epoch, ...(await sumOf(epoch, roundsOf(parameters!, epoch), row !== undefined)), paid: row ? String(row.paid) : null, pool: row ? String(row.pool) : null })
    }
    for (const old of sums.keys()) if (old <= latest - EPOCHS) sums.delete(old)
    const last = Math.max(-1, ...rows.keys())
    return { standings: last < 0 ? null : await standings(last), epochs }
  })

  async function standings(epoch: number): Promise<Record<Level, number>> {
    const rows = await db.selectFrom('scores').select(({ fn }) => ['standing', fn.countAll<number>().as('count')]).where('epoch', '=', epoch).where('kind', '=', 'machine').groupBy('standing').execute()
    const of = (level: Level): number => rows.find(({ standing }) => standing === level)?.count ?? 0
    return { TRUSTED: of('TRUSTED'), STANDARD: of('STANDARD'), PROBATION: of('PROBATION'), BENCHED: of('BENCHED') }
  }
}
