// The plain polkadot.js client for this folder's own tests: they must not lean on the bindings that lean on this chain.
import { createRequire } from 'node:module'
import type * as Api from '@polkadot/api'
import type * as KeyringModule from '@polkadot/keyring'
import type * as UtilCrypto from '@polkadot/util-crypto'

const require = createRequire(import.meta.url)
const { ApiPromise, WsProvider } = require('@polkadot/api') as typeof Api
const { Keyring } = require('@polkadot/keyring') as typeof KeyringModule
const { cryptoWaitReady } = require('@polkadot/util-crypto') as typeof UtilCrypto

export type TestApi = Api.ApiPromise

await cryptoWaitReady()
const keyring = new Keyring({ type: 'sr25519', ss58Format: 42 })

/** An account known by name alone. */
export const person = (name: string, type: 'sr25519' | 'ed25519' = 'sr25519'): ReturnType<typeof keyring.addFromUri> => keyring.addFromUri(`//assay-test//${name}`, {}, type)

/** A client of `endpoint` that is ready. */
export async function connect(endpoint: string): Promise<TestApi> {
  const provider = new WsProvider(endpoint, 1_000)
  const api = await ApiPromise.create({ provider, noInitWarn: true })
  providers.set(api, provider)
  return api
}

const providers = new WeakMap<TestApi, Api.WsProvider>()

/** Submits a signed transaction and gives its hash; the pool's refusal rejects. */
export const submit = async (api: TestApi, transaction: { toHex(): string }): Promise<string> => (await api.rpc.author.submitExtrinsic(transaction.toHex())).toHex()

interface Account {
  nonce: { toNumber(): number }
  data: { free: { toBigInt(): bigint } }
}

/** Free balance in planck, at the head or at a block hash. */
export const free = async (api: TestApi, address: string, at?: string): Promise<bigint> => {
  const state = at === undefined ? api : await api.at(at)
  return ((await state.query.system!.account!(address)) as unknown as Account).data.free.toBigInt()
}

/** Transactions of the account that are in blocks. */
export const nonce = async (api: TestApi, address: string): Promise<number> => ((await api.query.system!.account!(address)) as unknown as Account).nonce.toNumber()

/** One raw call, for the dev_ methods. */
export const send = (api: TestApi, method: string, ...params: unknown[]): Promise<unknown> =>
  providers.get(api)!.send(method, params)
