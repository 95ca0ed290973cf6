// How much memory V8 may take before it sweeps.
import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow by six tenths over what lives in it before it is swept; V8 by itself lets it double and more, which in a process that catches up for hours is most of what it takes. Less costs time
 * (bench/backfill). Not for a process with the embedded database: that counts as part of its heap, and would have it swept all the time.
 */
export const keepHeapSmall = (): void => setFlagsFromString('--heap-growing-percent=60')
