// The raw genesis of peaq and krest: found on this machine or downloaded once, and always checked against its hash.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A network whose genesis is known here. */
export type SpecNetwork = 'peaq' | 'krest'

/** A checked raw genesis: `genesis` is the parsed file, `path` where it lies, `sha256` the hash of its bytes (64 hex digits). */
export interface ChainSpec {
  network: SpecNetwork
  path: string
  sha256: string
  genesis: RawGenesis
}

/** The part of a raw chain specification that a boot needs. */
export interface RawGenesis {
  id: string
  name: string
  properties: Record<string, unknown>
  genesis: { raw: { top: Record<`0x${string}`, `0x${string}`> } }
}

export interface ChainSpecOptions {
  /** Environment to look into: ASSAY_CHAIN_SPEC (peaq), ASSAY_CHAIN_SPEC_KREST, XDG_CACHE_HOME, HOME. */
  env?: Record<string, string | undefined>
  /** Top folder of the clone; `../shared/chain` beside it is looked into. */
  root?: string
  /** Folder URL to download from; default: the peaq node's public repository at the pinned commit. */
  source?: string
  signal?: AbortSignal
  onProgress?: (text: string) => void
}

/** The genesis cannot be had: the message lists what was tried and says what to do. */
export class ChainSpecError extends Error {
  readonly code: 'SPEC_MISSING' | 'SPEC_WRONG'
  constructor(code: 'SPEC_MISSING' | 'SPEC_WRONG', message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ChainSpecError'
    this.code = code
  }
}

const COMMIT = 'ea4f75cfcbebc7bc1c8378adc0dbeb7fd2c9a1eb'
const SOURCE = `https://raw.githubusercontent.com/peaqnetwork/peaq-network-node/${COMMIT}/node/src/chain-specs`
const SHA256: Record<SpecNetwork, string> = {
  peaq: 'c905e16c5f4e89ad6fb342399988e1a562405cfc6026963661448263c9f13e50',
  krest: '4a97463cf3dd210fed17009d391824e2813f44eead862f27f74ebdb60f34f052',
}
const VARIABLE: Record<SpecNetwork, string> = { peaq: 'ASSAY_CHAIN_SPEC', krest: 'ASSAY_CHAIN_SPEC_KREST' }
const DOWNLOAD_LIMIT = 16 * 1024 * 1024
const DOWNLOAD_TIMEOUT_MS = 120_000

/**
 * The checked raw genesis of `network`, from the first of: the file named by ASSAY_CHAIN_SPEC (krest: ASSAY_CHAIN_SPEC_KREST),
 * `../shared/chain/<network>-raw.json` beside the clone, the user's cache, the peaq node's public repository (kept in the cache).
 * A file a person put there with other bytes is an error, never skipped; a spoilt cache is downloaded again.
 * @throws ChainSpecError
 * @example (await chainSpec('peaq')).genesis.id // 'peaq'
 */
export async function chainSpec(network: SpecNetwork, options: ChainSpecOptions = {}): Promise<ChainSpec> {
  const { env = process.env, source = SOURCE, signal, onProgress } = options
  const root = options.root ?? resolve(dirname(fileURLToPath(import.meta.url)), '../..')
  const file = `${network}-raw.json`
  const tried: string[] = []

  const named = env[VARIABLE[network]]
  if (named !== undefined && named !== '') {
    const found = await readSpec(network, resolve(named))
    if (found === undefined) throw new ChainSpecError('SPEC_MISSING', `${VARIABLE[network]} names ${named}, which does not exist. Correct the path or unset it.`)
    return accept(network, found, `${VARIABLE[network]} names it: point it at the right file or unset it`)
  }
  tried.push(`${VARIABLE[network]} (not set)`)

  const beside = join(root, '..', 'shared', 'chain', file)
  const neighbour = await readSpec(network, beside)
  if (neighbour !== undefined) return accept(network, neighbour, 'replace it or remove it')
  tried.push(`${beside} (not there)`)

  const cache = join(env['XDG_CACHE_HOME'] || join(env['HOME'] ?? homedir(), '.cache'), 'assay')
  const cached = join(cache, file)
  const kept = await readSpec(network, cached)
  if (kept !== undefined && kept.sha256 === SHA256[network]) return accept(network, kept, '')
  tried.push(kept === undefined ? `${cached} (not there)` : `${cached} (spoilt: sha256 ${kept.sha256})`)

  const url = `${source}/${file}`
  onProgress?.(`downloading the genesis of ${network} from ${url}`)
  let bytes: Uint8Array
  try {
    bytes = await download(url, signal)
  } catch (cause) {
    signal?.throwIfAborted()
    tried.push(`${url} (${cause instanceof Error ? describe(cause) : String(cause)})`)
    throw new ChainSpecError(
      'SPEC_MISSING',
      `The raw genesis of ${network} was not found. Tried: ${tried.join('; ')}. Go online once, or download that file elsewhere and set ${VARIABLE[network]} to its path.`,
      { cause },
    )
  }
  const fresh = { path: cached, sha256: sha256(bytes), bytes }
  const spec = accept(network, fresh, `it came from ${url}: download it from another place and set ${VARIABLE[network]} to its path`)
  await store(cached, bytes)
  onProgress?.(`kept in ${cached}`)
  return spec
}

interface Found {
  path: string
  sha256: string
  bytes: Uint8Array
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const describe = (error: Error): string => (error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message)

async function readSpec(network: SpecNetwork, path: string): Promise<Found | undefined> {
  try {
    const bytes = await readFile(path)
    return { path, sha256: sha256(bytes), bytes }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ChainSpecError('SPEC_MISSING', `The raw genesis of ${network} at ${path} cannot be read: ${(cause as Error).message}. Mend it or move it away.`, { cause })
  }
}

function accept(network: SpecNetwork, found: Found, advice: string): ChainSpec {
  if (found.sha256 !== SHA256[network]) {
    throw new ChainSpecError('SPEC_WRONG', `${found.path} is not the raw genesis of ${network}: its sha256 is ${found.sha256}, expected ${SHA256[network]}; ${advice}.`)
  }
  return { network, path: found.path, sha256: found.sha256, genesis: JSON.parse(new TextDecoder().decode(found.bytes)) as RawGenesis }
}

async function download(url: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  const limit = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)
  const response = await fetch(url, { signal: signal === undefined ? limit : AbortSignal.any([signal, limit]) })
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`)
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body) {
    size += part.byteLength
    if (size > DOWNLOAD_LIMIT) throw new Error(`more than ${DOWNLOAD_LIMIT} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** A file appears whole or not at all, also when two processes download at once. */
async function store(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(part, bytes)
    await rename(part, path)
  } catch {
    // An unwritable cache costs a download at the next start, not this one.
    await rm(part, { force: true }).catch(() => undefined)
  }
}
