// Which Node runs Assay, and with what: shared by the launcher of `npm start` and by the `assay` command.
'use strict'
const { existsSync } = require('node:fs')
const { delimiter, join } = require('node:path')

const NODE_FLAGS = [
  // node:sqlite still announces itself as experimental on every start.
  '--disable-warning=ExperimentalWarning',
  // A half of the young objects' space: larger ones save little time, and V8 takes what it may.
  '--max-semi-space-size=16',
]

/** The pinned Node of node_modules, or the running one if it is new enough, or undefined. */
function findNode(root) {
  const pinned = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(pinned)) return pinned
  return Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : undefined
}

/** The environment of everything started: our own Node first on the path; polkadot's ESM and CJS builds of one version are no conflict. */
function childEnv(root) {
  return { ...process.env, PATH: join(root, 'node_modules', '.bin') + delimiter + (process.env.PATH ?? ''), POLKADOTJS_DISABLE_ESM_CJS_WARNING: '1' }
}

module.exports = { findNode, childEnv, NODE_FLAGS }
