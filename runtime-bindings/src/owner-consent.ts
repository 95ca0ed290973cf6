// The owner's consent in the data folder of a machine or checker: what was asked last (`owner.request`), and what the owner agreed to (`owner.consent`). Each is one line of text; neither is secret.
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Hex, Identity, IdentityKind } from '@assay/protocol'
import { toAddress } from './account.ts'
import { ConsentSignatureError, ConsentTextError, decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, verifyConsent, walletPayload, type Consent } from './consent.ts'
import { syncFolder } from './disk.ts'
import { ChainError } from './errors.ts'
import { nextPeerOf, readPublicKey, takeNextPeer } from './keystore.ts'

const requestPath = (dataDir: string): string => join(dataDir, 'owner.request')
export const consentPath = (dataDir: string): string => join(dataDir, 'owner.consent')

/** Where the keys are: a machine has a folder for them, so that it can be copied away. */
export const keysFolder = (dataDir: string, kind: IdentityKind): string => (kind === 'machine' ? join(dataDir, 'machine') : dataDir)

/** What the owner is asked: as a line for `assay owner sign`, and as hex for a wallet that signs raw bytes. */
export interface OwnerRequest { line: string, payload: Hex }

/** An owner is set who neither agreed nor has a key here: `request` is what it must sign. */
export class OwnerConsentError extends ChainError {
  readonly request: OwnerRequest
  constructor(dataDir: string, { kind, owner }: Identity, request: OwnerRequest) {
    super(
      'OWNER_CONSENT',
      `The owner ${toAddress(owner)} has not agreed to this ${kind} yet; its request is\n${request.line}`,
      `Where the owner’s key is, run: assay owner sign <request> --key-file <file> --password-file <file>\n  Here then: assay ${kind} complete <answer> --data-dir ${dataDir}\n  (With a polkadot wallet: assay ${kind} request says how.)`,
    )
    this.request = request
  }
}

/** Makes the request for this identity and keeps it: from now on no answer to an older one is taken. Throws ChainError DISK (exit 75 for a full disk), and RangeError if the identity breaks a rule. */
export async function makeRequest(dataDir: string, identity: Identity): Promise<OwnerRequest> {
  const line = encodeRequest(identity)
  await writeLine(requestPath(dataDir), line)
  return { line, payload: walletPayload(identity) }
}

/** The owner's consent as it lies in the data folder, not verified; null if there is none. Throws ChainError CONSENT for a file that is damaged or cannot be read. */
export async function readConsent(dataDir: string): Promise<Consent | null> {
  return readLine(consentPath(dataDir), decodeAnswer, 'Restore it from a backup, or remove it and give the owner’s answer again: assay machine complete or assay checker complete.')
}

/** Throws ChainError CONSENT where the owner agreed to other keys, places or another network than these, ConsentSignatureError where it agreed to nothing. */
export function verifyOwnConsent(consent: Consent, own: Omit<Identity, 'owner'>): void {
  const { identity } = consent
  const { kind } = own
  const other = (what: string): ChainError => new ChainError('CONSENT', `The owner agreed to ${what}.`, `Make a request here (assay ${kind} request) and have the owner sign that one.`)
  if (identity.kind !== kind) throw other(`a ${identity.kind}, and this is a ${kind}`)
  if (identity.account !== own.account) throw other(`another ${kind}, ${toAddress(identity.account)}; this one is ${toAddress(own.account)}`)
  if (identity.network !== own.network) throw other(`the network ${toAddress(identity.network)}, not to ${toAddress(own.network)}`)
  if (identity.peer !== own.peer) throw other(`the peer key ${identity.peer}, not to this ${kind}’s, ${own.peer}`)
  for (const [places, what] of [['addresses', 'a checker that listens at'], ['evidence', 'evidence at']] as const) {
    const [agreed, now] = [identity[places].join(', '), own[places].join(', ')]
    if (agreed !== now) throw other(`${what} ${agreed || 'no place'}, and by its settings that is ${now || 'no place'} now`)
  }
  verifyConsent(consent)
}

