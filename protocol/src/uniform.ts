/** floor(word * range / 2^32), exactly: a u32 word of chance as one of 0 ... range - 1, for a range up to 2^32. */
export const uniform = (word: number, range: number): number => Number((BigInt(word) * BigInt(range)) >> 32n)
