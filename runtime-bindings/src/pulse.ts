/** Something to wait on for "anything new": pokes while nobody waits are kept as one. */
export interface Pulse {
  poke(): void
  /** Resolves at the next poke (at once if there was one since the last wait), at the latest after `ms`. */
  wait(ms: number): Promise<void>
}

export function createPulse(): Pulse {
  let changed = false
  let wake = (): void => {}
  return {
    poke() {
      changed = true
      wake()
    },
    async wait(ms) {
      if (!changed) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.max(0, ms))
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      changed = false
      wake = () => {}
    },
  }
}
