// What lies in a service's data folder, as far as it is said without a password.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatorError } from '@assay/kit/lifecycle'
import type { IdentityKind } from '@assay/protocol'

/** Whose keys a data folder holds; null if there are none. */
export async function accountIn(dir: string): Promise<{ kind: IdentityKind, account: string } | null> {
  const { keysFolder, KeystoreMissingError, readPublicKey, toAddress } = await import('@assay/runtime-bindings')
  for (const kind of ['machine', 'checker'] as const) {
    try {
      return { kind, account: toAddress(await readPublicKey(join(keysFolder(dir, kind), 'account.json'))) }
    } catch (error) {
      if (!(error instanceof KeystoreMissingError)) throw error
    }
  }
  return null
}

/** The address of an indexer, from the flag or ASSAY_INDEXER; undefined if neither names one. Throws OperatorError INDEXER. */
export function indexerFrom(flag: string | undefined): string | undefined {
  const indexer = flag ?? process.env['ASSAY_INDEXER']
  if (indexer !== undefined && !/^https?:\/\/[!-~]+$/.test(indexer)) throw new OperatorError('INDEXER', `${indexer} is not the address of an indexer`, { advice: 'Give --indexer http://HOST:PORT.' })
  return indexer
}

/** Whether an indexer keeps its embedded database in a folder. */
export const isIndexerFolder = (dir: string): Promise<boolean> => stat(join(dir, 'postgres')).then(() => true, () => false)
