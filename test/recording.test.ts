// A recorded epoch of a devnet on peaq's own runtime (`node tools/record-epoch.ts`), replayed: the statement that its committee paid by, from the file alone, to the byte, on every engine.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { explainEpoch, type Explanation } from '@assay/protocol'
import { addressOf, type RecordedReplay, replayRecording, tellEpoch } from '@assay/replay'
import { testNode } from '@assay/replay/testing/node'
import { cryptoReady, nodeCrypto } from '@assay/runtime-bindings'
import { serveRpc } from '../runtime-bindings/testing/rpc-server.ts'
import { hasChromiumPackage } from '../tools/chromium-package.ts'
import { openPage } from '../tools/chromium.ts'
import { bundleForBrowsers, replayPage } from '../tools/replay-page.ts'

const root = join(import.meta.dirname, '..')
const FILE = join(import.meta.dirname, 'recordings', 'epoch.assay')
const NODE_22 = join(root, 'node_modules', 'node22-linux-x64', 'bin', 'node')
const MEBIBYTE = 2 ** 20
const run = promisify(execFile)

const file = new Uint8Array(readFileSync(FILE))
const scratch = mkdtempSync(join(tmpdir(), 'assay-recording-'))
let here: RecordedReplay
let explanations: Explanation[]
let lines: string[]

beforeAll(async () => {
  await cryptoReady()
  here = await replayRecording(file, { crypto: nodeCrypto })
  explanations = explainEpoch(here.replayed)
  lines = tellEpoch(here.replayed, here.onChain, explanations, false)
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('the recorded epoch', () => {
  test('comes to the statement that stands on its chain', () => {
    expect(here.onChain).toBe('match')
    expect(here.replayed.result.paid).toBeGreaterThan(0n)
    expect(file.length).toBeLessThan(1.5 * MEBIBYTE)
  })

  test('paid two machines for proven work and three checkers for readings, and the cheat nothing, with its reason', () => {
    const scores = (kind: 'machine' | 'checker'): Explanation[] => explanations.filter(({ score }) => score.kind === kind)
    expect(scores('checker').map(({ score }) => score.earned > 0n)).toEqual([true, true, true])
    const [cheat, ...honest] = scores('machine').toSorted((a, b) => (a.score.earned < b.score.earned ? -1 : 1))
    expect(honest.map(({ score }) => [score.earned > 0n, score.reason])).toEqual([[true, 'OK'], [true, 'OK']])
    expect(cheat).toMatchObject({ score: { score: 0n, earned: 0n, reason: expect.stringMatching(/^(WRONG_PRODUCT|WRONG_SCAN|BAD_PATH)$/) as unknown }, payout: undefined })
    expect(cheat!.rounds.map(({ verdict }) => verdict)).toContainEqual(expect.objectContaining({ outcome: 'FAIL', reason: cheat!.score.reason }))
    expect(lines.join('\n')).toContain(`machine ${addressOf(cheat!.score.account)}: score 0, earned 0 PEAQ (${cheat!.score.reason}: `)
  })
})

describe('assay replay --recording', () => {
  const assay = (...args: string[]) => run(process.execPath, [...process.execArgv, join(root, 'cli/src/main.ts'), 'replay', ...args], { env: { ...process.env, NO_COLOR: '1' } })

  test('tells the same without a chain, in words and in JSON', async () => {
    expect((await assay('--recording', FILE)).stdout).toBe(`${lines.join('\n')}\n`)
    const told = JSON.parse((await assay('--recording', FILE, '--json')).stdout) as object
    expect(told).toMatchObject({ event: 'replayed', epoch: here.recording.epoch, root: here.replayed.statement.root, onChain: 'match' })
  })

  test('says of one machine, line by line, why its score is what it is', async () => {
    const { score, rounds } = explanations.find(({ score }) => score.kind === 'machine' && score.earned > 0n)!
    const { stdout } = await assay('--recording', FILE, '--account', addressOf(score.account))
    const machine = rounds.flatMap((round) => (round.kind === 'machine' ? [round.verdict] : []))
    for (const { round, outcome, observations } of machine) {
      expect(stdout).toContain(`  round ${round}: ${outcome}`)
      for (const { checker, vote, credited } of observations) expect(stdout).toContain(`    ${addressOf(checker)}: ${vote}, credited ${credited} steps`)
    }
    expect(stdout.match(/^(machine|checker) /gm)).toHaveLength(1)
  })

  test('refuses in a sentence what is no recording, and what goes together with none', async () => {
    const torn = join(scratch, 'torn.assay')
    writeFileSync(torn, file.subarray(0, 1000))
    await expect(assay('--recording', torn)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be replayed: malformed recording') as unknown })
    await expect(assay('--recording', join(scratch, 'none'))).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('(ENOENT)') as unknown })
    await expect(assay('--recording', FILE, '--epoch', '7')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('epoch 7 is judged from block') as unknown })
    await expect(assay('--recording', FILE, '--from', 'http://127.0.0.1:1')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--recording goes with none of') as unknown })
    await expect(assay('--recording', FILE, '--network', '5F')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('--recording goes with none of') as unknown })
    await expect(assay('--epoch', '0')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('or a --recording') as unknown })
  })

  test('holds the blocks against a node that --chain names, and refuses what that does not have', async () => {
    const { first, blocks } = here.recording
    const { call } = testNode(first, blocks.map(() => []))
    const server = await serveRpc({ host: '127.0.0.1', port: 0, call: async (method, params) => call(method, params) })
    try {
      const refused = assay('--recording', FILE, '--chain', `ws://127.0.0.1:${server.port}`)
      await expect(refused).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining(`statement root ${here.replayed.statement.root}`) as unknown, stderr: expect.stringContaining(`Block ${first} is not as the node has it. Its hash: recorded is ${blocks[0]!.hash}`) as unknown })
      await expect(assay('--recording', FILE, '--chain', `ws://127.0.0.1:${server.port}`, '--json')).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('"witnessed":{"kind":"differs"') as unknown })
      await expect(assay('--recording', FILE, '--chain', 'ws://127.0.0.1:1')).rejects.toMatchObject({ code: 75, stderr: expect.stringContaining('cannot be reached') as unknown })
    } finally {
      await server.close()
    }
  })
})

