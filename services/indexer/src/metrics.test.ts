import { expect, it } from 'vitest'
import { indexerMetrics } from './metrics.ts'

it('figures carry their unit, or say what they count, in their name', async () => {
  const figures = [...(await indexerMetrics().text()).matchAll(/^# TYPE (assay_indexer_\S+) (\w+)$/gm)]
  expect(figures.length).toBeGreaterThan(20)
  for (const [, name, kind] of figures) {
    if (kind === 'counter') expect(name).toMatch(/_total$/)
    if (kind === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/)
    if (kind === 'gauge') expect(name).toMatch(/_(height|stalled|in_use|following|waiting|clients|blobs|seconds|bytes|blocks)$/)
  }
})
