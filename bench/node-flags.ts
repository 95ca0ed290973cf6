import { createRequire } from 'node:module'

/** What the `assay` command starts Node with, for what is measured as it runs. */
export const { NODE_FLAGS } = createRequire(import.meta.url)('../tools/node-path.cjs') as { NODE_FLAGS: readonly string[] }
