// The machine's keys, and its place in the network's registry.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { filter, firstValueFrom, exhaustMap } from 'rxjs'
import type { Observable } from 'rxjs'
import { writeDurably } from '@assay/kit/blobs'
import { EXIT, isOperatorError, OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { takeUntilAborted } from '@assay/kit/streams'
import type { AccountId, Hex, Identity } from '@assay/protocol'
import { KeystoreMissingError, MissingFundsError, OwnerConsentError, RpcError, accountFromSecret, consentPath, createKeystore, cryptoReady, formatAmount, keystoreExists, makeRequest, nextPeerOf, openAccount, openKeystore, readConsent, readPublicKey, saveAccount, takeNextPeer, toAddress, verifyOwnConsent } from '@assay/runtime-bindings'
import type { Account, Consent, DocumentMemory, Keystore, PeerKey, Registration } from '@assay/runtime-bindings'

/** Who is paid, who works, and the key that signs the work. Of the owner there is the key, or the consent if the key is elsewhere. */
export interface Keys { owner: Account | Consent, account: Account, peer: PeerKey }

export interface KeysOptions {
  dataDir: string
  network: AccountId
  /** the owner's key file, by name */
  ownerFile?: string | undefined
  /** who must be the owner */
  owner?: AccountId | undefined
  password: string
  log: Log
}

/**
 * Opens the machine's keys (`machine/`), made if they do not exist yet, and the owner's consent (`owner.consent`) or, where there is none, the owner's key (`owner.json`, made likewise, or the file given, which must exist).
 * Throws OperatorError OWNER_CONSENT with the request to hand on where an owner is set who neither agreed nor has a key here, OWNER_CONFLICT, CONSENT and MACHINE_KEYS; and the keystore's errors, among them WrongPasswordError.
 */
export async function openKeys({ dataDir, network, ownerFile, owner: wanted, password, log }: KeysOptions): Promise<Keys> {
  await cryptoReady()
  const dir = join(dataDir, 'machine')
  const consent = await readConsent(dataDir)
  if (consent !== null) return openWithConsent(consent)
  const path = resolve(ownerFile ?? join(dataDir, 'owner.json'))
  if (wanted !== undefined) {
    const inFile = await unlessMissing(readPublicKey(path))
    if (inFile !== wanted && (inFile === undefined || ownerFile === undefined)) throw await lacksConsent(wanted)
    if (inFile !== wanted) throw conflict(`the key file ${path} is of ${toAddress(inFile)}, not of the owner that is set, ${toAddress(wanted)}`, 'Correct --owner, or start without --owner-file: then the owner’s key need not be here.')
  }
  // What exists is opened before anything is made: a mistyped password must not make a second set of keys.
  const [owner, machine] = await Promise.all([unlessMissing(openAccount(path, password)), keystoreExists(dir).then((there) => (there ? openKeystore({ dir, password }) : undefined))])
  return { owner: owner ?? (await makeOwner()), ...(machine ?? (await makeMachine({ dataDir, password, log }))) }

  /** A file that was named must be there. */
  function unlessMissing<T>(found: Promise<T>): Promise<T | undefined> {
    return found.catch((error: unknown) => {
      if (error instanceof KeystoreMissingError && ownerFile === undefined) return undefined
      throw error
    })
  }

  async function openWithConsent(given: Consent): Promise<Keys> {
    const { identity } = given
    const file = consentPath(dataDir)
    const who = toAddress(identity.owner)
    if (wanted !== undefined && wanted !== identity.owner) throw conflict(`the consent in ${file} is of ${who}, not of the owner that is set, ${toAddress(wanted)}`, 'Correct --owner, or ask the new owner: assay machine request, then assay machine complete.')
    const named = ownerFile === undefined ? identity.owner : await readPublicKey(resolve(ownerFile))
    if (named !== identity.owner) throw conflict(`the consent in ${file} is of ${who}, and the key file ${resolve(ownerFile!)} of ${toAddress(named)}`, `Start without --owner-file to work for ${who}; else remove ${file} first.`)
    if (identity.network !== network) throw new OperatorError('CONSENT', `the consent in ${file} is for the network ${toAddress(identity.network)}, not for ${toAddress(network)}`, { advice: 'Correct --network, or ask the owner for this network: assay machine request.' })
    if (!(await keystoreExists(dir))) throw new OperatorError('MACHINE_KEYS', `the machine’s keys are not in ${dir}, though the owner agreed to them`, { advice: `Restore the folder from a backup; or remove ${file} and ask the owner again with new keys: assay machine request.` })
    // A rotation that was interrupted after the consent was written.
    await takeNextPeer(dir, identity.peer)
    const machine = await openKeystore({ dir, password })
    verifyOwnConsent(given, machineIdentity({ network, account: machine.account.id, peer: machine.peer.publicKey }))
    return { owner: given, ...machine }
  }

  async function lacksConsent(owner: AccountId): Promise<OwnerConsentError> {
    const { account, peer } = await openOrMakeMachine({ dataDir, password, log })
    const identity = { ...machineIdentity({ network, account: account.id, peer: (await nextPeerOf(dir)) ?? peer.publicKey }), owner }
    return new OwnerConsentError(dataDir, identity, await makeRequest(dataDir, identity))
  }

  async function makeOwner(): Promise<Account> {
    const made = accountFromSecret(`0x${randomBytes(32).toString('hex')}`)
    await saveAccount(path, made, password)
    log.info('owner key made', { owner: made.address, file: path, advice: 'It receives the pay: keep a copy of the file and the password.' })
    return made
  }
}

/** Who a machine is, but for its owner: it listens nowhere. */
export const machineIdentity = (keys: { network: AccountId, account: AccountId, peer: Hex }): Omit<Identity, 'owner'> => ({ kind: 'machine', addresses: [], evidence: [], ...keys })

/** The machine's keys in the data folder, made if there are none. Throws the keystore's errors. */
export async function openOrMakeMachine({ dataDir, password, log }: { dataDir: string, password: string, log: Log }): Promise<Keystore> {
  await cryptoReady()
  const dir = join(dataDir, 'machine')
  return (await keystoreExists(dir)) ? openKeystore({ dir, password }) : makeMachine({ dataDir, password, log })
}

async function makeMachine({ dataDir, password, log }: { dataDir: string, password: string, log: Log }): Promise<Keystore> {
  const dir = join(dataDir, 'machine')
  const { account, peer } = await createKeystore({ dir, password })
  log.info('keys made', { account: account.address, peer: peer.publicKey, folder: dir, advice: 'Back up the folder and the password: whoever has them is this machine.' })
  return { account, peer }
}

const conflict = (what: string, advice: string): OperatorError => new OperatorError('OWNER_CONFLICT', what, { advice })

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
        if (what !== said) log.warn('waiting for funds', { account: error.address, missing: formatAmount(error.missing), advice: error.advice })
        said = what
        waiting(what)
        const before = await balance(error.address).catch(() => 0n)
        await nextBlock(blocks$, signal, async () => (await balance(error.address)) > before)
      } else if (isOperatorError(error) && (error.exit === EXIT.again || error instanceof RpcError)) {
        // A node that is starting, or has just lost its peers, answers with errors too.
        if (error.message !== said) log.warn('registration held up', { error })
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
