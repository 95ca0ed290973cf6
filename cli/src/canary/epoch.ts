// A calibrator's part in an epoch: the secret on disk before its hash is on chain, and the secret on chain when nobody can use it any more. PROTOCOL section 16.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { writeOnce } from '@assay/kit/blobs'
import { EXIT, OperatorError } from '@assay/kit/lifecycle'
import {
  type AccountId, calibratorRoleId, canariesChunkKey, canariesKey, canaryCommitment, consentMessage, decodeCanaryCommitment, encodeCanaryCommitment, encodeCanaryOpening, equalBytes, fromHex, type Hex, judgementOfEpoch, MalformedError, openingChunks, type Parameters, schedule, type ScheduleParameters, toHex, utf8,
} from '@assay/protocol'
import { type CanaryFile, readCanaryFile } from '@assay/provider/canary'
import { addItem, batchAll, bestBlock, type Chain, findNetwork, knownParameters, nodeCrypto as crypto, putItem, readItem, rolesOf, type Sender, toAddress } from '@assay/runtime-bindings'

/** What a machine says to become a canary of a calibrator: a line of `assay canary consent`. */
export interface Consent {
  machine: AccountId
  /** The machine's peer key. */
  peer: Hex
  mute: number
  consent: Hex
}

export interface CalibratorDeps {
  chain: Chain
  /** Of the calibrator. */
  sender: Sender
  network: AccountId
  dataDir: string
}

/** Where an epoch's secret is kept. */
export const canaryPath = (dataDir: string, network: AccountId, epoch: number): string => join(dataDir, 'canaries', `${network.slice(2, 18)}-${epoch}.json`)

/** The epoch to whose canaries one can commit now, by the best block. */
export function nextEpoch({ start, confirmations, roundBlocks, epochRounds }: ScheduleParameters, best: number): number {
  return Math.max(0, Math.floor((best - (start - confirmations - 1)) / (roundBlocks * epochRounds)) + 1)
}

/**
 * Commits to an epoch's canaries. The secret is on disk before anything is sent, and a secret that is there is never replaced: it is committed to, and `consents` must be those in it.
 * Throws OperatorError NO_NETWORK, NO_CALIBRATOR, LATE, EARLY, NO_CONSENT, OTHER_CANARIES, NOT_COMMITTED, or as `readCanaryFile`.
 */
export async function commitCanaries({ chain, sender, network, dataDir }: CalibratorDeps, epoch: number, consents: readonly Consent[]): Promise<{ path: string; state: 'committed' | 'was committed'; drawn: boolean }> {
  const parameters = await calibratorIn(chain, network, sender.account.id)
  const best = (await bestBlock(chain)).number
  const next = nextEpoch(parameters, best)
  if (epoch < next) throw new OperatorError('LATE', `the canaries of epoch ${epoch} had to be on chain by block ${freezeOf(parameters, epoch)}, and the chain is at ${best}`, { advice: `Commit to those of epoch ${next}.` })
  if (epoch > next + 1) throw new OperatorError('EARLY', `the canaries of epoch ${epoch} can be committed to when epoch ${epoch - 2} has begun`, { advice: `Commit to those of epoch ${next} or ${next + 1}, or wait.`, exit: EXIT.again })
  const calibrator = sender.account.id
  for (const { machine, peer, consent } of consents)
    if (!crypto.ed25519Verify(fromHex(consent), consentMessage({ network, calibrator, machine }), fromHex(peer)))
      throw new OperatorError('NO_CONSENT', `the line of ${toAddress(machine)} is no consent to be a canary of ${toAddress(calibrator)} in this network`, { advice: 'Make it with assay canary consent on that machine, for this calibrator and network.' })
  const canaries = consents.map(({ machine, mute, consent }) => ({ machine, mute, consent })).sort((a, b) => (a.machine < b.machine ? -1 : 1))
  const path = canaryPath(dataDir, network, epoch)
  const fresh: CanaryFile = { network, epoch, calibrator, salt: toHex(new Uint8Array(randomBytes(32))), canaries }
  // Refused here, and not after it is on disk: more than fit, or one machine twice.
  encodedOf(fresh)
  const drawn = await writeOnce(path, utf8(`${JSON.stringify(fresh, null, 2)}\n`), { mode: 0o600 })
  const secret = drawn ? fresh : await readCanaryFile(path)
  if (JSON.stringify(secret.canaries) !== JSON.stringify(canaries) || secret.calibrator !== calibrator)
    throw new OperatorError('OTHER_CANARIES', `${path} holds other canaries for epoch ${epoch}; what may have been committed to is never replaced`, { advice: 'Commit to those, or to the next epoch\'s.' })
  const commitment = canaryCommitment(crypto, { network, epoch, calibrator }, encodedOf(secret))
  const key = canariesKey(network)
  const onChain = await readItem(chain, calibrator, key)
  if (onChain !== null && isCommitment(onChain, epoch, commitment)) return { path, state: 'was committed', drawn }
  const result = await sender.send(await putItem(chain, calibrator, key, encodeCanaryCommitment({ epoch, commitment })), { label: `canaries of epoch ${epoch}` })
  if (!result.ok) throw new OperatorError('NOT_COMMITTED', `the canaries of epoch ${epoch} are not committed to: ${result.message}`, { advice: 'Run the same command again before the epoch begins; the secret is kept.', exit: EXIT.again })
  if (result.block > freezeOf(parameters, epoch)) throw new OperatorError('LATE', `the commitment stands in block ${result.block}, and had to by ${freezeOf(parameters, epoch)}; the canaries of epoch ${epoch} do not count`, { advice: `Do not open them; commit to those of epoch ${epoch + 1}.` })
  return { path, state: 'committed', drawn }
}

