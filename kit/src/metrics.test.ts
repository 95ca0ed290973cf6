import { expect, it } from 'vitest'
import { createMetrics } from './metrics.ts'

it('serves its own numbers under the service name, apart from other registries', async () => {
  const metrics = createMetrics('provider')
  metrics.counter('rounds_total', 'rounds worked, by result', ['result']).inc({ result: 'ran' })
  metrics.gauge('links', 'open channels').set(3)
  metrics.histogram('job_seconds', 'length of a job', [1, 2]).observe(1.5)
  const text = await metrics.text()
  expect(text).toContain('assay_provider_rounds_total{result="ran"} 1')
  expect(text).toContain('assay_provider_links 3')
  expect(text).toContain('assay_provider_job_seconds_bucket{le="2"} 1')
  metrics.counter('dials_total', 'channels tried, by result', ['result'], ['open', 'lost']).inc({ result: 'open' })
  expect(await metrics.text()).toMatch(/dials_total\{result="open"\} 1\nassay_provider_dials_total\{result="lost"\} 0/)
  expect(await createMetrics('provider').text()).not.toContain('rounds_total')
})
