// A checker's keys and its place in the network: made or opened, registered, and told exactly what is missing until it is eligible.
import { catchError, defer, EMPTY, exhaustMap, filter, map, type Observable, take } from 'rxjs'
import type { Log } from '@assay/kit/log'
import { type Hash, type Ledger, registeredCheckers, registrationOf, thresholdOf } from '@assay/protocol'
import { type Chain, createKeystore, findNetwork, formatAmount, type FoundNetwork, type Keystore, keystoreExists, MissingFundsError, openKeystore, registerIdentity, type Sender, toAddress } from '@assay/runtime-bindings'

/** Opens the keys in `dir`, or makes them. Throws what the keystore throws (wrong password, damaged file, wrong permissions). */
export async function openKeys(dir: string, password: string, log: Log): Promise<Keystore> {
  if (await keystoreExists(dir)) return openKeystore({ dir, password })
  const made = await createKeystore({ dir, password })
  log.info('keys made', { account: made.account.address, peer: made.peer.publicKey, folder: dir, advice: 'Back up account.json, peer.json and the password: whoever has them is this checker.' })
  return made
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
  network: Hash
  addresses: readonly string[]
  evidence: readonly string[]
  /** how many members the greatest settlement committee has that it may be of, for the deposit of whoever opens; null if it never is */
  members: number | null
  log: Log
}

/** Registers this checker, as often as funds or the chain are missing, telling what is missing whenever it changes; emits once it is done. Errors with what no waiting mends. */
export function registered$({ chain, sender, keys: { account, peer }, network, addresses, evidence, members, log }: RegistrationTools, heights$: Observable<number>): Observable<void> {
  let told = ''
  const { multisig } = chain.features
  // What opening a settlement reserves for a while: without it this member could not take its turn.
  const reserve = members === null || multisig === null ? 0n : multisig.depositBase + multisig.depositFactor * BigInt(thresholdOf(members))
  return heights$.pipe(
    exhaustMap(() =>
      defer(() => registerIdentity({ chain, sender, owner: account, account, peer, kind: 'checker', network, addresses, evidence, reserve })).pipe(
        catchError((error: unknown) => {
          if (!(error instanceof MissingFundsError)) return passing(error)
          if (told !== error.message) log.warn('waiting for funds', { account: error.address, missing: formatAmount(error.missing), advice: error.advice })
          told = error.message
          return EMPTY
        }),
      ),
    ),
    take(1),
    map(({ state }) => log.info('checker registered', { account: account.address, state, addresses, evidence })),
  )
}

/** What keeps an account from being an eligible checker, by the ledger; null if nothing does. */
export function missingFor(ledger: Ledger, account: Hash): { what: string, advice: string } | null {
  if (registeredCheckers(ledger).some((checker) => checker.account === account)) return null
  const reason = registrationOf(ledger, 'checker', account)
  if (reason === null) return { what: 'its registration is not confirmed yet', advice: 'Wait a few blocks.' }
  if (reason !== 'OK') return { what: `its registration does not count (${reason})`, advice: 'Start again; if it stays, report it.' }
  return { what: 'it lacks the network’s checker role', advice: `The members of ${toAddress(ledger.network)} must assign the role to ${toAddress(account)}.` }
}

/** Errors that a later block may mend are waited out; the others go on. */
function passing(error: unknown): Observable<never> {
  if ((error as { exit?: unknown }).exit === 75) return EMPTY
  throw error
}
