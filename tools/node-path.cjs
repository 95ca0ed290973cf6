// Which Node runs Assay, and with what: shared by the launcher of `npm start` and by the `assay` command.
'use strict'
const { existsSync } = require('node:fs')
const { delimiter, join } = require('node:path')

const NODE_FLAGS = [
  // node:sqlite still announces itself as experimental on every start.
  '--disable-warning=ExperimentalWarning',
  // A half of the young objects' space: larger ones save little time, and V8 takes what it may.
  '--max-semi-space-size=8',
  // The heap may grow by six tenths over what lives in it before it is swept; V8 by itself lets it double and more, which in a process that catches up for hours is most of what it takes.
  '--heap-growing-percent=60',
]

/** The pinned Node of node_modules, or the running one if it is new enough, or undefined. */
function findNode(root) {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned)) return pinned
  return Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : undefined
}

/**
 * The environment of everything started: our own Node first on the path; polkadot's ESM and CJS builds of one version are no conflict. What V8 compiled is kept for the next start, in a folder of the
 * installation, for whoever writes there decides what runs; where it cannot be written, nothing is kept. And glibc gives back what is free: by itself it keeps a heap for each thread that ever asked for
 * memory, which is much of what V8's compilers took at the start.
 */
function childEnv(root) {
  return { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072', NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'assay'), ...process.env, PATH: join(root, 'node_modules', '.bin') + delimiter + (process.env.PATH ?? ''), POLKADOTJS_DISABLE_ESM_CJS_WARNING: '1' }
}

module.exports = { findNode, childEnv, NODE_FLAGS }
