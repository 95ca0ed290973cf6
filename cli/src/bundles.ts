// Packages from the few files that tools/bundle-packages.mjs makes of them. Loads nothing but Node's own modules: it runs before all others.
import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

const INSTALLED = new URL('../../node_modules/', import.meta.url)

/**
 * From now on our own code gets bundled packages from their bundles. Does nothing where there are none, or where something was installed since they were made: the packages themselves serve then.
 * @param installed the folder of packages, a URL that ends in a slash
 */
export function useBundles(installed: URL = INSTALLED): void {
  const found = readBundles(installed)
  if (found === undefined) return
  registerHooks({
    resolve(specifier, context, next) {
      const file = found.get(specifier)
      // Packages find each other as they always do.
      if (file === undefined || context.parentURL?.includes('/node_modules/') !== false) return next(specifier, context)
      return { url: file, format: 'module', shortCircuit: true }
    },
  })
}

function readBundles(installed: URL): Map<string, string> | undefined {
  const folder = new URL('.cache/assay-packages/', installed)
  try {
    const { installed: sha256, files } = JSON.parse(readFileSync(new URL('bundles.json', folder), 'utf8')) as { installed: string, files: Record<string, string> }
    // npm writes down there what it installed.
    if (hash('sha256', readFileSync(new URL('.package-lock.json', installed))) !== sha256) return undefined
    return new Map(Object.entries(files).map(([specifier, file]) => [specifier, new URL(file, folder).href]))
  } catch {
    return undefined
  }
}
