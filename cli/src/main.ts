// `assay`: one command a file. This file alone reads the arguments and decides how the process ends.
import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { EXIT } from '@assay/kit/lifecycle'

// A parent that holds our standard input holds our leash: when it dies, however it dies, we end in good order.
if (process.env['ASSAY_LEASH'] === 'stdin') {
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.resume()
}

const program = new Command('assay')
  .description('Proof of physical work for compute machines, judged and paid on the peaq parachain')
  .version('0.1.0')
  .showHelpAfterError('(run with --help to see what it takes)')
  .configureHelp({ showGlobalOptions: true })
  .addHelpText('after', '\nExit codes: 0 done, 1 something to mend (the message says what), 75 try again later.')

// Only the named command's file is loaded, so that a command does not pay for the libraries of the others. An image of one service has not all of them.
const commands = (['devnet', 'provider', 'machine', 'checker', 'indexer', 'network', 'canary', 'keys', 'replay', 'fund'] as const).filter((command) => existsSync(new URL(`commands/${command}.ts`, import.meta.url)))
const name = process.argv.slice(2).find((argument) => !argument.startsWith('-'))
for (const command of commands) {
  if (name !== undefined && name !== command && commands.some((one) => one === name)) continue
  const { register } = (await import(`./commands/${command}.ts`)) as { register: (program: Command) => void }
  register(program)
}
program.exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.mend))
await program.parseAsync()
