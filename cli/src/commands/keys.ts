// `assay keys create`: an encrypted keystore, before there is a network to join.
import type { Command } from 'commander'
import { runMain } from '@assay/kit/lifecycle'
import { readPassword } from '@assay/kit/password'
import { createKeystore, keystoreExists, openKeystore } from '@assay/runtime-bindings'

export function register(program: Command): void {
  const keys = program.command('keys').description('encrypted keystores: an account for the chain and a peer key for the wire')
  keys
    .command('create')
    .description('make a keystore, or show the one that is there')
    .requiredOption('--data-dir <folder>', 'the checker\'s data folder')
    .requiredOption('--password-file <file>', 'file whose first line is the password')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  assay keys create --data-dir ~/checker --password-file ~/checker.password')
    .action(async (options: { dataDir: string; passwordFile: string; json?: boolean }) => {
      await runMain(async () => {
        const dir = options.dataDir
        const password = await readPassword(options.passwordFile)
        const made = !(await keystoreExists(dir))
        const created = made ? await createKeystore({ dir, password }) : undefined
        const { account, peer } = created ?? (await openKeystore({ dir, password }))
        if (options.json) process.stdout.write(`${JSON.stringify({ event: 'keys', made, address: account.address, account: account.id, peer: peer.publicKey })}\n`)
        else {
          process.stdout.write(`${made ? 'made' : 'found'} ${dir}\naccount ${account.address}\npeer    ${peer.publicKey}\n`)
          if (created?.mnemonic) process.stdout.write(`The account's words, shown once; keep them where nobody else looks:\n  ${created.mnemonic}\n`)
        }
      })
    })
}
