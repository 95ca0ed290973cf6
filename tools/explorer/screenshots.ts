// Pictures of every page of the explorer, light and dark, phone and desktop, over a seeded indexer.
//   node tools/explorer/screenshots.ts [FOLDER]        default: docs/explorer
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toAddress } from '@assay/runtime-bindings'
import { buildIfStale } from '../../explorer/build.ts'
import { launch, openPage } from './browser.ts'
import { startSeededIndexer } from './indexer.ts'
import { smaller } from './small-png.ts'

/** Enough for letters without edges; with all of them the pictures would be four times as large. */
const COLOURS = 64

const folder = process.argv[2] ?? join(import.meta.dirname, '../../docs/explorer')
mkdirSync(folder, { recursive: true })
await buildIfStale()
await using indexer = await startSeededIndexer()
const browser = await launch()
try {
  const cheat = toAddress(indexer.played.machines[2]!.account)
  const checker = toAddress(indexer.played.checkers[4]!.account)
  const pages = { overview: '/', machines: '/explorer/machines', machine: `/explorer/machines/${cheat}`, checkers: '/explorer/checkers', checker: `/explorer/checkers/${checker}`, rounds: '/explorer/rounds', round: '/explorer/rounds/7', epochs: '/explorer/epochs', epoch: '/explorer/epochs/3', verify: '/explorer/verify/3' }
  for (const dark of [false, true]) {
    for (const phone of [false, true]) {
      const { page, faults } = await openPage(browser, { dark, phone })
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(indexer.url + path, { waitUntil: 'networkidle' })
        await page.locator('h1').waitFor()
        if (name === 'verify') {
          await page.getByRole('button', { name: 'Replay it now' }).click()
          await page.getByText('The same root.').waitFor()
        }
        await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))')
        const { clip } = await shotOf(page, phone)
        writeFileSync(join(folder, `${name}-${phone ? 'phone' : 'desktop'}-${dark ? 'dark' : 'light'}.png`), smaller(await page.screenshot({ fullPage: true, clip }), COLOURS))
      }
      if (faults.length > 0) throw new Error(`pages complained: ${faults.join('; ')}`)
      await page.close()
    }
  }
} finally {
  await browser.close()
}

/** What of a page is pictured: all of its width, and no more of its height than tells how it looks. */
async function shotOf(page: Awaited<ReturnType<typeof openPage>>['page'], phone: boolean): Promise<{ clip: { x: number, y: number, width: number, height: number } }> {
  const height = await page.evaluate<number>('document.documentElement.scrollHeight')
  return { clip: { x: 0, y: 0, width: phone ? 390 : 1280, height: Math.min(height, phone ? 1600 : 1400) } }
}