/** What the owner gave back: the line of `assay owner sign`, or a wallet's signature over the last request's payload. */
export type OwnerAnswer = { line: string } | { signature: Uint8Array }

/**
 * Takes the owner's answer to the last request, if it is one, and keeps it where the next start finds it; the peer key of a rotation that waited for it comes into its place.
 * Throws ChainError NO_REQUEST, CONSENT or DISK, ConsentTextError, ConsentSignatureError, and the keystore's errors.
 */
export async function completeRequest(dataDir: string, answer: OwnerAnswer): Promise<{ state: 'stored' | 'unchanged', identity: Identity, rotated: boolean }> {
  const asked = await readLine(requestPath(dataDir), decodeRequest, 'Remove it and make the request again: assay machine request or assay checker request.')
  if (asked === null) throw new ChainError('NO_REQUEST', `There is no request in ${dataDir}.`, 'Check --data-dir; if it is the right one, begin with assay machine request or assay checker request.')
  const consent = 'line' in answer ? decodeAnswer(answer.line) : { identity: asked, signature: answer.signature }
  const dir = keysFolder(dataDir, asked.kind)
  const account = await readPublicKey(join(dir, 'account.json'))
  const peer = (await nextPeerOf(dir)) ?? (await readPublicKey(join(dir, 'peer.json')))
  if (asked.account !== account || asked.peer !== peer) throw new ChainError('CONSENT', `The keys of this ${asked.kind} are others than when the request was made.`, `Make the request again (assay ${asked.kind} request) and have the owner sign that one.`)
  if (consent.identity.owner !== asked.owner) {
    throw new ChainError('CONSENT', `This is the answer of ${toAddress(consent.identity.owner)}; the last request was to ${toAddress(asked.owner)}.`, 'Give the answer to the last request; to have the other owner, make a request to it first.')
  }
  verifyOwnConsent(consent, asked)
  const before = await readConsent(dataDir).catch(() => null) // a damaged one is mended by this
  const unchanged = before !== null && walletPayload(before.identity) === walletPayload(consent.identity) && isSigned(before)
  // The consent first: a start that finds it takes the peer key that it names.
  if (!unchanged) await writeLine(consentPath(dataDir), encodeAnswer(consent))
  const rotated = await takeNextPeer(dir, peer)
  return { state: unchanged ? 'unchanged' : 'stored', identity: consent.identity, rotated }
}

function isSigned(consent: Consent): boolean {
  try {
    verifyConsent(consent)
    return true
  } catch (error) {
    if (error instanceof ConsentSignatureError) return false
    throw error
  }
}

async function readLine<T>(path: string, decode: (line: string) => T, advice: string): Promise<T | null> {
  const found = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    throw new ChainError('CONSENT', `The file ${path} cannot be read (${cause.code ?? cause.message}).`, 'Correct its permissions.', { cause })
  })
  if (found === null) return null
  try {
    return decode(found)
  } catch (cause) {
    if (cause instanceof ConsentTextError) throw new ChainError('CONSENT', `The file ${path} is damaged.`, advice, { cause })
    throw cause
  }
}

/** What may be over when the same is tried again. */
const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'])

// All or nothing, and on the disk when it returns: an answer that was taken must not be lost by a power cut.
async function writeLine(path: string, line: string): Promise<void> {
  const beside = `${path}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(dirname(path), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    const file = await open(beside, 'wx', 0o600)
    await file.writeFile(`${line}\n`).then(() => file.sync()).finally(() => file.close())
    await rename(beside, path)
    await syncFolder(dirname(path))
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {})
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new ChainError('DISK', `${path} cannot be written (${code}).`, 'Make room on the disk and let this user write there.', { exit: PASSING.has(code) ? 75 : 1, cause })
  }
}
