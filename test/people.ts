// The people of the tests, known by name alone: an account, an owner who is paid, a peer key. Their keys are worth nothing anywhere.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { accountFromSecret, cryptoReady, peerKey, type Account, type PeerKey } from '@assay/runtime-bindings'
import keystores from './keystores.json' with { type: 'json' }

export interface Person {
  name: string
  account: Account
  owner: Account
  peer: PeerKey
}

/** Names for which keystores.json holds encrypted keys: the programs open keystores, and to make one costs seconds. */
export type KeystoreName = keyof typeof keystores

await cryptoReady()

/** `person('machine-1')`: the same keys each time. */
export function person(name: string): Person {
  const secret = `//assay-test//${name}`
  return { name, account: accountFromSecret(secret), owner: accountFromSecret(`${secret}//owner`), peer: peerKey(createHash('sha256').update(`assay-test/peer/${name}`).digest()) }
}

/** The password of all of keystores.json. */
const PASSWORD = 'only-for-tests'

/** Lays out a service's data folder with the keys of `name`, as the service would have made it, at a lower cost of scrypt. Returns the password file. */
export function layKeys(kind: 'checker' | 'machine', name: KeystoreName, dataDir: string): string {
  const files: Record<string, object> = keystores[name]
  const folder = kind === 'checker' ? dataDir : join(dataDir, 'machine')
  for (const [key, json] of Object.entries(files)) lay(join(key === 'owner' ? dataDir : folder, `${key}.json`), JSON.stringify(json))
  return lay(join(dataDir, 'password'), `${PASSWORD}\n`)
}

function lay(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  writeFileSync(path, text)
  chmodSync(path, 0o600)
  return path
}
