// `assay machine doctor`: what this machine computes with, and what it lacks. `assay machine start` is `assay provider start`.
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { registerMachineRequest } from '../machine-request.ts'
import { registerRetire } from '../leave.ts'
import { registerRotate } from '../rotate.ts'
import { registerStart } from './provider.ts'
import { registerUp } from './up.ts'

export function register(program: Command): void {
  const machine = program.command('machine').description('this machine and what it can compute with')
  registerUp(machine)
  registerStart(machine)
  registerMachineRequest(machine)
  registerRotate(machine, 'machine')
  registerRetire(machine, 'machine')
  registerDoctor(machine)
}

/** Under another name: `assay doctor machine`. */
export function registerDoctor(parent: Command, name = 'doctor'): void {
  parent
    .command(name)
    .description('say what was found (CPU, SIMD, GPUs, drivers), what would be used and why, and what is missing and how to get it')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExit code 0: it can work with all it has. 1: something must be mended, such as a GPU that lies idle for want of a driver.\n\nExample:\n  assay machine doctor')
    .action(async (options: { json?: boolean }) => {
      await runMain(async () => {
        const { describeDiagnosis, diagnose, doctorProbes } = await import('@assay/provider/doctor')
        const { nodeCrypto } = await import('@assay/runtime-bindings')
        const diagnosis = await diagnose(doctorProbes(nodeCrypto))
        process.stdout.write(options.json ? `${JSON.stringify(diagnosis)}\n` : describeDiagnosis(diagnosis))
        const faults = diagnosis.findings.filter(({ mustMend }) => mustMend)
        if (!diagnosis.ok) throw new OperatorError('DOCTOR', faults.map(({ what }) => what).join('; '), { advice: `${faults.map(({ how }) => how).join('; ')}.` })
      })
    })
}
