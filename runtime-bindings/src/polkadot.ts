/**
 * The one place that loads @polkadot and the peaq SDK. As CommonJS, through one `require`: Node re-reads the huge package.json files of these packages on each ESM import
 * (three times the memory and start-up), and the SDK is CommonJS anyway, so this gives one instance and no "multiple versions" warnings. Elsewhere only `import type` from them.
 */
import { createRequire } from 'node:module'
import type * as Api from '@polkadot/api'
import type * as Keyring from '@polkadot/keyring'
import type * as Types from '@polkadot/types'
import type * as Util from '@polkadot/util'
import type * as UtilCrypto from '@polkadot/util-crypto'
import type * as PeaqSdk from '@peaq-network/sdk'

// A process that also loads the ESM build (chopsticks does) would be told so on every start; both are the same version, by the overrides in package.json.
process.env['POLKADOTJS_DISABLE_ESM_CJS_WARNING'] ??= '1'

const require = createRequire(import.meta.url)

export const keyring = require('@polkadot/keyring') as typeof Keyring
export const { TypeRegistry, Metadata, expandMetadata } = require('@polkadot/types') as typeof Types
export const util = require('@polkadot/util') as typeof Util
export const utilCrypto = require('@polkadot/util-crypto') as typeof UtilCrypto

/** polkadot's API, loaded when first asked for: with the types that it makes of the metadata once more it is a fifth of what a process takes. */
export const polkadotApi = (): typeof Api => require('@polkadot/api') as typeof Api

/** The peaq SDK, loaded when first asked for: only registration needs it. */
export const peaqSdk = (): typeof PeaqSdk.Sdk => (require('@peaq-network/sdk') as typeof PeaqSdk).Sdk
