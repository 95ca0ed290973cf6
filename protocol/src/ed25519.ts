// Points of ed25519 as far as the rules speak of them.

const FIELD = 2n ** 255n - 19n
/** y of the eight points of small order. */
const SMALL_ORDER = new Set([
  0n,
  1n,
  FIELD - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
])

/** y of an encoded point: the 32 bytes little-endian without the top bit, which is the sign of x. */
const yOf = (point: Uint8Array): bigint => point.reduceRight((value, byte, i) => (value << 8n) + BigInt(i === 31 ? byte & 0x7f : byte), 0n)

/**
 * True for 32 bytes that a reader may take for a point of small order, in whatever encoding: for such a key one signature fits many messages. Some verifiers refuse them as keys
 * and in signatures, others do not, one release of one program this way and the next that way; so the rules refuse them, and no verifier is asked.
 */
export function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER.has(yOf(point) % FIELD)
}

/** True unless the 32 bytes are a second encoding of a point, or a point of small order. That they are a point at all, a valid signature shows. */
export function isPlainPoint(point: Uint8Array): boolean {
  return yOf(point) < FIELD && !isSmallOrder(point)
}
