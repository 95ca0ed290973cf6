// The explorer in a real browser, over a real indexer's API and database.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { explain } from '@assay/protocol'
import { blockHash } from '@assay/protocol/testing/round'
import { unpackRecording } from '@assay/replay'
import { testNode } from '@assay/replay/testing/node'
import { toAddress } from '@assay/runtime-bindings'
import { buildIfStale } from '../../explorer/build.ts'
import { type RpcCall, serveRpc } from '../../runtime-bindings/testing/rpc-server.ts'
import { hasChromiumPackage } from '../chromium-package.ts'
import { launch, openPage, type Opened } from './browser.ts'
import { startSeededIndexer, type SeededIndexer } from './indexer.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let indexer: SeededIndexer
let browser: Browser
let cheat: string
let honest: string
let checker: string
const open: Page[] = []

beforeAll(async () => {
  if (!hasChromiumPackage) return
  await buildIfStale()
  indexer = await startSeededIndexer()
  browser = await launch()
  cheat = toAddress(indexer.played.machines[2]!.account)
  honest = toAddress(indexer.played.machines[0]!.account)
  checker = toAddress(indexer.played.checkers[4]!.account)
}, 180_000)
afterAll(async () => {
  await browser?.close()
  await indexer?.[Symbol.asyncDispose]()
})
afterEach(async () => {
  indexer.change.answer = (_, body) => body
  for (const page of open.splice(0)) await page.close()
})

async function visit(path: string, options: Parameters<typeof openPage>[1] = {}): Promise<Opened> {
  const opened = await openPage(browser, options)
  open.push(opened.page)
  await opened.page.goto(indexer.url + path)
  await opened.page.locator('h1').waitFor()
  return opened
}

/** A node for pages to ask, on a free port. */
async function rpcServer(call: RpcCall): Promise<AsyncDisposable & { url: string, clients: () => number }> {
  const { port, clients, close } = await serveRpc({ host: '127.0.0.1', port: 0, call })
  return { url: `ws://127.0.0.1:${port}`, clients, [Symbol.asyncDispose]: close }
}

/** All that a page shows is there: nothing is loading any more. */
const settled = (page: Page): Promise<void> => until(page, 'document.querySelector("h1") !== null && document.querySelector(".loading, .working, [aria-busy=true]") === null')

/** Waits until an expression is true in the page, whose policy lets nobody evaluate one from within. */
async function until(page: Page, expression: string): Promise<void> {
  await expect.poll(() => page.evaluate(expression), { timeout: 20_000 }).toBe(true)
}

