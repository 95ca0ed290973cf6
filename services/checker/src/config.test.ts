import { expect, test } from 'vitest'
import { loadConfig } from '@assay/kit/config'
import { checkerConfig, checkReachable, placesBySettings, publicAddresses, publicUrl } from './config.ts'

const flags = { chain: 'ws://127.0.0.1:9944', network: '5F', dataDir: '/data', passwordFile: '/password' }

test('what must be given is asked for by name, what is wrong is named', () => {
  expect(() => loadConfig(checkerConfig, { flags: {} })).toThrow(/chain is missing.*network is missing.*dataDir is missing/)
  expect(() => loadConfig(checkerConfig, { flags: { ...flags, chain: 'http://x', channelPort: 70000 } })).toThrow(/chain = "http:\/\/x".*channelPort = 70000/)
  expect(loadConfig(checkerConfig, { flags, env: { ASSAY_MEMBERS: '5A, 5B', ASSAY_HTTP_PORT: '1' } })).toMatchObject({ host: '127.0.0.1', channelPort: 4610, httpPort: 1, members: ['5A', '5B'] })
})

test('whoever listens everywhere must say where that is', () => {
  for (const host of ['0.0.0.0', '::']) {
    expect(() => checkReachable({ host })).toThrow(expect.objectContaining({ code: 'CONFIG', advice: expect.stringContaining('--public-host') }))
    expect(() => checkReachable({ host, publicHost: 'checker.example' })).not.toThrow()
  }
  expect(() => checkReachable({ host: '127.0.0.1' })).not.toThrow()
})

test('others are told the public host, each address once, four at most', () => {
  const listening = Array.from({ length: 6 }, (_, i) => `/ip4/10.0.0.${i}/tcp/4610/p2p/12D3`)
  expect(publicAddresses(listening, { host: '0.0.0.0' })).toEqual(listening.slice(0, 4))
  expect(publicAddresses(listening, { host: '0.0.0.0', publicHost: 'checker.example' })).toEqual(['/dns/checker.example/tcp/4610/p2p/12D3'])
  expect(publicAddresses(listening.slice(0, 1), { host: '::', publicHost: '2001:db8::1' })).toEqual(['/ip6/2001:db8::1/tcp/4610/p2p/12D3'])
  expect(publicUrl('http://127.0.0.1:4611', { host: '127.0.0.1' })).toBe('http://127.0.0.1:4611')
  expect(publicUrl('http://127.0.0.1:4611', { host: '0.0.0.0', publicHost: '192.0.2.7' })).toBe('http://192.0.2.7:4611')
  expect(publicUrl('http://127.0.0.1:4611', { host: '0.0.0.0', publicHost: '2001:db8::1' })).toBe('http://[2001:db8::1]:4611')
  expect(publicUrl('http://127.0.0.1:4611', { host: '0.0.0.0', publicHost: 'x', evidenceUrl: 'https://evidence.example/a' })).toBe('https://evidence.example/a')
})

test('where a checker will be found is known before it listens, or is asked for', () => {
  const peer = `0x${'1b'.repeat(32)}` as const
  const settings = { host: '127.0.0.1', channelPort: 4610, httpPort: 4611 }
  const p2p = placesBySettings(settings, peer).addresses[0]!.split('/p2p/')[1]!
  expect(p2p).toMatch(/^12D3Koo/)
  expect(placesBySettings(settings, peer)).toEqual({ addresses: [`/ip4/127.0.0.1/tcp/4610/p2p/${p2p}`], evidence: ['http://127.0.0.1:4611'] })
  expect(placesBySettings({ ...settings, host: '::1' }, peer)).toEqual({ addresses: [`/ip6/::1/tcp/4610/p2p/${p2p}`], evidence: ['http://[::1]:4611'] })
  expect(placesBySettings({ ...settings, host: '0.0.0.0', publicHost: 'checker.example' }, peer)).toEqual({ addresses: [`/dns/checker.example/tcp/4610/p2p/${p2p}`], evidence: ['http://checker.example:4611'] })
  expect(placesBySettings({ ...settings, httpPort: 0, evidenceUrl: 'https://evidence.example' }, peer).evidence).toEqual(['https://evidence.example'])
  for (const [more, flag] of [[{ channelPort: 0 }, '--channel-port'], [{ httpPort: 0 }, '--http-port'], [{ host: 'localhost' }, '--public-host'], [{ host: '0.0.0.0' }, '--public-host']] as const) {
    expect(() => placesBySettings({ ...settings, ...more }, peer), flag).toThrow(expect.objectContaining({ code: 'CONFIG', advice: expect.stringContaining(flag) }))
  }
})
