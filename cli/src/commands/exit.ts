// `assay exit`: a machine leaves in good order.
import type { Command } from 'commander'
import { COMMANDS } from '../commands.ts'
import { registerExit } from '../machine-retire.ts'

export function register(program: Command): void {
  registerExit(program, COMMANDS['exit']!)
}
