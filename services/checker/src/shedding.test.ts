import { createLog } from '@assay/kit/log'
import { createMetrics } from '@assay/kit/metrics'
import { expect, test } from 'vitest'
import { checkerMetrics } from './metrics.ts'
import { Shedding } from './shedding.ts'

test('what is shed is counted at once and told in one line, once', async () => {
  const lines: Record<string, unknown>[] = []
  const metrics = checkerMetrics(createMetrics('checker'))
  const shedding = new Shedding({ metrics, log: createLog({ json: true, level: 'debug', write: (line) => void lines.push(JSON.parse(line)) }) })
  shedding.tell(1)
  expect(lines).toEqual([])
  for (const what of ['blob', 'link', 'blob'] as const) shedding.shed(what)
  expect(await metrics.text()).toContain('assay_checker_shed_total{what="blob"} 2')
  shedding.tell(2)
  shedding.tell(3)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({ level: 'warn', event: 'load shed', round: 2, newcomers: 0, links: 1, blobs: 2, evidence: 0 })
})
