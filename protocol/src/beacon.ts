// What chance decides, from the randomness of blocks. PROTOCOL sections 4 and 5.
import { type AccountId, compareBytes, concat, fromHex, type Hash, toHex, u32le, utf8 } from './bytes.ts'
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

/** The committee of a machine: the `size` eligible checkers that the beacon draws, or all if there are fewer; ascending. */
export function committeeOf(crypto: Crypto, beacon: Hash, machine: AccountId, checkers: readonly AccountId[], size: number): AccountId[] {
  return drawn(crypto, 'assay/1/committee', beacon, machine, checkers, size)
}

/** The mirrors of a checker's package: the `size` other eligible checkers that the beacon draws, or all if there are fewer; ascending. */
export function mirrorsOf(crypto: Crypto, beacon: Hash, checker: AccountId, checkers: readonly AccountId[], size: number): AccountId[] {
  return drawn(crypto, 'assay/1/mirror', beacon, checker, checkers.filter((other) => other !== checker), size)
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

function drawn(crypto: Crypto, tag: string, beacon: Hash, of: AccountId, candidates: readonly AccountId[], size: number): AccountId[] {
  const prefix = concat(utf8(tag), fromHex(beacon), fromHex(of))
  return candidates
    .map((account) => ({ account, ticket: crypto.blake2b256(concat(prefix, fromHex(account))) }))
    .sort((a, b) => compareBytes(a.ticket, b.ticket))
    .slice(0, size)
    .map(({ account }) => account)
    .sort()
}
