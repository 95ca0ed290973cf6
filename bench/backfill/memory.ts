// What a process takes while it works.

/** Resident memory at ten points of the way, in megabytes, and the CPU seconds between. */
export function watchMemory(points = 10) {
  const begun = process.cpuUsage()
  const seen: [block: number, megabytes: number][] = []
  const megabytes = (): number => Math.round(process.memoryUsage.rss() / 1e6)
  return {
    at: (block: number) => void seen.push([block, megabytes()]),
    end: () => {
      const { user, system } = process.cpuUsage(begun)
      const step = Math.max(1, Math.floor(seen.length / points))
      return { cpu: (user + system) / 1e6, megabytes: { most: Math.max(...seen.map(([, m]) => m)), along: seen.filter((_, i) => i % step === 0).map(([, m]) => m) } }
    },
  }
}
