// A development chain as a process of its own:
//   node runtime-bindings/testing/serve.ts --port 9944 --block-ms 2000 --fund 5Grw…=1000000000000000000 --json
// Ends on SIGINT, SIGTERM, when the IPC channel of its parent closes, and with --until-stdin-closes when its input does.
import { parseArgs } from 'node:util'
import { chainSpec, ChainSpecError } from './chain-spec.ts'
import { DatabaseError } from './database.ts'
import { startDevchain, type DevchainOptions } from './devchain.ts'
import { liveConfig, LiveConfigError } from './live-config.ts'
import { PortBusyError } from './rpc-server.ts'
import { ForkUnreachableError } from './upstream.ts'

const USAGE = `node runtime-bindings/testing/serve.ts [options]
  --port <n>             port on loopback; 0 or nothing: a free one
  --block-ms <ms>        a block every so many ms (default 2000)
  --instant | --manual   a block for each transaction | only by dev_newBlock
  --spec <name>          genesis of peaq (default) or krest
  --fork <ws://…>        fork a running chain instead; --fork-block <number or hash>
  --live                 fork the live chain as chopsticks.yml says
  --db <file>            keep the chain there; resumes what is in it
  --fund <address=planck>  free balance at the start; may be repeated
  --stock                only chopsticks' own block builder
  --until-stdin-closes   end with the input
  --json                 one JSON object a line on the output`

/** Something a person must mend, and something that may work later: the codes all programs here use. */
const MEND = 1
const AGAIN = 75

class UsageError extends Error {}

async function readOptions(): Promise<{ options: DevchainOptions; json: boolean; untilStdinCloses: boolean }> {
  const { values } = parseFlags()
  const number = (name: 'port' | 'block-ms', fallback: number): number => {
    const value = values[name] === undefined ? fallback : Number(values[name])
    if (!Number.isSafeInteger(value) || value < 0) throw new UsageError(`--${name} ${values[name]}: give a whole number`)
    return value
  }
  const fund: Record<string, bigint> = {}
  for (const entry of values.fund ?? []) {
    const match = /^([^=]+)=(\d+)$/.exec(entry)
    if (match === null) throw new UsageError(`--fund ${entry}: give address=planck`)
    fund[match[1]!] = BigInt(match[2]!)
  }
  const network = values.spec ?? 'peaq'
  if (network !== 'peaq' && network !== 'krest') throw new UsageError(`--spec ${network}: peaq or krest`)
  const block = values['fork-block']
  const source: DevchainOptions = values.live
    ? await liveConfig()
    : values.fork === undefined
      ? { spec: await chainSpec(network, { onProgress: (text) => console.error(text) }) }
      : { fork: { endpoint: values.fork, ...(block === undefined ? {} : { block }) } }
  return {
    options: {
      ...source,
      port: number('port', 0),
      blocks: values.manual ? 'manual' : values.instant ? 'instant' : { everyMs: number('block-ms', 2000) },
      ...(values.db === undefined ? {} : { db: values.db }),
      ...(Object.keys(fund).length === 0 ? {} : { fund }),
      fast: !values.stock,
    },
    json: values.json ?? false,
    untilStdinCloses: values['until-stdin-closes'] ?? false,
  }
}

function parseFlags() {
  const flag = { type: 'boolean' } as const
  const text = { type: 'string' } as const
  try {
    return parseArgs({
      options: {
        port: text,
        'block-ms': text,
        instant: flag,
        manual: flag,
        spec: text,
        fork: text,
        'fork-block': text,
        live: flag,
        db: text,
        fund: { type: 'string', multiple: true },
        stock: flag,
        'until-stdin-closes': flag,
        json: flag,
      },
    })
  } catch (cause) {
    throw new UsageError((cause as Error).message, { cause })
  }
}

async function main(): Promise<void> {
  const stop = new AbortController()
  const end = (): void => stop.abort()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)
  process.once('disconnect', end)

  const { options, json, untilStdinCloses } = await readOptions()
  if (untilStdinCloses) process.stdin.on('end', end).on('close', end).resume()
  const say = (event: string, fields: Record<string, unknown> = {}): void =>
    console.log(json ? JSON.stringify({ event, ...fields }) : `${event}${Object.entries(fields).map(([key, value]) => ` ${key}=${String(value)}`).join('')}`)
  // chopsticks prefetches values that it does not wait for; when the endpoint goes, that is no reason to end.
  process.on('unhandledRejection', (reason) => say('background read failed', { reason: String(reason) }))

  const chain = await startDevchain({ ...options, log: { info: () => undefined, warn: say, error: say }, signal: stop.signal })
  say('ready', { endpoint: chain.endpoint, port: chain.port, genesisHash: chain.genesisHash, ...chain.head() })
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))
  await chain.close()
}

try {
  await main()
  process.exit(0)
} catch (error) {
  if (error instanceof Error && error.name === 'AbortError') process.exit(0)
  const known = [ChainSpecError, DatabaseError, ForkUnreachableError, LiveConfigError, PortBusyError, RangeError].some((type) => error instanceof type)
  console.error(error instanceof UsageError ? `${error.message}\n${USAGE}` : known ? (error as Error).message : error)
  process.exit(error instanceof ForkUnreachableError || (error instanceof DatabaseError && error.code === 'DB_BUSY') ? AGAIN : MEND)
}
