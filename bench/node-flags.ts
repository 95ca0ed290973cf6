import { createRequire } from 'node:module'
import { join } from 'node:path'

const launcher = createRequire(import.meta.url)('../tools/node-path.cjs') as { NODE_FLAGS: readonly string[]; childEnv(root: string): NodeJS.ProcessEnv }

/** What the `assay` command starts Node with, for what is measured as it runs. */
export const { NODE_FLAGS } = launcher
/** And its environment. */
export const NODE_ENVIRONMENT = launcher.childEnv(join(import.meta.dirname, '..'))
