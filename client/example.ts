// The fastest verified machine to download from, and why it earned what it did.
import { answer, createAssayClient, each } from '@assay/client'

const client = createAssayClient(process.env['ASSAY_INDEXER'] ?? 'http://127.0.0.1:4630')

let best = null
for await (const machine of each(client, '/feed', {})) if ((machine.rates.upKbps ?? 0) > (best?.rates.upKbps ?? 0)) best = machine

if (best === null) console.log('no verified machine yet')
else {
  const { passed, asked } = best.availability
  console.log(`${best.address}: ${best.rates.upKbps} kbit/s up, passed ${passed} of ${asked} rounds of epoch ${best.epoch}`)
  const { lines } = await answer(client.GET('/machines/{account}/why', { params: { path: { account: best.account }, query: { epoch: best.epoch } } }))
  console.log(lines.join('\n'))
}
