// What of a step is hashing, on a CPU.
import { compileKernel, instantiate, PAGE_BYTES } from '@assay/provider/engines/kernel'

/** CPU milliseconds of all threads of this process since `since`. */
export function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

/** CPU milliseconds of the hashes of one step, the best of `turns`: all chunks of C and the tree above them. */
export async function hashMs(log2n: number, turns: number): Promise<number> {
  const n = 2 ** log2n
  const kernel = instantiate(await compileKernel('simd128'))
  const rows = 64
  const chunk = Math.min(1024, 4 * n)
  const perStrip = (rows * 4 * n) / chunk
  const [c, leaves] = [PAGE_BYTES, PAGE_BYTES + rows * n * 4]
  kernel.memory.grow(Math.ceil((rows * n * 4 + (perStrip + n) * 32) / PAGE_BYTES) + 1)
  let best = Infinity
  for (let run = 0; run < turns; run++) {
    const since = process.cpuUsage()
    for (let i = 0; i < n; i += rows) {
      kernel.hashAll(c, chunk, perStrip, leaves)
      for (let size = perStrip; size > rows; size /= 2) kernel.hashAll(leaves, 64, size / 2, leaves)
    }
    for (let size = n; size > 1; size /= 2) kernel.hashAll(leaves, 64, size / 2, leaves)
    best = Math.min(best, cpuMs(since))
  }
  return best
}
