// A played network with a canary: machine 0 mutes some of five checkers by its calibrator's draw, of whom checker 0 says RAN all the same. Calibration is enforced.
import { concat, toHex, u32le, utf8, ZERO_HASH, type Hash } from '../src/bytes.ts'
import { type CanaryOpening, canaryCommitment, consentMessage, encodeCanaryCommitment, encodeCanaryOpening, isMuted, openingChunks } from '../src/canaries.ts'
import { calibratorRoleId, canariesChunkKey, canariesKey } from '../src/storage-keys.ts'
import { accountOf, actor, testCrypto as crypto } from './actors.ts'
import { blobId } from '../src/manifest.ts'
import { type PlayedNetwork, playNetwork, signCommitment } from './round.ts'

const CHECKERS = Array.from({ length: 5 }, (_, i) => actor('checker', `checker ${i}`))
const LIAR = CHECKERS[0]!
const SEATS = CHECKERS.map(({ account }) => account).toSorted()
const MUTE = 128
/** Rounds of the first epoch. */
const ROUNDS = [0, 1]

/** A salt by which machine 0 mutes the liar in both rounds, and in each one or two at all; drawn by `chain`. */
function saltFor(machine: Hash, chain: string): Hash {
  for (let i = 0; ; i++) {
    const salt = toHex(crypto.sha256(concat(utf8(chain), u32le(i))))
    const muted = ROUNDS.map((round) => SEATS.filter((checker) => isMuted(crypto, { salt, mute: MUTE }, round, machine, checker)))
    if (muted.every((some) => some.includes(LIAR.account) && some.length <= 2)) return salt
  }
}

export interface CanaryOptions {
  opened?: boolean | ((committed: CanaryOpening) => CanaryOpening)
  framedBy?: 'canary' | 'checkers'
  /** Name of the chain; it also draws the salt. */
  chain?: string
}

export interface CanaryPlay {
  played: PlayedNetwork
  canary: Hash
  liar: Hash
}

/**
 * Two epochs of two rounds; the canary of the first is opened in time, not at all, or as `opened` makes of what was committed to.
 * `framedBy`: in each round of the first, one honest checker that it does not mute is framed by the canary, which shows it another commitment than the others, signed as well; or by the others that it does not mute, which name one that nobody signed.
 */
export function playCanary({ opened = true, framedBy, chain = 'block' }: CanaryOptions = {}): CanaryPlay {
  const network = accountOf('network')
  const calibrator = accountOf('calibrator')
  const canary = actor('machine', 'machine 0')
  const salt = saltFor(canary.account, chain)
  const committed: CanaryOpening = { salt, canaries: [{ machine: canary.account, mute: MUTE, consent: canary.sign(consentMessage({ network, calibrator, machine: canary.account })) }] }
  const opening = encodeCanaryOpening(committed)
  const shown = typeof opened === 'function' ? encodeCanaryOpening(opened(committed)) : opening
  const mutes = (round: number, checker: Hash): boolean => ROUNDS.includes(round) && isMuted(crypto, { salt, mute: MUTE }, round, canary.account, checker)
  const second = new Map<number, Uint8Array>()
  const victimOf = (round: number): Hash | undefined => (framedBy !== undefined && ROUNDS.includes(round) ? SEATS.find((checker) => checker !== LIAR.account && !mutes(round, checker)) : undefined)
  const played = playNetwork(
    { chain, checkers: 5, machines: 2, epochs: 2, parameters: { committee: 5, mirrors: 4, calibrationCheck: 'enforce' } },
    {
      machine: ({ name }, round) =>
        name === 'machine 0'
          ? { foldAt: (place) => (mutes(round, SEATS[place]!) ? null : 0), commitment: (own) => (second.set(round, signCommitment(canary, { ...own, roots: own.roots.slice(0, -1) })), own) }
          : {},
      observe: (checker, round, honest) =>
        honest.map((seen) => {
          const isVictim = checker.account === victimOf(round)
          if (seen.machine === canary.account && framedBy === 'canary' && isVictim) return { ...seen, commitment: blobId(crypto, second.get(round)!) }
          if (seen.machine === canary.account && framedBy === 'checkers' && ROUNDS.includes(round) && !isVictim && !mutes(round, checker.account)) return { ...seen, commitment: blobId(crypto, utf8('nobody signed this')) }
          const isHonest = checker.account !== LIAR.account && seen.machine === canary.account && mutes(round, checker.account)
          return isHonest ? { ...seen, outcome: 'NOT_RUN', reason: 'NO_COMMITMENT', commitment: ZERO_HASH, lastStep: 0, lastKey: ZERO_HASH, firstUs: 0 } : seen
        }),
      publish: (checker, round, manifest, put) =>
        framedBy === 'canary' && checker.account === victimOf(round) ? { ...manifest, evidence: manifest.evidence.map((entry) => (entry.machine === canary.account ? { ...entry, commitments: [put(second.get(round)!)], openings: [] } : entry)) } : manifest,
      events(block) {
        if (block === 2) return [{ kind: 'role', owner: network, role: calibratorRoleId(crypto), user: calibrator, assigned: true }]
        if (block === 3) return [{ kind: 'item', who: calibrator, key: canariesKey(network), value: encodeCanaryCommitment({ epoch: 0, commitment: canaryCommitment(crypto, { network, epoch: 0, calibrator }, opening) }), update: false }]
        // After the commit window of the epoch's last round.
        if (block === 10 + 2 * 20 && opened !== false) return openingChunks(shown).map((value, chunk) => ({ kind: 'item', who: calibrator, key: canariesChunkKey(network, 0, chunk), value, update: false }))
        return []
      },
    },
  )
  return { played, canary: canary.account, liar: LIAR.account }
}
