import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { encodeParameters, toHex, validateParameters } from '@assay/protocol'
import { networkParameters } from '../devnet/parameters.ts'
import { withValues } from '../with-values.ts'
import { captureWarnings, eligibleBy, liveCapture } from './network.ts'

const parameters = { committee: 3, mirrors: 2, epochRounds: 2, termEpochs: 0 }

test('founders are warned of committees that liars could capture, and told which would do', () => {
  expect(captureWarnings(3, parameters)).toEqual([])
  expect(captureWarnings(100, { ...parameters, epochRounds: 24 })).toEqual([expect.stringMatching(/^warning: if 33 of 100 checkers are in league.* committee of 3 .*a committee of \d+ would be enough$/)])
})

test('and of settlers that liars could capture or stall, where settlers are drawn', () => {
  expect(captureWarnings(4, { ...parameters, committee: 4, termEpochs: 2 })).toEqual([])
  expect(captureWarnings(100, { ...parameters, committee: 100, termEpochs: 2 })).toEqual([expect.stringMatching(/^warning: if 33 of 100 checkers are in league, the 20 settlers drawn for a term, of whom 14 move the pot/)])
  expect(liveCapture(21, { ...parameters, termEpochs: 2 }).settlers).toEqual({ settlers: 20, threshold: 14, captured: '0', stalled: '0.67', flagged: true, text: expect.stringMatching(/^if 7 of 21/) })
})

test('what is live says the same in figures', () => {
  expect(liveCapture(10, parameters)).toEqual({ checkers: 10, malicious: 3, committee: 3, perRound: '0.19', perEpoch: '0.34', vouch: '0.42', flagged: true, sufficient: 6, text: expect.stringMatching(/^if 3 of 10 checkers/), settlers: null })
})

test('an indexer says how many checkers are eligible; anything else is refused in a sentence', async () => {
  let body = ''
  const paths: (string | undefined)[] = []
  const server = createServer(({ url }, answer) => {
    paths.push(url)
    answer.end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { signal } = new AbortController()
  body = JSON.stringify({ capture: { checkers: 12 } })
  expect(await eligibleBy(url, signal)).toBe(12)
  expect(await eligibleBy(`${url}/of/ours/`, signal)).toBe(12)
  expect(paths).toEqual(['/network', '/of/ours/network'])
  body = JSON.stringify({ capture: null })
  expect(await eligibleBy(url, signal)).toBe(0)
  for (const bad of ['{}', '[]', 'null', '{"capture":{"checkers":-1}}', '{"capture":{"checkers":1.5}}', '{"capture":{"checkers":1e12}}', '{"capture":{"checkers":"3"}}']) {
    body = bad
    await expect(eligibleBy(url, signal), bad).rejects.toMatchObject({ code: 'INDEXER', exit: 1 })
  }
  body = 'no JSON'
  await expect(eligibleBy(url, signal)).rejects.toMatchObject({ code: 'INDEXER', exit: 75 })
  server.close()
  server.closeAllConnections()
  await expect(eligibleBy(url, signal)).rejects.toMatchObject({ code: 'INDEXER', exit: 75 })
})

test('upgrade has examples, and knows no version but its own', () => {
  const upgrade = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'network', 'upgrade', ...args], { encoding: 'utf8' })
  expect(upgrade('--help').stdout).toContain('Examples:\n  assay network upgrade 2 --ask')
  for (const version of ['3', '0', 'two', '2.0']) expect(upgrade(version, '--chain', 'ws://127.0.0.1:1', '--data-dir', '/none', '--members', '5A'), version).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(`error: ${version} is not a version that this program knows (versions 1 to 2)`) as unknown })
})

test('calibrator has an example, and ends with 1 if it lacks an option', () => {
  const calibrator = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'network', 'calibrator', ...args], { encoding: 'utf8' })
  expect(calibrator('--help').stdout).toContain('Example:\n  assay network calibrator')
  expect(calibrator('5Q')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('--chain') as unknown })
})

test('the parameters that the manual and the help give as an example are sound, and a file of them says every value', async () => {
  const manual = readFileSync(fileURLToPath(new URL('../../../docs/OPERATORS.md', import.meta.url)), 'utf8')
  const [, set = ''] = /network parameters --chain wss:\/\/… --lead 600 --set (.+) > network\.hex/.exec(manual)!
  const command = (...args: string[]) => spawnSync(process.execPath, [fileURLToPath(new URL('../main.ts', import.meta.url)), 'network', ...args], { encoding: 'utf8' })
  expect(command('parameters', '--help').stdout.replaceAll(/\s+/g, ' ')).toContain(`--set ${set} > network.hex`)
  const parameters = withValues(networkParameters(1000, 1600), set.split(' '))
  expect(validateParameters(parameters)).toEqual([])
  const dir = await mkdtemp(join(tmpdir(), 'assay-parameters-'))
  try {
    const file = join(dir, 'network.hex')
    await writeFile(file, `${toHex(encodeParameters(parameters))}\n`)
    expect(JSON.parse(command('read', file).stdout)).toEqual(JSON.parse(JSON.stringify(parameters, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))))
    await writeFile(file, toHex(encodeParameters({ ...parameters, samples: 0 })))
    expect(command('read', file)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('samples is 0') as unknown })
    await writeFile(file, '0x01')
    expect(command('read', file)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('does not hold a network') as unknown })
  } finally {
    await rm(dir, { recursive: true })
  }
})
