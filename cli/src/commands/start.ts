// `assay start`: the same words as `assay init`; each is also a command of its own service, `assay machine start` for one.
import type { Command } from 'commander'
import { registerStart as registerChecker } from './checker.ts'
import { registerStart as registerIndexer } from './indexer.ts'
import { registerStart as registerMachine } from './provider.ts'

export function register(program: Command): void {
  const start = program.command('start').description('run a machine, checker or indexer until it is stopped')
  registerMachine(start, 'machine')
  registerChecker(start, 'checker')
  registerIndexer(start, 'indexer')
}
