// The health check of a container: asks the service that it was started with for /health. Exit code 0 if it lives, 1 with a sentence if not.
'use strict'
const { ASSAY_HTTP_PORT, ASSAY_OPS_PORT, ASSAY_HOST, ASSAY_OPS_HOST } = process.env

const EVERYWHERE = new Set(['', '0.0.0.0', '::'])
const PATIENCE_MS = 5000

/** Where the settings of the environment have the service listen. */
function place() {
  const host = ASSAY_OPS_HOST ?? ASSAY_HOST ?? ''
  const reached = EVERYWHERE.has(host) ? '127.0.0.1' : host
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${ASSAY_OPS_PORT ?? ASSAY_HTTP_PORT}/health`
}

async function main() {
  const url = place()
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })
    if (status === 200) return
    console.error(`${url} answers ${status}`)
  } catch (error) {
    console.error(`${url} does not answer (${error.cause?.code ?? error.name}). Where the service listens elsewhere, say so by ASSAY_HTTP_PORT or ASSAY_OPS_PORT and not by a flag.`)
  }
  process.exitCode = 1
}

void main()
