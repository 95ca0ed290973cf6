import { decodeCommitmentBlob, decodeOpeningsBlob, decodeSignedIdentity, equalBytes, fromHex, MalformedError, openingsDigest, verifyIdentity } from '@assay/protocol'
import { actor } from '@assay/protocol/testing/actors'
import { DECODERS, MUTATIONS } from '@assay/protocol/testing/corpus'
import { type Attack, chance, crypto } from '../attack.ts'

/** Whether spoiled bytes still carry the signature of whoever they name; for what is signed. */
const SIGNED: Record<string, (bytes: Uint8Array) => boolean> = {
  'signed identity': (bytes) => {
    const read = decodeSignedIdentity(bytes)
    return verifyIdentity(crypto, read, read.identity) === 'OK'
  },
  'commitment blob': (bytes) => crypto.ed25519Verify(decodeCommitmentBlob(crypto, bytes).signature, crypto.sha256(bytes.subarray(0, -64)), PEER),
  'openings blob': (bytes) => crypto.ed25519Verify(decodeOpeningsBlob(bytes).signature, openingsDigest(crypto, bytes), PEER),
}
const PEER = fromHex(actor('machine', 'machine 0').peer)

/** Spoiled bytes are refused by their decoder or by their signature; unsigned ones may be another value, which has no second encoding: its hash is another. */
const spoiling = (name: Attack['name'], liar: string, how: string): Attack => ({
  name,
  liar,
  run: (trial) => {
    const draw = chance(trial)
    const { name: kind, valid, again } = DECODERS[draw(DECODERS.length)]!
    const bytes = valid[draw(valid.length)]!
    const spoiled = MUTATIONS[how]!(bytes, draw)
    if (equalBytes(spoiled, bytes)) return { found: 'REFUSED', pay: 0 }
    try {
      if (!equalBytes(again(spoiled), spoiled)) return { found: 'SECOND ENCODING', pay: 1 }
    } catch (error) {
      return { found: error instanceof MalformedError ? 'REFUSED' : `CRASHED: ${String(error)}`, pay: 0 }
    }
    const signed = SIGNED[kind]
    return signed === undefined ? { found: 'ANOTHER VALUE', pay: 0 } : { found: signed(spoiled) ? 'SIGNED' : 'REFUSED', pay: 0 }
  },
})

export const messages: Attack[] = [
  spoiling('message cut off', 'sends a message that ends early', 'cut off'),
  spoiling('message too long', 'sends more bytes than the message has', 'too long'),
  spoiling('message reordered', 'sends the pieces of a message in another order', 'pieces in another order'),
  spoiling('message with a flipped bit', 'changes one bit of a message', 'bit flipped'),
  spoiling('length that lies', 'puts a length of 2^30 anywhere into a message', 'length forged'),
]
