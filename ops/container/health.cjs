// The health check of a container: asks the service that runs in it for /health. Exit code 0 if it lives, 1 with a sentence if not.
'use strict'
const { readdirSync, readFileSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..', '..')
const EVERYWHERE = new Set(['', '0.0.0.0', '::'])
const PATIENCE_MS = 5000

/**
 * Where a service that was started with these words and this environment answers: by what it says in its folder, else by its settings. These are read as the service does only where flags or a file say them, which takes half a second.
 * Throws OperatorError CONFIG.
 */
async function placeOf({ service, words, env }) {
  const dir = flagIn(words, '--data-dir') ?? env.ASSAY_DATA_DIR
  const { holderOf } = await import('../../kit/src/lock.ts')
  const told = dir ? (await holderOf(dir))?.url : undefined
  if (told) return reached(told)
  const isPlain = !words.some((word) => /^--(host|ops-host|http-port|ops-port|config)\b/.test(word)) && !env.ASSAY_CONFIG
  const { host, httpPort, opsHost, opsPort } = isPlain ? { host: env.ASSAY_HOST, httpPort: env.ASSAY_HTTP_PORT, opsHost: env.ASSAY_OPS_HOST, opsPort: env.ASSAY_OPS_PORT } : await settingsOf({ service, words, env })
  const name = opsHost ?? host ?? ''
  return reached(`http://${name.includes(':') ? `[${name}]` : name || '0.0.0.0'}:${opsPort ?? httpPort}`)
}

async function settingsOf({ service, words, env }) {
  const { describeConfig, loadConfig } = await import('../../kit/src/config.ts')
  const schema = (await import(`../../services/${service}/src/config.ts`))[`${service}Config`]
  const flags = Object.fromEntries(describeConfig(schema).map(({ name, flag }) => [name, flagIn(words, flag)]))
  return loadConfig(schema, { flags, env, file: flagIn(words, '--config') })
}

/** A flag's value among the words of a command: `--flag value` or `--flag=value`. */
function flagIn(words, flag) {
  const at = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`))
  return at < 0 ? undefined : words[at] === flag ? words[at + 1] : words[at].slice(flag.length + 1)
}

/** From inside, who listens everywhere is here. */
function reached(url) {
  const { hostname, port } = new URL(url)
  const name = hostname.replace(/^\[(.*)\]$/, '$1')
  return `http://${EVERYWHERE.has(name) ? '127.0.0.1' : hostname}:${port || 80}/health`
}

async function main() {
  // An image has one service, which is process 1 with all its words.
  const [service] = readdirSync(join(root, 'services'))
  const words = readFileSync('/proc/1/cmdline', 'utf8').split('\0')
  let url
  try {
    url = await placeOf({ service, words, env: process.env })
    const { status } = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })
    if (status === 200) return
    console.error(`${url} answers ${status}`)
  } catch (error) {
    console.error(url === undefined ? error.message : `${url} does not answer (${error.cause?.code ?? error.name})`)
  }
  process.exitCode = 1
}

module.exports = { placeOf }
if (require.main === module) void main()
