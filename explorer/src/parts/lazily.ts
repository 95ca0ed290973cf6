// Parts of the page that come when they are first needed.
import { useEffect, useState } from 'preact/hooks'

export interface Late<T> {
  /** Null until it has come. */
  module: T | null
  /** It will not come: the indexer does not answer, or the build was replaced under the page. */
  failed: boolean
}

/** A module that is fetched when something that uses it is first shown. */
export function lazily<T>(load: () => Promise<T>): { use(): Late<T> } {
  let module: T | null = null
  return {
    use() {
      const [late, set] = useState<Late<T>>({ module, failed: false })
      useEffect(() => {
        let shown = true
        if (late.module === null) {
          load().then((loaded) => {
            module = loaded
            if (shown) set({ module: loaded, failed: false })
          }, () => void (shown && set({ module: null, failed: true })))
        }
        return () => void (shown = false)
      }, [])
      return late
    },
  }
}
