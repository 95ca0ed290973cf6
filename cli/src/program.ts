// `assay`: one command a file. This file alone reads the arguments and decides how the process ends.
import { existsSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { Command } from 'commander'
import { EXIT } from '@assay/kit/lifecycle'
import { RELEASE } from '@assay/kit/release'
import { addCommand, COMMANDS } from './commands.ts'

// A parent that holds our standard input holds our leash: when it dies, however it dies, we end in good order.
if (process.env['ASSAY_LEASH'] === 'stdin') {
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'))
  process.stdin.resume()
  // It must not keep us from ending by ourselves.
  process.stdin.unref?.()
}

const program = new Command('assay')
  .description('Proof of physical work for compute machines, judged and paid on the peaq parachain')
  .version(RELEASE)
  .showHelpAfterError('(run with --help to see what it takes)')
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    '\nExamples:\n  assay devnet                                                           a whole network on this machine\n  assay machine up --chain wss://… --network 5F… --data-dir ~/machine   from an empty folder to a paid machine\n  assay init machine --chain wss://… --network 5F… --data-dir ~/machine  its settings as a file\n  assay machine start --config ~/machine/assay.yaml\n  assay help keys\n\nExit codes: 0 done, 1 something to mend (the message says what), 75 try again later.',
  )

// Only the named command's file is loaded, so that a command does not pay for the libraries of the others, and help for none. An image of one service has not all of them.
const [first, second] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
const name = first === 'help' ? second : first
for (const [command, summary] of Object.entries(COMMANDS)) {
  if (!existsSync(new URL(`commands/${command}.ts`, import.meta.url))) continue
  if (command === name) await addCommand(program, command)
  else program.command(command).description(summary)
}
// For whoever starts next: Node by itself keeps what it compiled when a process ends, and a service does not.
flushCompileCache()
program.exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.mend))
await program.parseAsync()
