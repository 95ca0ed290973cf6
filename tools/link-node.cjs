// npm 10 installs both optional Node packages but links neither: point node_modules/.bin/node at the one for this machine.
'use strict'
const { existsSync, rmSync, symlinkSync, mkdirSync } = require('node:fs')
const { join } = require('node:path')
const bin = join(__dirname, '..', 'node_modules', '.bin')
const node = join(__dirname, '..', 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
if (existsSync(node)) {
  mkdirSync(bin, { recursive: true })
  rmSync(join(bin, 'node'), { force: true })
  symlinkSync(node, join(bin, 'node'))
}
