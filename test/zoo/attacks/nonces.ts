import { type Fold, nonceMessage, type WorkCommitment } from '@assay/protocol'
import { accountOf, actor } from '@assay/protocol/testing/actors'
import { type Attack, chance, gain, lyingMachine, playRound, WINDOW } from '../attack.ts'
import { chainFrom, jobOf } from './replays.ts'

const NETWORK = accountOf('network')
const MACHINE = actor('machine', 'machine 0')
const checkerOf = (account: string) => [0, 1, 2].map((place) => actor('checker', `checker ${place}`)).find((one) => one.account === account)!

/** Changes the signature of one fold of the commitment. */
const swapped =
  (trial: string, signature: (fold: Fold) => Uint8Array) =>
  (own: WorkCommitment): WorkCommitment => {
    const place = chance(`fold of ${trial}`)(own.folds.length)
    return { ...own, folds: own.folds.map((fold, at) => (at === place ? { ...fold, signature: signature(fold) } : fold)) }
  }

/** A machine that begins before its checkers say so, or lies about when they did. */
export const nonces: Attack[] = [
  {
    name: 'nonce that no checker signed',
    liar: 'signs a nonce itself to begin before its checkers let it',
    run: (trial) => lyingMachine(trial, { commitment: swapped(trial, ({ checker }) => MACHINE.sign(nonceMessage(NETWORK, 0, `0x${'00'.repeat(32)}`, MACHINE.account, checker))) }),
  },
  {
    name: 'nonce of another round',
    liar: 'folds a nonce that the checker signed for another round',
    run: (trial) => lyingMachine(trial, { commitment: swapped(trial, ({ checker }) => checkerOf(checker).sign(nonceMessage(NETWORK, 1, `0x${'00'.repeat(32)}`, MACHINE.account, checker))) }),
  },
  {
    name: 'nonce swapped afterwards',
    liar: 'begins with a made-up nonce and puts the real one in its place when it has come',
    run: async (trial) => {
      const { prover, rootsOf } = chainFrom(jobOf(trial))
      const guessed = (own: WorkCommitment): WorkCommitment => ({ ...own, roots: rootsOf(own.folds.map((fold) => ({ ...fold, signature: new Uint8Array(64) }))) })
      return { ...(await lyingMachine(trial, { commitment: guessed, opening: (_openings, cells) => prover.open(cells) })), cost: 1 }
    },
  },
  {
    name: 'nonces folded late',
    liar: 'folds the nonces of two checkers some steps after they came',
    run: async (trial) => {
      const late = 1 + chance(trial)(6)
      // What was done before a fold is not credited, and the window ends when it ends.
      return gain(await playRound(trial, { machine: () => ({ foldAt: (place) => (place === 0 ? 0 : late), seen: () => WINDOW }) }), WINDOW - late)
    },
  },
]
