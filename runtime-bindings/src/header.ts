import { headerHash as hashOf, type RawHeader } from '@assay/substrate'
import type { Hash } from '@assay/protocol'
import { nodeCrypto } from './crypto.ts'

export type { RawHeader } from '@assay/substrate'

/** The hash of a block, from its header. @throws RangeError for what is no hex */
export const headerHash = (header: RawHeader): Hash => hashOf(nodeCrypto, header)