describe('on every engine the same words, to the byte', () => {
  const expected = () => ({ root: here.replayed.statement.root, onChain: 'match', lines })

  /** Runs the browsers' bundle under some Node. */
  async function under(node: string): Promise<object> {
    const script = join(scratch, 'replay.js')
    writeFileSync(script, await bundleForBrowsers())
    const ask = `require('node:vm').runInThisContext(fs.readFileSync(${JSON.stringify(script)}, 'utf8')); assayReplay.tellRecording(new Uint8Array(fs.readFileSync(${JSON.stringify(FILE)}))).then((told) => console.log(JSON.stringify({ version: process.version, ...told })))`
    return JSON.parse((await run(node, ['-e', ask], { maxBuffer: MEBIBYTE })).stdout) as object
  }

  test('this Node, by the browsers\' bundle', async () => {
    expect(await under(process.execPath)).toEqual({ version: process.version, ...expected() })
  })

  test.runIf(existsSync(NODE_22))(`Node 22${existsSync(NODE_22) ? '' : ': SKIPPED, npm brings it for Linux on x64 only'}`, async () => {
    expect(await under(NODE_22)).toEqual({ version: expect.stringMatching(/^v22\./) as unknown, ...expected() })
  })

  test.runIf(hasChromiumPackage)(`Chromium, in the page that people open${hasChromiumPackage ? '' : ': SKIPPED, npm brings it for Linux on x64 only'}`, async () => {
    const html = await replayPage()
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.setHeader('content-type', 'text/html')
      response.end(request.url === '/' ? html : '')
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    try {
      await using page = await openPage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      expect(page.product).toMatch(/^HeadlessChrome\//)
      const told = page.evaluate<string>("new Promise((told) => new MutationObserver((_, observer) => { const text = document.getElementById('told').textContent; if (text.startsWith('replaying')) return; observer.disconnect(); told(text) }).observe(document.getElementById('told'), { childList: true }))")
      await page.choose('#file', FILE)
      expect(await told).toBe(lines.join('\n'))
      // The page asked nobody anything; a browser asks for its icon by itself.
      expect(asked.filter((path) => path !== '/favicon.ico')).toEqual(['/'])
    } finally {
      server.close()
    }
  })
})
