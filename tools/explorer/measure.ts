// How quick the explorer is on this machine: bytes of the first load, time to a usable page, how recordings grow, a replay, and frames while ten thousand machines are scrolled through.
//   node tools/explorer/measure.ts
import { unpackRecording } from '@assay/replay'
import { buildIfStale } from '../../explorer/build.ts'
import { launch, openPage } from './browser.ts'
import { startSeededIndexer } from './indexer.ts'

const LOADS = 9
const MACHINES = 10_000

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

await buildIfStale()
await using indexer = await startSeededIndexer()
const browser = await launch()
try {
  const usable: number[] = []
  let bytes = 0
  for (let load = 0; load < LOADS; load++) {
    const { page } = await openPage(browser)
    const client = await page.context().newCDPSession(page)
    await client.send('Network.enable')
    bytes = 0
    client.on('Network.loadingFinished', ({ encodedDataLength }) => void (bytes += encodedDataLength))
    await page.goto(indexer.url)
    // Usable: the clock runs, the figures are there, links can be followed. The page's own clock, from the beginning of the navigation.
    await page.locator('.dial').waitFor()
    usable.push(await page.evaluate<number>('performance.now()'))
    await page.locator('canvas').first().waitFor()
    await page.context().close()
  }
  console.log(`first load: ${bytes} bytes with the answers of the API; usable after ${Math.round(median(usable))} ms (median of ${LOADS}, worst ${Math.round(Math.max(...usable))})`)

  for (const epoch of [0, 3, 6]) {
    const file = new Uint8Array(await (await fetch(`${indexer.url}/epochs/${epoch}/recording`)).arrayBuffer())
    const { blocks, blobs } = await unpackRecording(file)
    console.log(`recording of epoch ${epoch}, with all before it: ${file.length} bytes, ${blocks.length} blocks, ${blobs.length} pieces of evidence of ${blobs.reduce((sum, { length }) => sum + length, 0)} bytes`)
  }

  const { page } = await openPage(browser)
  await page.goto(`${indexer.url}/explorer/verify/6`)
  const began = performance.now()
  await page.getByRole('button', { name: 'Replay it now' }).click()
  await page.getByText('The same root.').waitFor({ timeout: 60_000 })
  console.log(`replay of epoch 6 with the six before it: ${((performance.now() - began) / 1000).toFixed(2)} s from the click to the same root`)

  await indexer.crowd(MACHINES)
  await page.goto(`${indexer.url}/explorer/machines`)
  await page.locator('table.rows').waitFor()
  // 40 pixels a frame, through whatever is loaded by then; the gap between frames is what a person sees.
  const gaps = await page.evaluate<number[]>(`new Promise((done) => {
    const gaps = []
    let last = performance.now()
    const step = (now) => {
      gaps.push(now - last)
      last = now
      scrollBy(0, 160)
      gaps.length < 600 ? requestAnimationFrame(step) : done(gaps)
    }
    requestAnimationFrame(step)
  })`)
  const sorted = gaps.slice(1).toSorted((a, b) => a - b)
  const state = await page.evaluate<string>('`${document.querySelectorAll("table.rows tbody tr:not(.space)").length} rows drawn, ${document.querySelector(".loaded").textContent}, at ${Math.round(scrollY)} px`')
  console.log(`scrolling ${MACHINES} machines, 160 px a frame: median ${sorted[300]!.toFixed(1)} ms a frame, p95 ${sorted[570]!.toFixed(1)}, worst ${sorted.at(-1)!.toFixed(1)}; ${state}`)
} finally {
  await browser.close()
}
