import { expect, it } from 'vitest'
import { encodeReportItem, HELD_BYTES, schedule } from '@assay/protocol'
import { networkParameters } from './devnet/parameters.ts'
import { isReportDue } from './quiet.ts'

const parameters = networkParameters(0, 100)
const { commitFrom, commitTo } = schedule(parameters, 3)
const NONE = `0x${'00'.repeat(32)}` as const
const item = (round: number): Uint8Array => encodeReportItem({ round, commitment: NONE, previousPackage: NONE, held: new Uint8Array(HELD_BYTES) })

it('a report may be due shortly before its window and in it, until it is on chain', async () => {
  const due = (best: number, last: Uint8Array | null) => isReportDue(() => Promise.resolve(last), parameters, best)
  expect(await Promise.all([commitFrom - 3, commitFrom - 2, commitFrom, commitTo, commitTo + 1].map((best) => due(best, null)))).toEqual([false, true, true, true, false])
  expect(await Promise.all([item(2), item(3), Uint8Array.of(1, 2)].map((last) => due(commitFrom, last)))).toEqual([true, false, true])
})

it('nobody is asked where none can be', async () => {
  expect(await isReportDue(() => Promise.reject(new Error('asked')), parameters, commitTo + 1)).toBe(false)
})
