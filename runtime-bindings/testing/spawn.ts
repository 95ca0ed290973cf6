// Starts serve.ts as a child: a chain that can be killed without ending the test that needs it.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface SpawnOptions {
  port?: number
  /** Default: a block every 2000 ms. */
  blocks?: 'manual' | 'instant' | { everyMs: number }
  spec?: 'peaq' | 'krest'
  fork?: { endpoint: string; block?: number | string }
  live?: boolean
  db?: string
  fund?: Record<string, bigint>
  /** Hears each event after `ready`: dropped transactions, failed builds. */
  onEvent?: (event: { event: string } & Record<string, unknown>) => void
  /** Ends the child. */
  signal?: AbortSignal
}

export interface SpawnedDevchain {
  readonly endpoint: string
  readonly port: number
  readonly pid: number
  readonly genesisHash: `0x${string}`
  /** The head when it was ready. */
  readonly head: { number: number; hash: `0x${string}` }
  /** The exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>
  /** Sends the signal (default SIGTERM) and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<number | string>
}

/** The child ended before it was ready; `message` is what it said. */
export class SpawnError extends Error {
  readonly exit: number | string
  constructor(message: string, exit: number | string) {
    super(message)
    this.name = 'SpawnError'
    this.exit = exit
  }
}

/**
 * A development chain in a child process, ready to serve. It also ends when this process does.
 * @throws SpawnError
 */
export async function spawnDevchain(options: SpawnOptions = {}): Promise<SpawnedDevchain> {
  const { blocks = { everyMs: 2000 }, signal } = options
  signal?.throwIfAborted()
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', fileURLToPath(new URL('./serve.ts', import.meta.url)), ...flags(options, blocks)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-10_000)))
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, killer) => resolve(code ?? killer ?? 'unknown'))
  })
  const kill = (how: NodeJS.Signals = 'SIGTERM'): Promise<number | string> => {
    child.kill(how)
    return exited
  }
  const onAbort = (): void => void kill()
  signal?.addEventListener('abort', onAbort, { once: true })
  void exited.then(() => signal?.removeEventListener('abort', onAbort))

  const ready = new Promise<Ready>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string } & Record<string, unknown>
      if (event.event === 'ready') resolve(event as unknown as Ready)
      else options.onEvent?.(event)
    })
  })
  const first = await Promise.race([ready, exited])
  if (typeof first !== 'object') throw new SpawnError(said.trim() || `the chain ended at once: ${first}`, first)
  const { endpoint, port, genesisHash, number, hash } = first
  return { endpoint, port, genesisHash, pid: child.pid!, head: { number, hash }, exited, kill }
}

interface Ready {
  endpoint: string
  port: number
  genesisHash: `0x${string}`
  number: number
  hash: `0x${string}`
}

function flags(options: SpawnOptions, blocks: NonNullable<SpawnOptions['blocks']>): string[] {
  const { port, spec, fork, live, db, fund = {} } = options
  return [
    '--json',
    ...(typeof blocks === 'string' ? [`--${blocks}`] : ['--block-ms', String(blocks.everyMs)]),
    ...(port === undefined ? [] : ['--port', String(port)]),
    ...(spec === undefined ? [] : ['--spec', spec]),
    ...(fork === undefined ? [] : ['--fork', fork.endpoint]),
    ...(fork?.block === undefined ? [] : ['--fork-block', String(fork.block)]),
    ...(live === true ? ['--live'] : []),
    ...(db === undefined ? [] : ['--db', db]),
    ...Object.entries(fund).flatMap(([address, planck]) => ['--fund', `${address}=${planck}`]),
  ]
}
