// Names under which the protocol writes to the chain. PROTOCOL section 2.
import { type AccountId, type Hash, toHex, utf8 } from './bytes.ts'
import type { Crypto } from './crypto.ts'

/** Item of N that holds the parameters. */
export const PARAMETERS_KEY = 'assay/params'
/** Item of an account that holds the anchor of its machine's identity. */
export const MACHINE_KEY = 'assay/machine'
/** Item of an account that holds the anchor of its checker's identity. */
export const CHECKER_KEY = 'assay/checker'

const N8 = (network: AccountId): string => network.slice(2, 18)

/** Item of a checker that holds its latest report to the network: `assay/<first 8 bytes of N>/report`. */
export function reportKey(network: AccountId): string {
  return `assay/${N8(network)}/report`
}

/** Item of N that holds one chunk of an epoch's statement: `assay/s/<first 8 bytes of N>/<epoch>/<chunk>`. */
export function statementKey(network: AccountId, epoch: number, chunk: number): string {
  return `assay/s/${N8(network)}/${epoch}/${chunk}`
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,9})$/

/** Reads a statement key of this network back; null for any other text. */
export function parseStatementKey(network: AccountId, key: string): { epoch: number; chunk: number } | null {
  const prefix = `assay/s/${N8(network)}/`
  if (!key.startsWith(prefix)) return null
  const [epoch = '', chunk = '', ...rest] = key.slice(prefix.length).split('/')
  return rest.length === 0 && DECIMAL.test(epoch) && DECIMAL.test(chunk) ? { epoch: Number(epoch), chunk: Number(chunk) } : null
}

/** The RBAC role, owned by N, that makes an account a checker. */
export function checkerRoleId(crypto: Crypto): Hash {
  return toHex(crypto.blake2b256(utf8('assay/1/role/checker')))
}
