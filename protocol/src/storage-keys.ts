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

/** Item of a pot that holds one chunk of an epoch's statement: `assay/s/<first 8 bytes of N>/<epoch>/<chunk>`. */
export function statementKey(network: AccountId, epoch: number, chunk: number): string {
  return `assay/s/${N8(network)}/${epoch}/${chunk}`
}

/** Item of a pot that says that a part of an epoch's payees, after the first, is paid: `assay/s/<first 8 bytes of N>/<epoch>/p<part>`. */
export function partKey(network: AccountId, epoch: number, part: number): string {
  return `assay/s/${N8(network)}/${epoch}/p${part}`
}

/** Item of a pot that hands its money over to the pot of a term: `assay/h/<first 8 bytes of N>/<term>`. */
export function handOverKey(network: AccountId, term: number): string {
  return `assay/h/${N8(network)}/${term}`
}

/** Item of a calibrator that commits to an epoch's canaries: `assay/<first 8 bytes of N>/canaries`. */
export function canariesKey(network: AccountId): string {
  return `assay/${N8(network)}/canaries`
}

/** Item of a calibrator that holds one chunk of an epoch's opening: `assay/<first 8 bytes of N>/canaries/<epoch>/<chunk>`. */
export function canariesChunkKey(network: AccountId, epoch: number, chunk: number): string {
  return `${canariesKey(network)}/${epoch}/${chunk}`
}

const DECIMAL = /^(?:0|[1-9][0-9]{0,9})$/

/** Reads a statement key of this network back; null for any other text. */
export function parseStatementKey(network: AccountId, key: string): { epoch: number; chunk: number } | null {
  return parseChunkKey(`assay/s/${N8(network)}/`, key)
}

/** Reads the key of a part of this network back; null for any other text. */
export function parsePartKey(network: AccountId, key: string): { epoch: number; part: number } | null {
  const named = parseChunkKey(`assay/s/${N8(network)}/`, key, 'p')
  return named && { epoch: named.epoch, part: named.chunk }
}

/** Reads the key of a hand-over of this network back; null for any other text. */
export function parseHandOverKey(network: AccountId, key: string): number | null {
  const prefix = `assay/h/${N8(network)}/`
  const term = key.slice(prefix.length)
  return key.startsWith(prefix) && DECIMAL.test(term) ? Number(term) : null
}

/** Reads the key of a chunk of canaries of this network back; null for any other text. */
export function parseCanariesKey(network: AccountId, key: string): { epoch: number; chunk: number } | null {
  return parseChunkKey(`${canariesKey(network)}/`, key)
}

/** `mark` stands before the number of the chunk. */
function parseChunkKey(prefix: string, key: string, mark = ''): { epoch: number; chunk: number } | null {
  if (!key.startsWith(prefix)) return null
  const [epoch = '', marked = '', ...rest] = key.slice(prefix.length).split('/')
  const chunk = marked.slice(mark.length)
  return rest.length === 0 && marked.startsWith(mark) && DECIMAL.test(epoch) && DECIMAL.test(chunk) ? { epoch: Number(epoch), chunk: Number(chunk) } : null
}

/** The RBAC role, owned by N, that makes an account a checker. */
export function checkerRoleId(crypto: Crypto): Hash {
  return toHex(crypto.blake2b256(utf8('assay/1/role/checker')))
}

/** The RBAC role, owned by N, that makes an account a calibrator: one that may name canaries. */
export function calibratorRoleId(crypto: Crypto): Hash {
  return toHex(crypto.blake2b256(utf8('assay/1/role/calibrator')))
}
