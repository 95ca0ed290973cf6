// Process 1 of a container: becomes `assay` with Node's flags and environment as everywhere. It is replaced and starts no child, so that signals reach the service itself.
'use strict'
const { join } = require('node:path')
const { childEnv, NODE_FLAGS } = require('../../tools/node-path.cjs')

const root = join(__dirname, '..', '..')
const node = process.execPath
process.execve(node, [node, ...NODE_FLAGS, join(root, 'cli', 'src', 'main.ts'), ...process.argv.slice(2)], childEnv(root))
