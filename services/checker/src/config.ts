// A checker's settings: one schema for type, check and help.
import { isIP } from 'node:net'
import { peerAddress } from '@assay/kit/channel'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Hex } from '@assay/protocol'
import { Type } from 'typebox'
import type { Static } from 'typebox'

export const checkerConfig = Type.Object({
  chain: Type.String({ pattern: '^wss?://.+', description: 'a peaq node: ws:// or wss:// address' }),
  chainTimeoutMs: Type.Integer({ minimum: 100, maximum: 600_000, default: 30_000, description: 'how long the node may take to answer, ms' }),
  network: Type.String({ minLength: 1, description: 'the network to check for: its account, 5… or 0x…' }),
  dataDir: Type.String({ minLength: 1, path: true, description: 'folder of the keys, the database and the evidence; one per network' }),
  owner: Type.Optional(Type.String({ minLength: 1, description: 'the account that is paid, 5…, if its key is not in this folder: the owner agrees once to what assay checker request prints; default: the checker’s own account' })),
  passwordFile: Type.Optional(Type.String({ minLength: 1, path: true, description: 'file whose first line is the password of the keys, mode 600, or - for standard input; default: the systemd credential assay-password, else ASSAY_PASSWORD, else asked at the terminal' })),
  host: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  channelPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4610, description: 'port that machines dial; 0 takes a free one, but a port that changes means a new registration' }),
  httpPort: Type.Integer({ minimum: 0, maximum: 65535, default: 4611, description: 'port of evidence, health and metrics; 0 takes a free one' }),
  publicHost: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'name or address under which others reach this checker; default: host' })),
  evidenceUrl: Type.Optional(Type.String({ pattern: '^https?://[!-~]{1,110}$', description: 'base URL of the evidence as others see it, for a proxy; default: http://publicHost:httpPort' })),
  members: Type.Optional(Type.Array(Type.String(), { description: 'accounts of the settlement committee, comma-separated; default: those who got the checker role with the network’s creation' })),
})

export type CheckerConfig = Static<typeof checkerConfig>

/** Where a checker is found, as its identity says it. */
export interface Found { addresses: string[], evidence: string[] }

type Places = Pick<CheckerConfig, 'host' | 'publicHost' | 'evidenceUrl'>

/** Addresses and URLs that an identity may have of each kind. */
const MAX_PLACES = 4

/** Throws OperatorError CONFIG if this checker would listen everywhere and tell nobody where that is. */
export function checkReachable({ host, publicHost }: Places): void {
  if (publicHost === undefined && (host === '0.0.0.0' || host === '::')) {
    throw new OperatorError('CONFIG', `host ${host} listens on every address, and publicHost, by which others reach this checker, is missing`, { advice: 'Give --public-host with the name or address that machines and other checkers can reach.' })
  }
}

/**
 * The multiaddrs that others dial: those listened on, with the public host in place of their own.
 * @example publicAddresses(['/ip4/10.0.0.2/tcp/4610/p2p/12D3…'], { host: '0.0.0.0', publicHost: 'checker.example' }) // ['/dns/checker.example/tcp/4610/p2p/12D3…']
 */
export function publicAddresses(listening: readonly string[], { publicHost }: Places): string[] {
  const kind = publicHost === undefined || isIP(publicHost) === 0 ? 'dns' : `ip${isIP(publicHost)}`
  const addresses = listening.map((address) => (publicHost === undefined ? address : address.replace(/^\/[^/]+\/[^/]+/, `/${kind}/${publicHost}`)))
  return [...new Set(addresses)].slice(0, MAX_PLACES)
}

/** The base URL that others fetch evidence from: as configured, else the one listened on with the public host in place of its own. */
export function publicUrl(url: string, { evidenceUrl, publicHost }: Places): string {
  if (evidenceUrl !== undefined) return evidenceUrl
  if (publicHost === undefined) return url
  return `http://${isIP(publicHost) === 6 ? `[${publicHost}]` : publicHost}:${new URL(url).port}`
}

/**
 * Where others will find this checker, by its settings alone: an owner elsewhere agrees to it before anything listens. Throws OperatorError CONFIG where only listening would show it.
 * @example placesBySettings({ host: '0.0.0.0', channelPort: 4610, httpPort: 4611, publicHost: 'checker.example' }, peer).evidence // ['http://checker.example:4611']
 */
export function placesBySettings(config: Places & Pick<CheckerConfig, 'channelPort' | 'httpPort'>, peer: Hex): Found {
  checkReachable(config)
  const { host, publicHost, evidenceUrl, channelPort, httpPort } = config
  const unsettled = (what: string, advice: string): OperatorError => new OperatorError('CONFIG', `${what}, and an owner whose key is elsewhere agrees to where the checker listens before it does`, { advice })
  if (channelPort === 0) throw unsettled('channelPort 0 takes any port', 'Give --channel-port a number.')
  if (httpPort === 0 && evidenceUrl === undefined) throw unsettled('httpPort 0 takes any port', 'Give --http-port a number, or --evidence-url.')
  if (publicHost === undefined && isIP(host) === 0) throw unsettled(`host ${host} is a name that may stand for several addresses`, 'Give --public-host with the name or address that machines and other checkers can reach.')
  return {
    addresses: publicAddresses([peerAddress(peer, host, channelPort)], config),
    evidence: [publicUrl(`http://${isIP(host) === 6 ? `[${host}]` : host}:${httpPort}`, config)],
  }
}
