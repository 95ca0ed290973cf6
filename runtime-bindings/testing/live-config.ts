// The fork of the live chain, as chopsticks.yml at the top of the clone describes it.
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as ChopsticksConfig from '@acala-network/chopsticks/schema/index'
import './chopsticks.ts'
import type { DevchainOptions } from './devchain.ts'

const require = createRequire(import.meta.url)
const { fetchConfig } = require('@acala-network/chopsticks/schema/index') as typeof ChopsticksConfig

/** The file at the top of the clone. */
const LIVE_FILE = resolve(dirname(fileURLToPath(import.meta.url)), '../../chopsticks.yml')

/** chopsticks.yml cannot be used. */
export class LiveConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LiveConfigError'
  }
}

/**
 * What startDevchain needs to fork the live chain. chopsticks' own reader takes the file, `${env.NAME}` and all, so that it means
 * the same to the stock CLI; relative paths start at the file's folder. Variables are those of the process.
 * @throws LiveConfigError
 * @example startDevchain({ ...(await liveConfig()), blocks: { everyMs: 2000 } })
 */
export async function liveConfig(file: string = LIVE_FILE): Promise<Pick<DevchainOptions, 'fork' | 'db'>> {
  const path = resolve(file)
  const config = await fetchConfig(path).catch((cause: unknown) => {
    throw new LiveConfigError(`${path} cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  })
  if (config.endpoint === undefined || config.endpoint.length === 0) throw new LiveConfigError(`${path} names no endpoint: set one there, or ASSAY_LIVE_ENDPOINT`)
  return {
    fork: { endpoint: config.endpoint, block: config.block ?? null },
    ...(config.db === undefined ? {} : { db: { path: resolve(dirname(path), config.db), keepBlocks: config['save-blocks'] !== false } }),
  }
}
