// `assay owner sign`: the owner's yes to a machine or checker, given where the owner's key is. Needs no chain and no network.
import type { Command } from 'commander'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { passwordFrom } from '@assay/kit/password'
import { fromHex } from '@assay/protocol'
import { cryptoReady, decodeRequest, encodeAnswer, openAccount, toAddress, verifyConsent, walletPayload } from '@assay/runtime-bindings'
import { agreed } from '../agreed.ts'
import { passwordOption, passwordPlaces } from '../password.ts'
import { describeIdentity, namesOf, readLine, show, showOptions, type ShowOptions } from '../handover.ts'

export function register(program: Command): void {
  const owner = program.command('owner').description('who is paid for machines and checkers; the key may stay where none of them is')
  const sign = passwordOption(
    owner
      .command('sign')
      .description('agree to what a machine or checker asks: shows it, and prints the answer for its assay … complete')
      .argument('<request>', 'the line of assay machine|checker request, a file that holds it, or - for standard input')
      .requiredOption('--key-file <file>', 'the owner\'s key: the encrypted JSON file of a polkadot wallet, or account.json of assay keys create')
      .option('--yes', 'agree without being asked'),
  )
  showOptions(sign)
    .addHelpText('after', '\nNothing is sent, and no connection is made.\n\nExample:\n  assay owner sign request.txt --key-file ~/owner.json --password-file ~/owner.password --out answer.txt')
    .action(async (given: string, { keyFile, passwordFile, yes, ...options }: ShowOptions & { keyFile: string, passwordFile?: string, yes?: boolean }) => {
      await runMain(async (signal) => {
        await cryptoReady()
        const identity = decodeRequest(await readLine(given))
        const key = await openAccount(keyFile, await passwordFrom({ file: passwordFile, ...passwordPlaces(signal), of: keyFile }))
        if (key.id !== identity.owner) throw new OperatorError('OTHER_OWNER', `the request is to the owner ${toAddress(identity.owner)}, and ${keyFile} is the key of ${key.address}`, { advice: `Give the key of that account; or make a request to this one: assay ${identity.kind} request --owner.` })
        if (yes !== true) {
          process.stderr.write(describeIdentity(identity))
          if (!process.stdin.isTTY) throw new OperatorError('NOT_ASKED', 'nobody can be asked for consent: standard input is no terminal', { advice: 'Run it in a terminal, or give --yes once you have read the above.' })
          if (!(await agreed('Agree? yes or no: ', signal))) throw new OperatorError('REFUSED', 'the owner did not agree; nothing was signed', { advice: 'Run it again to agree.' })
        }
        const consent = { identity, signature: key.pair.sign(fromHex(walletPayload(identity))) }
        verifyConsent(consent)
        const line = encodeAnswer(consent)
        await show(line, {
          json: { event: 'answer', answer: line, ...namesOf(identity) },
          options,
          words: `${yes === true ? describeIdentity(identity) : ''}Signed. Where the ${identity.kind} is:\n  assay ${identity.kind} complete <the line below> --data-dir <its data folder>\n\n`,
        })
      })
    })
}
