// The one place that loads chopsticks and, with it, @polkadot. As CommonJS: Node re-reads the huge package.json files of these
// packages on each ESM import, which costs a second and 140 MB more.
import { createRequire } from 'node:module'
import type * as Core from '@acala-network/chopsticks-core'
import type * as Types from '@polkadot/types'
import type * as Util from '@polkadot/util'
import type * as UtilCrypto from '@polkadot/util-crypto'

const require = createRequire(import.meta.url)

/**
 * chopsticks reads its log level once, while it loads. It stays silent: what matters of it (a failed build, a dropped transaction,
 * a refused call) is told by the development chain's log or by the reply itself. ASSAY_CHOPSTICKS_LOG (fatal … trace) brings it back.
 * A silent log needs no thread that makes it pretty: 15 MB, and 0.3 s in which the process cannot end.
 */
function loadQuietly(): typeof Core {
  const { env } = process
  const level = env['LOG_LEVEL']
  const logger = createRequire(require.resolve('@acala-network/chopsticks-core'))('pino') as { pino: (options: { transport?: unknown }) => unknown }
  const { pino } = logger
  if (env['ASSAY_CHOPSTICKS_LOG'] === undefined) logger.pino = (options) => pino({ ...options, transport: undefined })
  env['LOG_LEVEL'] = env['ASSAY_CHOPSTICKS_LOG'] ?? 'fatal'
  env['POLKADOTJS_DISABLE_ESM_CJS_WARNING'] ??= '1'
  try {
    return require('@acala-network/chopsticks-core') as typeof Core
  } finally {
    logger.pino = pino
    if (level === undefined) delete env['LOG_LEVEL']
    else env['LOG_LEVEL'] = level
  }
}

export const core = loadQuietly()
export const { TypeRegistry } = require('@polkadot/types') as typeof Types
export const { hexToU8a, u8aConcat, u8aToHex } = require('@polkadot/util') as typeof Util
export const { blake2AsHex, blake2AsU8a, decodeAddress, keccakAsU8a, sha256AsU8a, sr25519Verify, xxhashAsU8a } = require('@polkadot/util-crypto') as typeof UtilCrypto
