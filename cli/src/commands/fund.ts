// `assay fund`: money on a development chain.
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { createSender, formatAmount, toAccountId, toAddress } from '@assay/runtime-bindings'
import { withChain } from '../chain.ts'
import { fund, treasuryAccount } from '../devnet/treasury.ts'

export function register(program: Command): void {
  program
    .command('fund')
    .description('pay an account out of a devnet\'s treasury')
    .argument('<address>', 'who gets it')
    .requiredOption('--chain <endpoint>', 'the devnet\'s ws:// address')
    .option('--peaq <amount>', 'whole PEAQ', '10')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay fund 5Grw… --chain ws://127.0.0.1:9944')
    .action(async (address: string, options: { chain: string; peaq: string; json?: boolean }) => {
      await runMain(async () => {
        if (!/^[1-9]\d{0,8}$/.test(options.peaq)) throw new OperatorError('AMOUNT', `${options.peaq} is not a whole number of PEAQ`, { advice: 'Give --peaq 10, say.' })
        const to = toAccountId(address)
        const planck = BigInt(options.peaq) * 10n ** 18n
        await withChain(options.chain, async (chain, signal) => fund(chain, createSender({ chain, account: await treasuryAccount(), signal }), [{ to, planck }]))
        process.stdout.write(options.json ? `${JSON.stringify({ event: 'funded', account: toAddress(to), planck: String(planck) })}\n` : `${toAddress(to)} got ${formatAmount(planck)}\n`)
      })
    })
}
