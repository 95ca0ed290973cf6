// `assay machine|checker request` and `complete`: how a machine or checker gets the yes of an owner whose key is elsewhere.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { type Static, type TObject, Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import type { AccountId, Identity, IdentityKind } from '@assay/protocol'
import { completeRequest, consentPath, cryptoReady, decodeRequest, findNetwork, keysFolder, keystoreExists, makeRequest, parseSignature, toAccountId, toAddress, type OwnerRequest } from '@assay/runtime-bindings'
import { withChain } from './chain.ts'
import { describeIdentity, namesOf, readLine, show, showOptions, type ShowOptions } from './handover.ts'
import { passwordOf } from './password.ts'
import { addConfigFile, addSettings } from './service-command.ts'

/** What every request is made of, beside the settings of its service. */
export const askingConfig = Type.Object({
  owner: Type.String({ minLength: 1, description: 'who shall be paid, and must agree: an account, 5…' }),
  chain: Type.Optional(Type.String({ pattern: '^wss?://.+', description: 'look on this peaq node whether the network is there: ws:// or wss:// address; not needed' })),
  network: Type.String({ minLength: 1, description: 'the network to work for: its account, 5… or 0x…' }),
  dataDir: Type.String({ minLength: 1, path: true, description: 'folder of the keys' }),
  passwordFile: Type.Optional(Type.String({ minLength: 1, path: true, description: 'file whose first line is the password of the keys, mode 600, or - for standard input; default: the systemd credential assay-password, else ASSAY_PASSWORD, else asked at the terminal' })),
})

export interface Asks<S extends typeof askingConfig> {
  /** `askingConfig`, and what else the identity is made of */
  schema: S
  /** the service's own, of which a file may hold every setting */
  service: TObject
  /** refuses settings by which nobody can be asked, before keys are made */
  check?: (config: Static<S>, network: AccountId) => Promise<void>
  /** who asks, with its keys made if there are none */
  identity: (config: Static<S>, network: AccountId, password: string) => Promise<Omit<Identity, 'owner'>>
  example: string
}

/** Gives `parent` the command that asks an owner. */
export function registerRequest<S extends typeof askingConfig>(parent: Command, kind: IdentityKind, { schema, service, check, identity, example }: Asks<S>): void {
  const command = addSettings(parent.command('request').description(`ask an owner whose key is elsewhere: makes the ${kind}’s keys if need be and prints one line for assay owner sign`), schema)
  showOptions(addConfigFile(command))
    .addHelpText('after', `\nThe line holds no secret. Nothing is sent.${kind === 'checker' ? ' The owner agrees to where the checker listens, too: after a change of ports or names ask again.' : ''}\n\nExample:\n  ${example}`)
    .action(async ({ out, qr, json, config: file, ...flags }: ShowOptions & { config?: string } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(schema, { flags, env: process.env, file, fileMayHold: service }) as Static<S>
        await cryptoReady()
        const owner = toAccountId(config.owner)
        const network = toAccountId(config.network)
        await check?.(config, network)
        const there = await keystoreExists(keysFolder(config.dataDir, kind))
        const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal, making: !there })
        if (config.chain !== undefined) {
          await withChain(config.chain, async (chain) => {
            if (!(await findNetwork(chain, network))) throw new OperatorError('NO_NETWORK', `the account ${toAddress(network)} holds no network on the chain at ${chain.endpoint}`, { advice: 'Check --network and --chain.' })
          })
        }
        // Where the keys are there, a process may be running with them; where they are not, nobody else may be making them.
        const lock = there ? null : await lockFolder(config.dataDir)
        try {
          const asked = { ...(await identity(config, network, password)), owner }
          await showRequest({ dataDir: config.dataDir, options: { out, qr, json }, request: await makeRequest(config.dataDir, asked) })
        } finally {
          await lock?.release()
        }
      })
    })
}

/** Gives `parent` the command that takes the owner's answer. */
export function registerComplete(parent: Command, kind: IdentityKind, service: TObject): void {
  const schema = Type.Pick(askingConfig, ['dataDir'])
  const command = addSettings(
    parent.command('complete').description('take the owner’s answer: checks it against the last request and keeps it for the next start').argument('[answer]', 'the line of assay owner sign, a file that holds it, or - for standard input'),
    schema,
  )
  addConfigFile(command)
    .option('--signature <hex>', 'instead of the line: what a polkadot wallet gave for the request’s payload, 0x…')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', `\nExamples:\n  assay ${kind} complete answer.txt --data-dir ~/assay\n  assay ${kind} complete --signature 0x… --data-dir ~/assay`)
    .action(async (given: string | undefined, { signature, json, config: settings, ...flags }: { signature?: string, json?: boolean, config?: string } & Record<string, unknown>) => {
      await runMain(async () => {
        const config = loadConfig(schema, { flags, env: process.env, file: settings, fileMayHold: service })
        if ((given === undefined) === (signature === undefined)) throw new OperatorError('INPUT', given === undefined ? 'no answer is given' : 'both an answer and a signature are given', { advice: 'Give the line of assay owner sign, or --signature with what a wallet gave.' })
        await cryptoReady()
        const { state, identity, rotated } = await completeRequest(config.dataDir, given === undefined ? { signature: parseSignature(signature!) } : { line: await readLine(given) })
        const owner = toAddress(identity.owner)
        const file = consentPath(config.dataDir)
        if (json) return void process.stdout.write(`${JSON.stringify({ event: 'consent', state, rotated, ...namesOf(identity), file })}\n`)
        process.stdout.write(`${state === 'stored' ? `${owner} agreed; kept in ${file}.` : `${owner} had agreed already; nothing changed.`}\n`)
        if (rotated) process.stdout.write('The new peer key is in place.\n')
        process.stdout.write(`Next: start the ${identity.kind} (assay ${identity.kind} start); one that runs must be started again. It registers under this owner and says what money is missing on ${toAddress(identity.account)}, which anybody may send.\n`)
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
  assay ${identity.kind} complete <answer> --data-dir ${dataDir}
  assay ${identity.kind} complete --signature 0x… --data-dir ${dataDir}

`,
  })
}
