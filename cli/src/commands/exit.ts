// `assay exit`: a machine or a checker leaves in good order.
import type { Command } from 'commander'
import { COMMANDS } from '../commands.ts'
import { registerExit } from '../leave.ts'

export function register(program: Command): void {
  registerExit(program, COMMANDS['exit']!)
}
