// Parts of the page that come when they are first needed.
import { useEffect, useState } from 'preact/hooks'

/** A module that is fetched when something that uses it is first shown; null until then. Where it cannot be had, `failed` is what is shown of it. */
export function lazily<T>(load: () => Promise<T>, failed: T): { use(): T | null } {
  let module: T | null = null
  return {
    use() {
      const [found, set] = useState<{ module: T } | null>(null)
      useEffect(() => {
        if (module !== null) return
        let shown = true
        const show = (loaded: T): void => {
          if (shown) set({ module: loaded })
        }
        load().then((loaded) => show((module = loaded)), () => show(failed))
        return () => void (shown = false)
      }, [])
      return module ?? found?.module ?? null
    },
  }
}
