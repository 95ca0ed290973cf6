#!/usr/bin/env node
// `assay` from any shell: re-executes under the pinned Node, because the shell's own may be older than the code needs.
'use strict'
const { join } = require('node:path')
const { spawn } = require('node:child_process')
const { findNode, childEnv, NODE_FLAGS } = require('../tools/node-path.cjs')

const root = join(__dirname, '..')
const node = findNode(root)
if (!node) {
  process.stderr.write(`assay: needs Node 24 or newer, and this is ${process.version}. Run npm start once (it brings one on Linux), or install Node 24.\n`)
  process.exit(1)
}
const child = spawn(node, [...NODE_FLAGS, join(__dirname, 'src', 'main.ts'), ...process.argv.slice(2)], { stdio: 'inherit', env: childEnv(root) })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 128 + (signal === 'SIGINT' ? 2 : 15) : code))
