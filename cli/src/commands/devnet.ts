// `assay devnet`, which is `npm start`: a whole network on this machine.
import type { Command } from 'commander'
import { mainSignal, OperatorError, runMain } from '@assay/kit/lifecycle'
import { runDevnet } from '../devnet/run.ts'
import { jsonView, lineView, screenView } from '../devnet/events.ts'

interface Options {
  epochs?: string
  checkers: string
  machines: string
  cheats: string
  blockMs: string
  json?: boolean
  live?: boolean
  keep?: boolean
}

export function register(program: Command): void {
  program
    .command('devnet')
    .description('a whole network on this machine: peaq in Chopsticks, checkers, machines, an indexer')
    .option('--epochs <n>', 'stop when so many epochs are paid (default: run until Ctrl-C)')
    .option('--checkers <n>', 'how many checkers, at least 3', '3')
    .option('--machines <n>', 'how many machines', '4')
    .option('--cheats <n>', 'how many of the machines skip half of their rows', '1')
    .option('--block-ms <ms>', 'a block every so many ms', '1500')
    .option('--json', 'one JSON object a line')
    .option('--live', 'fork the live chain as chopsticks.yml says, instead of booting the genesis')
    .option('--keep', 'keep keys, databases and logs after the end')
    .addHelpText('after', '\nExamples:\n  npm start                        until Ctrl-C, with a live view\n  npm start -- --epochs 1          stop when the first epoch is paid\n  npm start -- --epochs 1 --json   for programs')
    .action(async (options: Options) => {
      const out = process.stdout
      await runMain(
        async (signal) => {
          const names = new Map<string, string>()
          const view = options.json ? jsonView(out) : out.isTTY ? screenView(out, names) : lineView(out, names)
          try {
            const machines = count('machines', options.machines, 1, 64)
            await runDevnet(
              {
                checkers: count('checkers', options.checkers, 3, 20),
                machines,
                cheats: count('cheats', options.cheats, 0, machines),
                epochs: options.epochs === undefined ? undefined : count('epochs', options.epochs, 1, 1_000_000),
                blockMs: count('block-ms', options.blockMs, 200, 600_000),
                live: options.live === true,
                keep: options.keep === true,
              },
              { signal, show: (event) => view.show(event), names },
            )
          } finally {
            view.close()
          }
        },
        { signal: mainSignal() },
      )
    })
}

function count(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most) throw new OperatorError('COUNT', `--${name} ${text} is not a number from ${least} to ${most}`, { advice: 'See assay devnet --help.' })
  return value
}
