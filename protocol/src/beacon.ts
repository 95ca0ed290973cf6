// What chance decides, from the randomness of blocks. PROTOCOL sections 4 and 5.
import { ascend } from './ascend.ts'
import { type AccountId, concat, fromHex, type Hash, toHex, u32le, utf8 } from './bytes.ts'
import { Reader, Writer } from './codec.ts'
import type { Crypto } from './crypto.ts'

/** The beacon of a round from the randomness of block S_r. */
export function beaconOf(crypto: Crypto, network: AccountId, round: number, randomness: Hash): Hash {
  return toHex(crypto.blake2b256(concat(utf8('assay/1/beacon'), fromHex(network), u32le(round), fromHex(randomness))))
}

/** What the machines of a round work at: multiplications, or memory. */
export type JobKind = 'COMPUTE' | 'MEMORY'

/** The kind of a round's job: MEMORY if the beacon's draw, a u16, is below `memoryShare`. */
export function jobKind(crypto: Crypto, beacon: Hash, memoryShare: number): JobKind {
  const [low, high] = crypto.blake2b256(concat(utf8('assay/1/kind'), fromHex(beacon)))
  return low! + 256 * high! < memoryShare ? 'MEMORY' : 'COMPUTE'
}

/** The 32 bytes from which a machine fills its memory in a round; known with the beacon, because filling takes longer than anything else. */
export function fillSeed(crypto: Crypto, beacon: Hash, machine: AccountId): Uint8Array {
  return crypto.blake2b256(concat(utf8('assay/1/fill-seed'), fromHex(beacon), fromHex(machine)))
}

/** The 32-byte seed of a machine's job from the randomness of block S_r + F. */
export function jobSeed(crypto: Crypto, network: AccountId, round: number, randomness: Hash, machine: AccountId): Uint8Array {
  return crypto.blake2b256(concat(utf8('assay/1/seed'), fromHex(network), u32le(round), fromHex(randomness), fromHex(machine)))
}

/** The committee of a machine: `size` of the eligible checkers, or all if there are fewer; in the order of `checkers`, which is ascending. */
export function committeeOf(crypto: Crypto, beacon: Hash, machine: AccountId, checkers: readonly AccountId[], size: number): AccountId[] {
  return drawPlaces(wordsOf(crypto, COMMITTEE, beacon, machine), checkers.length, size).map((place) => checkers[place]!)
}

/** The mirrors of a checker's package: `size` of the other eligible checkers, or all if there are fewer; in the order of `checkers`, which is ascending. */
export function mirrorsOf(crypto: Crypto, beacon: Hash, checker: AccountId, checkers: readonly AccountId[], size: number): AccountId[] {
  const others = checkers.filter((other) => other !== checker)
  return drawPlaces(wordsOf(crypto, MIRROR, beacon, checker), others.length, size).map((place) => others[place]!)
}

/** True if the machine must open its commitment, from the randomness of block S_r + O. */
export function mustOpen(crypto: Crypto, network: AccountId, round: number, randomness: Hash, machine: AccountId, openShare: number): boolean {
  const [low, high] = crypto.blake2b256(concat(utf8('assay/1/open'), fromHex(network), u32le(round), fromHex(randomness), fromHex(machine)))
  return low! + 256 * high! <= openShare
}

/** The 32 bytes from which the opened cells of a commitment are drawn, from the randomness of block S_r + O. */
export function coinsOf(crypto: Crypto, network: AccountId, round: number, randomness: Hash, machine: AccountId, commitment: Hash): Uint8Array {
  return crypto.blake2b256(concat(utf8('assay/1/coins'), fromHex(network), u32le(round), fromHex(randomness), fromHex(machine), fromHex(commitment)))
}

const COMMITTEE = utf8('assay/1/committee')
const MIRROR = utf8('assay/1/mirror')
const NO_WORDS = new Reader(new Uint8Array())
/** What is hashed for words, in the same memory each time: a big round draws for every machine. */
const DRAW = new Writer()

/** The u32 words of H(`tag` ‖ beacon ‖ account ‖ u32 0), H(`tag` ‖ beacon ‖ account ‖ u32 1), … one by one. */
function wordsOf(crypto: Crypto, tag: Uint8Array, beacon: Hash, account: AccountId): () => number {
  let words = NO_WORDS
  let hashes = 0
  return () => {
    if (words.left === 0) {
      DRAW.clear()
      DRAW.bytes(tag)
      DRAW.hex(beacon, 32)
      DRAW.hex(account, 32)
      DRAW.uint(hashes++, 4)
      words = new Reader(crypto.blake2b256(DRAW.view()))
    }
    return words.uint(4)
  }
}

/**
 * `size` of the places 0 ... `count` - 1, ascending; every set of them is equally likely. All places if there are no more.
 * The first `size` steps of a Fisher-Yates shuffle, so it costs `size` and not `count`: a word says which place is swapped to the front, one that would favour some places being left out.
 */
function drawPlaces(nextWord: () => number, count: number, size: number): number[] {
  if (size >= count) return Array.from({ length: count }, (_, place) => place)
  const moved = new Map<number, number>()
  const drawn: number[] = []
  while (drawn.length < size) {
    const word = nextWord()
    const from = drawn.length
    const left = count - from
    if (word >= Math.floor(2 ** 32 / left) * left) continue
    const other = from + (word % left)
    drawn.push(moved.get(other) ?? other)
    moved.set(other, moved.get(from) ?? from)
  }
  return ascend(drawn)
}
