// The machine's keys, and its place in the network's registry.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { filter, firstValueFrom, exhaustMap } from 'rxjs'
import type { Observable } from 'rxjs'
import { writeDurably } from '@assay/kit/blobs'
import { EXIT, isOperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { takeUntilAborted } from '@assay/kit/streams'
import type { AccountId } from '@assay/protocol'
import { KeystoreMissingError, MissingFundsError, RpcError, accountFromSecret, createKeystore, cryptoReady, formatAmount, keystoreExists, openAccount, openKeystore, saveAccount } from '@assay/runtime-bindings'
import type { Account, DocumentMemory, PeerKey, Registration } from '@assay/runtime-bindings'

/** Who is paid, who works, and the key that signs the work. */
export interface Keys { owner: Account, account: Account, peer: PeerKey }

/**
 * Opens the owner's key (`owner.json`, or the file given) and the machine's (`machine/`), and makes those that do not exist yet; an owner's file given by name must exist.
 * Throws the keystore's errors for the operator, among them WrongPasswordError.
 */
export async function openKeys({ dataDir, ownerFile, password, log }: { dataDir: string, ownerFile?: string | undefined, password: string, log: Log }): Promise<Keys> {
  await cryptoReady()
  const path = resolve(ownerFile ?? join(dataDir, 'owner.json'))
  const dir = join(dataDir, 'machine')
  // What exists is opened before anything is made: a mistyped password must not make a second set of keys.
  const [owner, machine] = await Promise.all([
    openAccount(path, password).catch((error: unknown) => {
      if (error instanceof KeystoreMissingError && ownerFile === undefined) return undefined
      throw error
    }),
    keystoreExists(dir).then((there) => (there ? openKeystore({ dir, password }) : undefined)),
  ])
  return { owner: owner ?? (await makeOwner()), ...(machine ?? (await makeMachine())) }

  async function makeOwner(): Promise<Account> {
    const made = accountFromSecret(`0x${randomBytes(32).toString('hex')}`)
    await saveAccount(path, made, password)
    log.info('owner key made: it receives the pay; keep a copy of the file and the password', { owner: made.address, file: path })
    return made
  }

  async function makeMachine(): Promise<Pick<Keys, 'account' | 'peer'>> {
    const { account, peer } = await createKeystore({ dir, password })
    log.info('machine keys made', { machine: account.address, peer: peer.publicKey, folder: dir })
    return { account, peer }
  }
}

/** Keeps the registered DID document in the data folder. */
export function documentMemory(dataDir: string, network: AccountId): DocumentMemory {
  const path = join(dataDir, `${network.slice(2, 18)}.document`)
  return {
    load: () => readFile(path).then((bytes) => new Uint8Array(bytes), () => undefined),
    save: (document) => writeDurably(path, document),
  }
}

export interface RegistrationDeps {
  /** one try, idempotent */
  register(): Promise<Registration>
  /** planck that an account can spend now */
  balance(address: string): Promise<bigint>
  /** something to try again after: new blocks */
  blocks$: Observable<unknown>
  log: Log
  signal: AbortSignal
  /** told what is waited for, null when nothing is */
  waiting?: (what: string | null) => void
}

/**
 * Registers, however long it takes: where money is missing it says once exactly how much and where, and watches that balance; what can be tried again (exit code 75) is tried with
 * the next block. Throws what only the operator can mend, and the signal's reason.
 */
export async function registerPatiently({ register, balance, blocks$, log, signal, waiting = () => {} }: RegistrationDeps): Promise<Registration> {
  for (let said = ''; ; ) {
    try {
      const registration = await register()
      waiting(null)
      return registration
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof MissingFundsError) {
        const what = `${error.address} lacks ${formatAmount(error.missing)}`
        if (what !== said) log.warn('waiting for funds', { address: error.address, missing: formatAmount(error.missing), planck: error.missing, advice: error.advice })
        said = what
        waiting(what)
        const before = await balance(error.address).catch(() => 0n)
        await nextBlock(blocks$, signal, async () => (await balance(error.address)) > before)
      } else if (isOperatorError(error) && (error.exit === EXIT.again || error instanceof RpcError)) {
        // A node that is starting, or has just lost its peers, answers with errors too.
        if (error.message !== said) log.warn('registration will be tried again', { error })
        said = error.message
        waiting(error.message)
        await nextBlock(blocks$, signal, async () => true)
      } else throw error
    }
  }
}

/** The next block at which the condition holds. A block that comes while it is being asked is skipped: the balance it would show is asked for again soon. */
async function nextBlock(blocks$: Observable<unknown>, signal: AbortSignal, condition: () => Promise<boolean>): Promise<void> {
  let first = true
  await firstValueFrom(
    blocks$.pipe(
      filter(() => !first || (first = false)), // the block that is there already
      exhaustMap(() => condition().catch(() => false)),
      filter(Boolean),
      takeUntilAborted(signal),
    ),
    { defaultValue: false },
  )
  signal.throwIfAborted()
}
