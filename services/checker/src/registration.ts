// A checker's keys and its place in the network: made or opened, registered, and told exactly what is missing until it is eligible.
import { catchError, defer, EMPTY, exhaustMap, filter, map, type Observable, take } from 'rxjs'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Log } from '@assay/kit/log'
import { type AccountId, type Hash, type Identity, type Ledger, registeredCheckers, registrationOf, thresholdOf } from '@assay/protocol'
import {
  type Account, type Chain, type Consent, consentPath, createKeystore, findNetwork, formatAmount, type FoundNetwork, type Keystore, keystoreExists, makeRequest, MissingFundsError, openKeystore, OwnerConsentError, readConsent, registerIdentity, type Sender, takeNextPeer, toAddress,
  verifyOwnConsent,
} from '@assay/runtime-bindings'
import { type CheckerConfig, placesBySettings } from './config.ts'

/** Opens the keys in `dir`, or makes them. Throws what the keystore throws (wrong password, damaged file, wrong permissions), and ChainError CONSENT of a consent that is damaged. */
export async function openKeys(dir: string, password: string, log: Log): Promise<Keystore> {
  if (await keystoreExists(dir)) {
    // A rotation that was interrupted after the owner's consent to the new peer key was written.
    const consent = await readConsent(dir)
    if (consent !== null) await takeNextPeer(dir, consent.identity.peer)
    return openKeystore({ dir, password })
  }
  const made = await createKeystore({ dir, password })
  log.info('keys made', { account: made.account.address, peer: made.peer.publicKey, folder: dir, advice: 'Back up account.json, peer.json and the password: whoever has them is this checker.' })
  return made
}

/** Who a checker is by its settings, but for its owner. Throws OperatorError CONFIG where they leave open where it listens. */
export function checkerIdentity(config: Omit<CheckerConfig, 'chain' | 'chainTimeoutMs' | 'network'>, network: AccountId, { account, peer }: { account: Pick<Account, 'id'>, peer: Pick<Keystore['peer'], 'publicKey'> }): Omit<Identity, 'owner'> {
  return { kind: 'checker', network, account: account.id, peer: peer.publicKey, ...placesBySettings(config, peer.publicKey) }
}

/**
 * Who is paid for this checker: the owner who agreed to exactly this identity, or else the checker itself.
 * Throws OwnerConsentError with the request to hand on where an owner is set who has not agreed, OperatorError OWNER_CONFLICT, and ChainError CONSENT where what was agreed to is not what the settings say.
 */
export async function openOwner(config: Omit<CheckerConfig, 'chain' | 'chainTimeoutMs' | 'network'>, network: AccountId, keys: Keystore, wanted: AccountId | undefined): Promise<Account | Consent> {
  const { dataDir } = config
  const consent = await readConsent(dataDir)
  if (consent !== null) {
    const { owner } = consent.identity
    if (wanted !== undefined && wanted !== owner) {
      throw new OperatorError('OWNER_CONFLICT', `the consent in ${consentPath(dataDir)} is of ${toAddress(owner)}, not of the owner that is set, ${toAddress(wanted)}`, {
        advice: wanted === keys.account.id ? `Correct --owner; or, if the checker itself shall be paid, remove ${consentPath(dataDir)}.` : 'Correct --owner, or ask the new owner: assay checker request, then assay checker complete.',
      })
    }
    verifyOwnConsent(consent, checkerIdentity(config, network, keys))
    return consent
  }
  if (wanted === undefined || wanted === keys.account.id) return keys.account
  const identity = { ...checkerIdentity(config, network, keys), owner: wanted }
  throw new OwnerConsentError(dataDir, identity, await makeRequest(dataDir, identity))
}

/** Waits until the network is on chain and gives what stands of it; says once what it waits for. `heights$` are best heights, the latest at once. */
export function networkFound$(chain: Chain, network: Hash, heights$: Observable<number>, log: Log): Observable<FoundNetwork> {
  let told = false
  return heights$.pipe(
    // exhaustMap: one question at a time; the next block asks again.
    exhaustMap(() => defer(() => findNetwork(chain, network)).pipe(catchError((error: unknown) => passing(error)))),
    filter((found): found is NonNullable<typeof found> => {
      if (found === null && !told) {
        told = true
        log.warn('network not found', { network: toAddress(network), advice: 'If its founders are about to create it, nothing is to be done. Else check the address and the chain.' })
      }
      return found !== null
    }),
    take(1),
  )
}

export interface RegistrationTools {
  chain: Chain
  sender: Sender
  keys: Keystore
  /** who is paid */
  owner: Account | Consent
  network: Hash
  addresses: readonly string[]
  evidence: readonly string[]
  /** how many members the greatest settlement committee has that it may be of, for the deposit of whoever opens; null if it never is */
  members: number | null
  log: Log
}

/** Registers this checker, as often as funds or the chain are missing, telling what is missing whenever it changes; emits once it is done. Errors with what no waiting mends. */
export function register$({ chain, sender, keys: { account, peer }, owner, network, addresses, evidence, members, log }: RegistrationTools, heights$: Observable<number>): Observable<void> {
  let told: MissingFundsError | null = null
  const { multisig } = chain.features
  // What opening a settlement reserves for a while: without it this member could not take its turn.
  const reserve = members === null || multisig === null ? 0n : multisig.depositBase + multisig.depositFactor * BigInt(thresholdOf(members))
  return heights$.pipe(
    exhaustMap(() =>
      defer(() => registerIdentity({ chain, sender, owner, account, peer, kind: 'checker', network, addresses, evidence, reserve })).pipe(
        catchError((error: unknown) => {
          if (!(error instanceof MissingFundsError)) return passing(error)
          // A fee that is a little other with each block is no news.
          if (told === null || told.address !== error.address || error.missing * 10n > told.missing * 11n || error.missing * 10n < told.missing * 9n) {
            log.warn('waiting for funds', { account: error.address, missing: formatAmount(error.missing), advice: error.advice })
            told = error
          }
          return EMPTY
        }),
      ),
    ),
    take(1),
    map(({ state }) => log.info('checker registered', { account: account.address, state, addresses, evidence })),
  )
}

/** What keeps an account from being an eligible checker, by the ledger; null if nothing does. */
export function missingFor(ledger: Ledger, account: Hash): { what: string, advice: string, /** by itself, with blocks that come */ passes: boolean } | null {
  if (registeredCheckers(ledger).some((checker) => checker.account === account)) return null
  const reason = registrationOf(ledger, 'checker', account)
  if (reason === null) return { what: 'its registration is not confirmed yet', advice: 'Wait a few blocks.', passes: true }
  if (reason !== 'OK') return { what: `its registration does not count (${reason})`, advice: 'Start again; if it stays, report it.', passes: false }
  return { what: 'it lacks the network’s checker role', advice: `It waits until the founders of ${toAddress(ledger.network)} have admitted it: assay network admit ${toAddress(account)}, two thirds and one of them.`, passes: false }
}

/** Errors that a later block may mend are waited out; the others go on. */
function passing(error: unknown): Observable<never> {
  if ((error as { exit?: unknown }).exit === 75) return EMPTY
  throw error
}