interface Violation { id: string, impact: string, nodes: { html: string, failureSummary: string }[] }

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const found = await page.evaluate<Violation[]>('axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map(({ html, failureSummary }) => ({ html, failureSummary })) })))')
  return found.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`)
}

describe.skipIf(!hasChromiumPackage)('the explorer', () => {
  test('says nothing serious against itself on any page, dark or light, and breaks no rule of its policy', async () => {
    const paths = ['/', '/explorer/machines', `/explorer/machines/${cheat}`, '/explorer/checkers', `/explorer/checkers/${checker}`, '/explorer/rounds', '/explorer/rounds/7', '/explorer/rounds/15', '/explorer/epochs', '/explorer/epochs/3', '/explorer/verify', '/explorer/nowhere', '/explorer/machines/5none']
    for (const [dark, phone] of [[false, true], [true, false]] as const) {
      const { page, faults } = await visit('/', { dark, phone })
      for (const path of paths) {
        await page.goto(indexer.url + path)
        await settled(page)
        expect([path, dark, await violations(page)]).toEqual([path, dark, []])
        // Nothing sticks out of a phone.
        expect([path, await page.evaluate('document.documentElement.scrollWidth <= innerWidth')]).toEqual([path, true])
      }
      expect(faults.filter((fault) => !/400 \(Bad Request\)|404 \(Not Found\)/.test(fault))).toEqual([])
    }
  })

  test('lets an owner find his machine by its DID, and tells why it earned what it did', async () => {
    const { page, faults } = await visit('/')
    await page.getByRole('searchbox', { name: /Find a machine/ }).fill(`did:peaq:${cheat}`)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /^Machine/ }).waitFor()
    await settled(page)
    expect(new URL(page.url()).pathname).toBe(`/explorer/machines/${cheat}`)
    const last = page.locator('details.why').first()
    expect(await last.locator('summary').first().innerText()).toContain('Epoch 6')
    expect(await page.locator('.lead').innerText()).toContain(`In epoch 6 it earned 0 PEAQ. ${explain('WRONG_PRODUCT')}`)
    await page.getByRole('link', { name: 'Why, line by line' }).click()
    expect(await page.evaluate('document.querySelector("#why").getBoundingClientRect().top < innerHeight')).toBe(true)
    // A cheat is shown as one: in words of the protocol, with the rounds in which it was caught.
    expect(await last.innerText()).toContain(explain('WRONG_PRODUCT'))
    expect(await page.locator('.strip .cell.bad').count()).toBe(10)
    expect(await page.locator('.strip .cell.good').count()).toBe(4)
    expect(await page.getByText('benched').first().isVisible()).toBe(true)
    await last.getByText('Every reading, in the words of').click()
    await last.locator('pre').waitFor()
    expect(await last.locator('pre').innerText()).toContain('WRONG_PRODUCT')
    // Whoever checks is seen to miss rounds.
    await page.goto(`${indexer.url}/explorer/checkers`)
    await settled(page)
    expect(await page.locator('table.rows tbody td.badText').allInnerTexts()).toEqual([expect.stringMatching(/^[1-9]\d* of 14$/)])
    // An honest one says what it earned.
    await page.goto(`${indexer.url}/explorer/machines/${honest}`)
    await settled(page)
    const score = indexer.replayed[6]!.result.scores.find(({ account }) => toAddress(account) === honest)!
    expect(await page.locator('details.why').first().locator(`[title="${score.earned} planck"]`).count()).toBeGreaterThan(0)
    expect(faults).toEqual([])
  })

  test('replays an epoch and finds the same root; an indexer that lies about one line is shown to, and in which', async () => {
    const { page, faults } = await visit('/explorer/verify/3')
    await page.getByRole('button', { name: 'Replay it now' }).click()
    await page.getByText('The same root.').waitFor({ timeout: 60_000 })
    const { root, scoreLeaves } = indexer.replayed[3]!.statement
    expect(await page.locator(`[title="${root}"]`).count()).toBe(2)
    expect(await page.getByText('Taken on trust').isVisible()).toBe(true)
    expect(faults).toEqual([])
    indexer.change.answer = (path, body) => {
      if (path.endsWith('/epochs/3/statement')) return body.replace(root, `0x${'ab'.repeat(32)}`).replace(/"scores":"0x[0-9a-f]{64}"/, `"scores":"0x${'cd'.repeat(32)}"`)
      return path.includes('/epochs/3/leaves/scores') ? JSON.stringify({ ...JSON.parse(body), items: (JSON.parse(body) as { items: string[] }).items.with(1, '0x00') }) : body
    }
    await page.getByRole('button', { name: 'Replay it now' }).click()
    await page.getByText('This indexer says something else.').waitFor({ timeout: 60_000 })
    const parted = page.locator('.note.warn', { hasText: 'Where they part' })
    expect(await parted.innerText()).toContain(`scores: ${scoreLeaves.length} lines, first at line 1:`)
  })

  test('compares for a visitor who is quicker than what the page asks first', async () => {
    const opened = await openPage(browser)
    open.push(opened.page)
    const { promise: clicked, resolve } = Promise.withResolvers<void>()
    await opened.page.route('**/network', async (route) => {
      await clicked
      await route.continue()
    })
    await opened.page.goto(`${indexer.url}/explorer/verify/3`)
    await opened.page.getByRole('button', { name: 'Replay it now' }).click()
    resolve()
    await opened.page.getByText('The same root.').waitFor({ timeout: 60_000 })
    expect(opened.faults).toEqual([])
  })

  test('asks the node that a visitor names, and no other; says when that has other blocks, another chain, no answer or no such address', async () => {
    let genesis = blockHash(0)
    const { first, blocks: { length } } = await unpackRecording(new Uint8Array(await (await fetch(`${indexer.url}/epochs/3/recording`)).arrayBuffer()))
    const { call } = testNode(first, Array.from({ length }, () => []))
    await using node = await rpcServer(async (method, params) => (method === 'chain_getBlockHash' && params[0] === 0 ? genesis : call(method, params)))
    const { page, faults } = await visit('/explorer/verify/3')
    const ask = async (address: string): Promise<void> => {
      await page.getByLabel(/Check the blocks against a node/).fill(address)
      await page.getByRole('button', { name: 'Replay it now' }).click()
    }
    await ask(node.url)
    await page.getByText('The recording is not what your node has.').waitFor({ timeout: 60_000 })
    await page.getByText('Computed from blocks that your node does not have.').waitFor()
    expect(await page.locator('.outcomes').innerText()).toContain(`Block ${first} is not as the node has it. Its hash: recorded is 0x`)
    expect(await page.getByText(', and your node says otherwise').isVisible()).toBe(true)
    expect(await violations(page)).toEqual([])
    genesis = `0x${'ab'.repeat(32)}`
    await ask(node.url)
    await page.getByText('Your node is of another chain.').waitFor({ timeout: 60_000 })
    expect(faults).toEqual([])

    // The page's own policy lets it ask nobody but its indexer: only the worker may.
    await expect(page.evaluate(`new Promise((done) => setTimeout(() => { const socket = new WebSocket(${JSON.stringify(node.url)}); socket.onopen = () => done('open'); socket.onerror = () => done('refused') }))`)).resolves.toBe('refused')

    await ask('ws://127.0.0.1:1')
    await page.getByText('Your node could not tell.', { exact: true }).waitFor({ timeout: 60_000 })
    // The browser does not send what is no address.
    await ask('127.0.0.1:9944')
    expect(await page.getByLabel(/Check the blocks against a node/).evaluate((input) => (input as unknown as { validity: { valid: boolean } }).validity.valid)).toBe(false)
  })

  test('leaves a node that falls silent when the visitor wants to, and keeps the address nowhere', async () => {
    await using node = await rpcServer(() => new Promise(() => {}))
    const { page, faults } = await visit(`/explorer/verify/3?node=${encodeURIComponent(node.url)}`)
    const field = page.getByLabel(/Check the blocks against a node/)
    expect(await field.inputValue()).toBe('')
    await field.fill(node.url)
    await page.getByRole('button', { name: 'Replay it now' }).click()
    await page.getByRole('button', { name: 'Stop asking' }).click({ timeout: 60_000 })
    await page.getByText('The same root.').waitFor()
    await expect.poll(node.clients).toBe(0)
    await page.reload()
    expect(await field.inputValue()).toBe('')
    expect(faults).toEqual([])
  })

  test('replays a file of the visitor’s own, and refuses one that is none', async () => {
    const { page } = await visit('/explorer/verify')
    await page.locator('input[type=file]').setInputFiles(new URL('../../test/recordings/epoch.assay', import.meta.url).pathname)
    await page.getByText('Computed; this indexer has no statement to compare it with.').waitFor({ timeout: 60_000 })
    expect(await page.getByText('whoever made your file says so').isVisible()).toBe(true)
    await page.locator('input[type=file]').setInputFiles({ name: 'x.assay', mimeType: 'application/octet-stream', buffer: Buffer.from('<script>alert(1)</script>') })
    await page.getByText('It cannot be replayed.').waitFor()
  })

  test('shows what strangers wrote as text and nothing else', async () => {
    const hostile = `<img src=x onerror="window.caught=1"><script>window.caught=1</script>"'\`javascript:alert(1)\u202e`
    indexer.change.answer = (path, body) => {
      if (!/^\/(machines|checkers|network|rounds|epochs)/.test(path)) return body
      return JSON.stringify(JSON.parse(body), (key, value: unknown) => (typeof value === 'string' && ['text', 'address', 'did', 'detail', 'claim', 'peer', 'anchor', 'commitment', 'package', 'beacon', 'id', 'name', 'controller', 'type', 'publicKeyMultibase', 'serviceEndpoint', 'data'].includes(key) ? hostile : key === 'addresses' || key === 'evidence' || key === 'authentications' ? (Array.isArray(value) && typeof value[0] === 'object' ? value : [hostile]) : value))
    }
    const { page } = await visit('/')
    for (const path of ['/', '/explorer/machines', `/explorer/machines/${cheat}`, '/explorer/checkers', `/explorer/checkers/${checker}`, '/explorer/rounds/7', '/explorer/epochs/3', `/explorer/machines/${encodeURIComponent(hostile)}`, `/explorer/machines?search=${encodeURIComponent(hostile)}`]) {
      await page.goto(indexer.url + path)
      await settled(page)
      expect([path, await page.evaluate('[window.caught ?? null, document.querySelectorAll("main img, main script, main iframe").length, [...document.querySelectorAll("a")].filter((a) => !/^https?:$/.test(a.protocol)).length]')]).toEqual([path, [null, 0, 0]])
    }
    await page.goto(`${indexer.url}/explorer/checkers/${checker}`)
    await settled(page)
    expect(await page.locator('main').innerText()).toContain('<script>window.caught=1</script>')
  })

  test('is walked by keyboard alone, and tells where one has come', async () => {
    const { page, faults } = await visit('/')
    await settled(page)
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent')
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('Skip to the page')
    await page.keyboard.press('Enter')
    expect(await page.evaluate('document.activeElement.id')).toBe('main')
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.closest("main") !== null')).toBe(true)
    await page.goto('about:blank')
    await page.goto(indexer.url)
    await settled(page)
    for (const name of ['Skip to the page', ' Assay', 'Network', 'Machines']) {
      await page.keyboard.press('Tab')
      expect((await focused()).trim()).toBe(name.trim())
    }
    await page.keyboard.press('Enter')
    await until(page, 'document.activeElement.tagName === "H1"')
    expect(await focused()).toBe('Machines')
    await settled(page)
    // The order in which a reader hears the heads is that of the columns, and one says which sorts.
    expect((await page.locator('thead th').allInnerTexts()).map((head) => head.replace(/ [↑↓]$/, ''))).toEqual(['Machine', 'Device', 'Standing', 'Last round', 'Down, up', 'Proven work', 'Score', 'Earned'])
    // Sorted, filtered and opened without a mouse; the browser's back leads back.
    await page.getByRole('button', { name: 'Proven work' }).focus()
    await page.keyboard.press('Space')
    await until(page, 'new URLSearchParams(location.search).get("sort") === "work"')
    expect(await page.locator('th[aria-sort=descending]').innerText()).toContain('Proven work')
    expect(await focused()).toContain('Proven work')
    await settled(page)
    // Once more and it is the other way round.
    await page.keyboard.press('Space')
    await until(page, 'new URLSearchParams(location.search).get("order") === "asc"')
    expect(await page.locator('th[aria-sort=ascending]').innerText()).toContain('Proven work')
    expect(await page.locator('th[aria-sort=descending]').count()).toBe(0)
    expect(await focused()).toContain('Proven work')
    await settled(page)
    await page.locator('tbody a').first().focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: /^Machine / }).waitFor()
    await page.goBack()
    await page.getByRole('heading', { level: 1, name: 'Machines' }).waitFor()
    expect(new URL(page.url()).search).toBe('?sort=work&order=asc')
    expect(faults).toEqual([])
  })

  test('searches and filters by the indexer', async () => {
    const { page } = await visit('/explorer/machines')
    await settled(page)
    await page.locator('label', { hasText: /^Standing/ }).locator('select').selectOption('BENCHED')
    await until(page, 'document.querySelectorAll("table.rows tbody tr").length === 1')
    expect(await page.locator('table.rows tbody').innerText()).toContain('failed')
    await page.locator('label', { hasText: /^Last round/ }).locator('select').selectOption('PASS')
    await page.getByText('No machine is like that. Loosen the filters.').waitFor()
    await page.goto(`${indexer.url}/explorer/machines`)
    await page.getByLabel('Search by DID').fill(`did:peaq:${honest.slice(0, 12)}`)
    await until(page, 'document.querySelectorAll("table.rows tbody tr").length === 1')
    await page.getByLabel('Search by DID').fill('not an address')
    await page.getByText('is no DID, no address or account').waitFor()
  })

  test('sorts every column that can be both ways, filters by device, and says so in its address', async () => {
    const { page, faults } = await visit('/explorer/machines')
    await settled(page)
    const rows = (): Promise<string[]> => page.evaluate('[...document.querySelectorAll("table.rows tbody tr td:first-child span")].map((cell) => cell.title)')
    for (const [head, sort, usual] of [['Machine', 'account', 'asc'], ['Last round', 'verdict', 'desc'], ['Proven work', 'work', 'desc'], ['Earned', 'earned', 'desc'], ['Score', 'score', 'desc']] as const) {
      const seen: string[][] = []
      for (const order of [usual, usual === 'asc' ? 'desc' : 'asc']) {
        await page.getByRole('button', { name: head, exact: false }).click()
        await page.locator(`th[aria-sort=${order}ending]`, { hasText: head }).waitFor()
        await settled(page)
        seen.push(await rows())
        const query = new URL(page.url()).searchParams
        expect([query.get('sort') ?? 'score', query.get('order') ?? usual]).toEqual([sort, order])
      }
      expect(seen[1]).toEqual(seen[0]!.toReversed())
      expect(seen[0]!.length).toBe(9)
    }
    await page.locator('label', { hasText: /^Device/ }).locator('select').selectOption({ label: 'NVIDIA H100 SXM5 (3)' })
    await until(page, 'document.querySelectorAll("table.rows tbody tr").length === 3')
    expect(new URL(page.url()).search).toBe('?device=141&order=asc')
    expect(await page.locator('table.rows tbody').innerText()).toContain('NVIDIA H100 SXM5')
    // Whoever is sent the address sees the same.
    const shown = await rows()
    await page.reload()
    await settled(page)
    expect(await rows()).toEqual(shown)
    await page.goto(`${indexer.url}/explorer/machines?device=4711`)
    await page.getByText('No machine is like that. Loosen the filters.').waitFor()
    expect(faults).toEqual([])
  })

  test('names the extrinsics by which things came, and leads to them where its operator says to', async () => {
    const extrinsic = /^https:\/\/peaq\.subscan\.io\/extrinsic\/\d+-\d+$/
    const { page, faults } = await visit(`/explorer/machines/${honest}`)
    await settled(page)
    const registered = page.locator('.fact', { hasText: 'Registered by' }).locator('a')
    expect(await registered.getAttribute('href')).toMatch(extrinsic)
    const paid = page.getByRole('region', { name: 'Paid to its owner' })
    // Where to link to is asked for beside the page.
    await expect.poll(() => paid.locator('a[href*="/extrinsic/"]').count()).toBe(6)
    expect(await paid.getByText('not known yet').count()).toBe(1)
    for (const [path, region, least] of [['/explorer/rounds/7', 'Commitments and packages', 9], ['/explorer/epochs/3', 'Statement', 1], ['/explorer/epochs/3', 'Payouts', 5], [`/explorer/checkers/${checker}`, 'Who it is', 1]] as const) {
      await page.goto(indexer.url + path)
      await settled(page)
      const links = page.getByRole('region', { name: region, exact: true }).locator('a[href*="/extrinsic/"]')
      await expect.poll(() => links.count(), { message: path }).toBeGreaterThanOrEqual(least)
      for (const link of await links.all()) expect(await link.getAttribute('href')).toMatch(extrinsic)
    }
    // Without an address of another explorer the name is there to be copied; without the extrinsic the block is.
    indexer.change.answer = (path, body) => (path === '/explorer/links.json' ? '{"block":null,"extrinsic":null,"account":null}' : body)
    await page.goto(`${indexer.url}/explorer/machines/${honest}`)
    await settled(page)
    await expect.poll(() => page.getByRole('button', { name: /^Copy the extrinsic \d+-\d+$/ }).count()).toBe(7)
    indexer.change.answer = (path, body) => (path.startsWith('/machines/') ? body.replace(/"extrinsic":\{[^}]*\}/g, '"extrinsic":null') : body)
    await page.goto(`${indexer.url}/explorer/machines/${honest}`)
    await settled(page)
    expect(await page.locator('.fact', { hasText: 'Registered by' }).innerText()).toContain('#1')
    expect(faults).toEqual([])
  })

  test('shows a DID document as what it says, and bytes that say nothing as bytes', async () => {
    const { page, faults } = await visit(`/explorer/machines/${honest}`)
    await settled(page)
    const card = page.getByRole('region', { name: 'DID document' })
    for (const said of [`did:peaq:${honest}`, 'Ed25519VerificationKey2020', '#assay', '#keys-1']) expect(await card.getByText(said).first().isVisible()).toBe(true)
    expect(await card.locator('pre').isVisible()).toBe(false)
    await card.getByText(/^As it stands on chain: \d+ bytes$/).click()
    expect(await card.locator('pre').innerText()).toMatch(/^0x[0-9a-f]+$/)
    indexer.change.answer = (path, body) => (path.endsWith('/document') ? JSON.stringify({ ...JSON.parse(body), document: null, bytes: '0xdeadbeef' }) : body)
    await page.goto(`${indexer.url}/explorer/machines/${honest}`)
    await card.getByText('could not be read as a DID document').waitFor()
    expect(await card.locator('pre').innerText()).toBe('0xdeadbeef')
    expect(await violations(page)).toEqual([])
    expect(faults).toEqual([])
  })

  test('says that it is old when the chain stands or nobody answers, and goes on when they do again', async () => {
    const { page } = await visit('/')
    await settled(page)
    expect(await page.locator('.pulse').innerText()).toMatch(/block/)
    const { ledger } = indexer.state$.value
    indexer.state$.next({ ledger, stalled: { reason: 'DISCONNECTED', detail: 'the node is gone' } })
    await page.getByText('What is shown is old: the node is gone.').first().waitFor()
    indexer.state$.next({ ledger, stalled: null })
    await page.locator('.banner').waitFor({ state: 'detached' })
    await page.route('**/network', (route) => route.abort())
    await page.getByText('What is shown is old: the indexer does not answer.').first().waitFor()
    // What was there stays to be read.
    expect(await page.getByText('Round clock').isVisible()).toBe(true)
    await page.unroute('**/network')
    await page.locator('.banner').waitFor({ state: 'detached' })
  })

  test('learns news by events where the indexer has them', async () => {
    const opened = await openPage(browser)
    open.push(opened.page)
    let asked = 0
    await opened.page.route('**/events', (route) => (asked++ === 0 ? route.fulfill({ contentType: 'text/event-stream', body: 'retry: 600000\n\nevent: block\ndata: {"type":"block","block":1}\n\n' }) : route.abort()))
    const looks: number[] = []
    opened.page.on('request', (request) => request.url().endsWith('/network') && looks.push(1))
    await opened.page.goto(indexer.url)
    await expect.poll(() => looks.length).toBeGreaterThan(1)
  })

  test('says what is not there, and lets one try again', async () => {
    const { page } = await visit('/explorer/rounds/4000000')
    await page.getByText('There is no such thing here.').waitFor()
    // With news, which the page gets here none of, it would try again by itself.
    for (const news of ['**/network', '**/events']) await page.route(news, (route) => route.abort())
    await page.route('**/epochs?**', (route) => route.fulfill({ status: 500, contentType: 'application/json', body: '{"error":{"code":"INTERNAL","message":"the server could not answer"}}' }))
    await page.goto(`${indexer.url}/explorer/epochs`)
    await page.getByText('That did not work.').waitFor()
    await page.unroute('**/epochs?**')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('7 epochs').or(page.getByText('8 epochs')).waitFor()
  })

  test('shows an empty network as one that begins', async () => {
    indexer.change.answer = (path, body) => (path.startsWith('/network') ? JSON.stringify({ ...JSON.parse(body), devices: [], head: null, best: null, round: null, parameters: null, capture: null, pot: null, lastEpoch: null, machines: 0, checkers: 0 }) : /^\/(machines|checkers|rounds|epochs)/.test(path) ? '{"items":[],"next":null}' : body)
    const { page, faults } = await visit('/')
    for (const [path, said] of [['/', 'The indexer has not read its first block yet.'], ['/explorer/machines', 'No machine has registered yet.'], ['/explorer/checkers', 'No checker has registered yet.'], ['/explorer/rounds', 'The first round has not begun.'], ['/explorer/epochs', 'The first epoch has not begun.'], ['/explorer/verify', 'No epoch is scored yet.']] as const) {
      await page.goto(indexer.url + path)
      await page.getByText(said).first().waitFor()
      await settled(page)
      expect([path, await violations(page)]).toEqual([path, []])
    }
    expect(faults).toEqual([])
  })

  test('remembers whether it is to be light or dark', async () => {
    const { page } = await visit('/')
    const paper = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor')
    const light = await paper()
    await page.getByRole('button', { name: /^Colours: auto/ }).click()
    await page.getByRole('button', { name: /^Colours: light/ }).click()
    await page.getByRole('button', { name: /^Colours: dark/ }).waitFor()
    await expect.poll(paper).not.toBe(light)
    const dark = await paper()
    await page.reload()
    await page.getByRole('button', { name: /^Colours: dark/ }).waitFor()
    await expect.poll(paper).toBe(dark)
  })

  test('cannot be made to run what did not come with it', async () => {
    const { page } = await visit('/')
    expect(await page.evaluate(`(() => {
      const tries = {
        inline: () => { const script = document.createElement('script'); script.textContent = 'window.caught = 1'; document.body.append(script) },
        markup: () => { document.body.innerHTML = '<p>x</p>' },
        worker: () => { new Worker('/explorer/icon.svg') },
        evaluated: () => { new Function('window.caught = 1')() },
      }
      // Later, because what is evaluated from outside may do more than the page itself.
      return new Promise((done) => setTimeout(() => done(Object.entries(tries).map(([name, attempt]) => { try { attempt(); return [name, window.caught ?? 'nothing came of it'] } catch { return [name, 'refused'] } }))))
    })()`)).toEqual([['inline', 'refused'], ['markup', 'refused'], ['worker', 'refused'], ['evaluated', 'refused']])
  })

  test('holds ten thousand machines, and draws those in view', async () => {
    await indexer.crowd(10_000)
    const { page, faults } = await visit('/explorer/machines')
    await page.getByText('of 10\u202f009 machines').waitFor()
    const rows = (): Promise<number> => page.evaluate('document.querySelectorAll("table.rows tbody tr:not(.space)").length')
    const loaded = (): Promise<number> => page.evaluate('Number(document.querySelector(".loaded [role=status]").textContent.match(/first (.*) of/)[1].replace(/\\D/g, ""))')
    for (let target = 200; target <= 1200; target += 200) {
      await expect.poll(async () => {
        await page.evaluate('scrollTo(0, document.documentElement.scrollHeight)')
        return loaded()
      }, { timeout: 20_000 }).toBeGreaterThanOrEqual(target)
      expect(await rows()).toBeLessThan(100)
    }
    // Whoever is last of all by account is found at once all the same.
    await page.getByLabel('Search by DID').fill(honest)
    await until(page, 'document.querySelectorAll("table.rows tbody tr").length === 1')
    expect(faults).toEqual([])
  })

  test('loads within 60 kB, and loads what is hashed once', async () => {
    const opened = await openPage(browser)
    open.push(opened.page)
    const client = await opened.page.context().newCDPSession(opened.page)
    await client.send('Network.enable')
    const sizes = new Map<string, number>()
    const urls = new Map<string, string>()
    client.on('Network.responseReceived', ({ requestId, response }) => void urls.set(requestId, response.url))
    client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => void sizes.set(urls.get(requestId)!, encodedDataLength))
    await opened.page.goto(indexer.url)
    await opened.page.locator('canvas').first().waitFor()
    const page = [...sizes].filter(([url]) => new URL(url).pathname.startsWith('/explorer/') || new URL(url).pathname === '/')
    expect(page.length).toBeGreaterThan(3)
    expect(page.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(60_000)
    await client.detach()
  })
})
