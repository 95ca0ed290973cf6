// Whose the databases of tests are.
import type { Owner } from '../database.ts'

export const testOwner: Owner = { network: `0x${'11'.repeat(32)}`, genesisHash: `0x${'22'.repeat(32)}` }
