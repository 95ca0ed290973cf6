// The page's policy takes no string for a script; this is the one exception, and it is made once.

interface Policies { createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown } }

let trust: (url: string) => string

/** Starts the one worker of the page, whose address was made at build time. */
export function startWorker(url: string): Worker {
  trust ??= policyFor(url)
  return new Worker(trust(url), { type: 'module' })
}

/** Browsers without trusted types take the address as it is. */
function policyFor(worker: string): (url: string) => string {
  const policy = (globalThis as { trustedTypes?: Policies }).trustedTypes?.createPolicy('assay-worker', {
    createScriptURL(url) {
      if (url !== worker) throw new TypeError(`${url} is not the worker of this page`)
      return url
    },
  })
  return policy === undefined ? (url) => url : (url) => policy.createScriptURL(url) as string
}
