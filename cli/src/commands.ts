// All commands, each with the line that `assay --help` has for it: so help needs none of their files, and a command not those of the others.
import type { Command } from 'commander'

/** Name → one line, word for word the description in the command's file. */
export const COMMANDS: Readonly<Record<string, string>> = {
  devnet: 'a whole network on this machine: peaq in Chopsticks, checkers, machines, an indexer',
  init: 'write a commented file of settings, or what else a beginning needs',
  start: 'run a machine, checker or indexer until it is stopped',
  doctor: 'look at all that a machine, checker or indexer needs to start, and say what is to be mended',
  keys: 'encrypted keystores: an account for the chain and a peer key for the wire',
  provider: 'the daemon on a machine: registers it, does the jobs, proves them',
  machine: 'this machine and what it can compute with',
  owner: 'who is paid for machines and checkers; the key may stay where none of them is',
  status: 'how a machine, checker or indexer stands: its process, its rounds, its pay, and what to mend',
  rewards: 'what an owner, machine or checker earned, was paid and is owed, epoch by epoch, and why',
  exit: 'a machine or checker leaves its network in good order: unregistered, what it owes done, stopped, what is left sent to its owner',
  checker: 'challenges machines, reports to the chain, settles epochs',
  indexer: 'follows the chain, judges rounds and epochs, serves them over HTTP',
  network: 'create a network together with its other founders, or show one',
  canary: 'run canaries: machines whose truth a calibrator of the network knows, by which checkers are measured',
  replay: 'recompute an epoch from the chain and evidence, or from a recording, and compare it with what was paid',
  fund: 'pay an account out of a devnet\'s treasury',
  completion: 'print what makes a shell complete commands and flags',
}

/** Loads the file of one command and adds it to `program`. */
export async function addCommand(program: Command, name: string): Promise<void> {
  const { register } = (await import(`./commands/${name}.ts`)) as { register: (program: Command) => void }
  register(program)
}
