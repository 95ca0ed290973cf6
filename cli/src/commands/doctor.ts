// `assay doctor`: the same words as `assay start`; each is also a command of its own service, `assay machine doctor` for one.
import type { Command } from 'commander'
import { registerCheckerDoctor } from '../checker-doctor.ts'
import { registerIndexerDoctor } from '../indexer-doctor.ts'
import { registerDoctor as registerMachineDoctor } from './machine.ts'

export function register(program: Command): void {
  const doctor = program.command('doctor').description('look at all that a machine, checker or indexer needs to start, and say what is to be mended')
  registerMachineDoctor(doctor, 'machine')
  registerCheckerDoctor(doctor, 'checker')
  registerIndexerDoctor(doctor, 'indexer')
}
