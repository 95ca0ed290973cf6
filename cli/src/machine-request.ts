// `assay machine request` and `assay machine complete`: how a machine gets the yes of an owner whose key is elsewhere.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import { createLog } from '@assay/kit/log'
import { providerConfig } from '@assay/provider/config'
import { completeRequest, consentPath, makeRequest, type OwnerRequest } from '@assay/provider/consent'
import { openOrMakeMachine } from '@assay/provider/registration'
import { cryptoReady, decodeRequest, findNetwork, keystoreExists, nextPeerOf, parseSignature, toAccountId, toAddress } from '@assay/runtime-bindings'
import { withChain } from './commands/network.ts'
import { describeIdentity, namesOf, readLine, show, showOptions, type ShowOptions } from './handover.ts'
import { passwordOf } from './password.ts'
import { addSettings } from './service-command.ts'

const { chain, network, dataDir, passwordFile } = providerConfig.properties
const requestConfig = Type.Object({
  owner: Type.String({ minLength: 1, description: 'who shall be paid, and must agree: an account, 5…' }),
  network,
  dataDir,
  passwordFile,
  chain: Type.Optional({ ...chain, description: 'look on this peaq node whether the network is there: ws:// or wss:// address; not needed' }),
})
const completeConfig = Type.Object({ dataDir })

export function registerRequest(machine: Command): void {
  showOptions(addSettings(machine.command('request').description('ask an owner whose key is elsewhere: makes the machine’s keys if need be and prints one line for assay owner sign'), requestConfig))
    .addHelpText('after', '\nThe line holds no secret. Nothing is sent.\n\nExample:\n  assay machine request --owner 5F… --network 5F… --data-dir ~/assay --password-file ~/assay.password --out request.txt')
    .action(async ({ out, qr, json, ...flags }: ShowOptions & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(requestConfig, { flags, env: process.env })
        await cryptoReady()
        const owner = toAccountId(config.owner)
        const network = toAccountId(config.network)
        const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal, making: !(await keystoreExists(join(config.dataDir, 'machine'))) })
        if (config.chain !== undefined) {
          const found = await withChain(config.chain, (chain) => findNetwork(chain, network))
          if (!found) throw new OperatorError('NO_NETWORK', `the account ${toAddress(network)} holds no network on the chain at ${config.chain}`, { advice: 'Check --network and --chain.' })
        }
        const dir = join(config.dataDir, 'machine')
        // Where the keys are there, a machine may be running with them; where they are not, nobody else may be making them.
        const lock = (await keystoreExists(dir)) ? null : await lockFolder(config.dataDir)
        try {
          const { account, peer } = await openOrMakeMachine({ dataDir: config.dataDir, password, log: createLog({}) })
          await showRequest({ dataDir: config.dataDir, options: { out, qr, json }, request: await makeRequest({ dataDir: config.dataDir, network, owner, account: account.id, peer: (await nextPeerOf(dir)) ?? peer.publicKey }) })
        } finally {
          await lock?.release()
        }
      })
    })
}

export function registerComplete(machine: Command): void {
  addSettings(
    machine.command('complete').description('take the owner’s answer: checks it against the last request and keeps it for the next start').argument('[answer]', 'the line of assay owner sign, a file that holds it, or - for standard input'),
    completeConfig,
  )
    .option('--signature <hex>', 'instead of the line: what a polkadot wallet gave for the request’s payload, 0x…')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExamples:\n  assay machine complete answer.txt --data-dir ~/assay\n  assay machine complete --signature 0x… --data-dir ~/assay')
    .action(async (given: string | undefined, { signature, json, ...flags }: { signature?: string, json?: boolean } & Record<string, unknown>) => {
      await runMain(async () => {
        const config = loadConfig(completeConfig, { flags, env: process.env })
        if ((given === undefined) === (signature === undefined)) throw new OperatorError('INPUT', given === undefined ? 'no answer is given' : 'both an answer and a signature are given', { advice: 'Give the line of assay owner sign, or --signature with what a wallet gave.' })
        await cryptoReady()
        const { state, identity, rotated } = await completeRequest(config.dataDir, given === undefined ? { signature: parseSignature(signature!) } : { line: await readLine(given) })
        const owner = toAddress(identity.owner)
        const file = consentPath(config.dataDir)
        if (json) return void process.stdout.write(`${JSON.stringify({ event: 'consent', state, rotated, owner, machine: toAddress(identity.account), network: toAddress(identity.network), peer: identity.peer, file })}\n`)
        process.stdout.write(`${state === 'stored' ? `${owner} agreed; kept in ${file}.` : `${owner} had agreed already; nothing changed.`}\n`)
        if (rotated) process.stdout.write('The new peer key is in place.\n')
        process.stdout.write(`Next: start the machine (assay machine start); one that runs must be started again. It registers under this owner and says what money is missing on ${toAddress(identity.account)}, which anybody may send.\n`)
        if (await stat(join(config.dataDir, 'owner.json')).then(() => true, () => false)) process.stdout.write(`An owner’s key is still in ${join(config.dataDir, 'owner.json')}. It is not used any more: move its money and the file away.\n`)
      })
    })
}

/** Shows what the owner is asked, and what to do with it. */
export async function showRequest({ dataDir, request: { line, payload }, options }: { dataDir: string, request: OwnerRequest, options: ShowOptions }): Promise<void> {
  const identity = decodeRequest(line)
  await show(line, {
    json: { event: 'request', request: line, payload, ...namesOf(identity) },
    options,
    words: `${describeIdentity(identity)}
Where the owner's key is, with the line below (as text, a file or a QR code; it is not secret):
  assay owner sign <line> --key-file <file> --password-file <file>
Or in a polkadot wallet: sign this as raw bytes with ${toAddress(identity.owner)}:
  ${payload}
Then here, with what came out, one of:
  assay machine complete <answer> --data-dir ${dataDir}
  assay machine complete --signature 0x… --data-dir ${dataDir}

`,
  })
}