/**
 * Opens an epoch's canaries: not before the commit window of the round after its last, when what was seen of them can neither be changed nor kept back.
 * Throws OperatorError NO_NETWORK, NO_CALIBRATOR, LATE, EARLY, OTHER_OPENING, NOT_OPENED, or as `readCanaryFile`.
 */
export async function openCanaries({ chain, sender, network, dataDir }: CalibratorDeps, epoch: number): Promise<{ state: 'opened' | 'was open'; chunks: number }> {
  const secret = await readCanaryFile(canaryPath(dataDir, network, epoch))
  const parameters = await calibratorIn(chain, network, sender.account.id)
  const best = (await bestBlock(chain)).number
  const [from, to] = openingWindow(parameters, epoch)
  if (best > to) throw new OperatorError('LATE', `the canaries of epoch ${epoch} had to be open by block ${to}, and the chain is at ${best}`, { advice: 'They do not count. Open those of later epochs in time.' })
  if (best < from) throw new OperatorError('EARLY', `the canaries of epoch ${epoch} are kept until block ${from}, and the chain is at ${best}`, { advice: `Open them between blocks ${from} and ${to}.`, exit: EXIT.again })
  const calibrator = sender.account.id
  const chunks = openingChunks(encodedOf(secret)).map((value, index) => ({ key: canariesChunkKey(network, epoch, index), value }))
  const written = await Promise.all(chunks.map(({ key }) => readItem(chain, calibrator, key)))
  if (written.some((value, i) => value !== null && !equalBytes(value, chunks[i]!.value))) throw new OperatorError('OTHER_OPENING', `items of this account hold another opening of epoch ${epoch}`, { advice: 'The first that was written counts; look for a second copy of this calibrator.' })
  const missing = chunks.filter((_, i) => written[i] === null)
  if (missing.length === 0) return { state: 'was open', chunks: chunks.length }
  const result = await sender.send(batchAll(chain, missing.map(({ key, value }) => addItem(chain, key, value))), { label: `opening of the canaries of epoch ${epoch}` })
  if (!result.ok) throw new OperatorError('NOT_OPENED', `the canaries of epoch ${epoch} are not open: ${result.message}`, { advice: `Run the same command again by block ${to}.`, exit: EXIT.again })
  if (result.block > to) throw new OperatorError('LATE', `the opening stands in block ${result.block}, and had to by ${to}`, { advice: 'It does not count. Open those of later epochs in time.' })
  return { state: 'opened', chunks: chunks.length }
}

/** First and last best block at which the honest tool opens. */
export function openingWindow(parameters: Parameters, epoch: number): [from: number, to: number] {
  return [schedule(parameters, (epoch + 1) * parameters.epochRounds).commitTo + parameters.confirmations + 1, judgementOfEpoch(parameters, epoch)]
}

const freezeOf = (parameters: Parameters, epoch: number): number => schedule(parameters, epoch * parameters.epochRounds).freeze

const encodedOf = ({ salt, canaries }: CanaryFile): Uint8Array => {
  try {
    return encodeCanaryOpening({ salt, canaries: canaries.map(({ machine, mute, consent }) => ({ machine, mute, consent: fromHex(consent as Hex) })) })
  } catch (cause) {
    if (cause instanceof RangeError) throw new OperatorError('CANARIES', 'the canaries are more than 63, or one is named twice', { advice: 'Name each machine once, and at most 63 of them.', cause })
    throw cause
  }
}

function isCommitment(item: Uint8Array, epoch: number, commitment: Hex): boolean {
  try {
    const found = decodeCanaryCommitment(item)
    return found.epoch === epoch && found.commitment === commitment
  } catch (error) {
    if (error instanceof MalformedError) return false
    throw error
  }
}

async function calibratorIn(chain: Chain, network: AccountId, account: AccountId): Promise<Parameters> {
  const found = await findNetwork(chain, network)
  if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(network)} holds no network on ${chain.endpoint}`, { advice: 'Check the address and the chain.' })
  if (!(await rolesOf(chain, network, account)).includes(calibratorRoleId(crypto)))
    throw new OperatorError('NO_CALIBRATOR', `${toAddress(account)} is no calibrator of ${toAddress(network)}`, { advice: 'Ask the founders to approve it: assay network calibrator.' })
  return knownParameters(found)
}
