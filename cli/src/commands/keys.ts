// `assay keys`: encrypted keystores, before there is a network to join. Nothing secret is an argument.
import { stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Command } from 'commander'
import { makeDataFolder } from '@assay/kit/disk'
import { OperatorError, runMain } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import { passwordFrom } from '@assay/kit/password'
import { terminalPrompt } from '@assay/kit/prompt'
import { accountFromSecret, changePassword, createKeystore, cryptoReady, type KeyFile, keyFiles, KeystoreExistsError, KeystoreMissingError, keystoreExists, newMnemonic, openAccount, openKeystore, saveAccount, secretFromText, verifyKeyFile, WrongPasswordError, type Account } from '@assay/runtime-bindings'
import { passwordOf, passwordOption } from '../password.ts'

interface Options {
  dataDir: string
  passwordFile?: string
  json?: boolean
}

export function register(program: Command): void {
  const keys = program.command('keys').description('encrypted keystores: an account for the chain and a peer key for the wire')
  const command = (name: string, summary: string, folder: string): Command => keys.command(name).description(summary).requiredOption('--data-dir <folder>', folder).option('--json', 'one JSON object on standard output')

  passwordOption(command('create', 'make a keystore, or show the one that is there', 'the checker\'s data folder'))
    .option('--owner', 'make an owner\'s account alone, <data-dir>/owner.json')
    .addHelpText('after', '\nExamples:\n  assay keys create --data-dir ~/checker --password-file ~/checker.password\n  assay keys create --data-dir ~/owner --owner')
    .action(async (options: Options & { owner?: boolean }) => {
      await runMain(async (signal) => {
        if (options.owner === true) await makeOwner(options, signal)
        else await makeKeystore(options, signal)
      })
    })

  command('show', 'say which keys a folder has; needs no password', 'a data folder of a machine, checker, owner or calibrator')
    .addHelpText('after', '\nExample:\n  assay keys show --data-dir ~/machine')
    .action(async (options: Options) => {
      await runMain(async () => {
        const files = await filesOf(options.dataDir)
        if (options.json) return say({ event: 'keys', keys: files.map((file) => ({ file: file.path, kind: file.kind, address: file.address, publicKey: file.publicKey })) })
        for (const file of files) process.stdout.write(`${named(options.dataDir, file)} ${file.kind === 'account' ? `account ${file.address}` : `peer    ${file.publicKey}`}\n`)
      })
    })

  passwordOption(command('password', 'change the password of all keys of a folder, machine/ included', 'a data folder; nothing may run on it meanwhile'))
    .option('--new-password-file <file>', 'file whose first line is the new password, mode 600; default: asked at the terminal')
    .addHelpText('after', '\nInterrupted, it leaves each file with the old password or the new one: run it again with the same two.\n\nExample:\n  assay keys password --data-dir ~/checker --password-file ~/checker.password --new-password-file ~/new.password')
    .action(async (options: Options & { newPasswordFile?: string }) => {
      await runMain(async (signal) => {
        const { dataDir } = options
        await filesOf(dataDir)
        const lock = await lockFolder(dataDir)
        try {
          const files = await filesOf(dataDir)
          const from = await passwordOf(dataDir, { ...options, signal })
          const to = await newPassword(dataDir, options.newPasswordFile, signal)
          if (from === to) throw new OperatorError('SAME_PASSWORD', 'the new password is the old one', { advice: 'Give another one, or leave it as it is.' })
          const changed = await changePassword(files, from, to)
          if (options.json) return say({ event: 'password changed', changed, files: files.map(({ path }) => path) })
          process.stdout.write(`the password of ${changed} of ${files.length} key files was changed${changed < files.length ? '; the others had the new one' : ''}\n${options.passwordFile === undefined ? '' : `${options.passwordFile} still has the old one: put the new one into it before the next start\n`}`)
        } finally {
          await lock.release()
        }
      })
    })

  passwordOption(command('import', 'make a keystore of an account that exists: of its words, asked for or on standard input, or of a wallet\'s JSON file', 'the checker\'s data folder, or with --owner the owner\'s'))
    .option('--file <file>', 'JSON file of a polkadot wallet, mode 600, instead of words')
    .option('--file-password-file <file>', 'file whose first line is the password of --file; default: the one of the folder, else asked at the terminal')
    .option('--owner', 'import an owner\'s account alone, as <data-dir>/owner.json')
    .addHelpText('after', '\nExamples:\n  assay keys import --data-dir ~/checker\n  assay keys import --data-dir ~/machine --owner --file wallet.json --password-file ~/machine.password\n  assay keys import --data-dir ~/checker --password-file ~/checker.password < words')
    .action(async (options: Options & { file?: string; filePasswordFile?: string; owner?: boolean }) => {
      await runMain(async (signal) => importKeys(options, signal))
    })

  passwordOption(command('verify', 'see whether the password opens all keys of a folder', 'a data folder of a machine, checker, owner or calibrator'))
    .addHelpText('after', '\nExit codes: 0 all open, 1 one does not.\n\nExample:\n  assay keys verify --data-dir ~/machine --password-file ~/machine.password')
    .action(async (options: Options) => {
      await runMain(async (signal) => {
        const files = await filesOf(options.dataDir)
        const password = await passwordOf(options.dataDir, { ...options, signal })
        const problems = new Map<string, Error>()
        for (const file of files) await verifyKeyFile(file, password).catch((error: Error) => problems.set(file.path, error))
        if (options.json) say({ event: 'keys verified', keys: files.map((file) => ({ file: file.path, kind: file.kind, address: file.address, opens: !problems.has(file.path), ...(problems.has(file.path) ? { problem: problems.get(file.path)!.message } : {}) })) })
        else for (const file of files) process.stdout.write(`${named(options.dataDir, file)} ${problems.get(file.path)?.message ?? 'opens'}\n`)
        if (problems.size === 0) return
        const halfway = problems.size < files.length && [...problems.values()].every((error) => error instanceof WrongPasswordError)
        throw new OperatorError('KEYS', `${problems.size} of ${files.length} key files do not open`, { advice: halfway ? 'If a change of the password was interrupted, run assay keys password again with the same two. Else the keys have different passwords.' : 'Mend what is said of each, or restore it from your backup.' })
      })
    })
}

/** Makes `<data-dir>/owner.json`, or shows the one that is there. Returns its path. */
export async function makeOwner(options: Options, signal: AbortSignal): Promise<string> {
  const file = join(options.dataDir, 'owner.json')
  await cryptoReady()
  const made = !(await isThere(file))
  const password = await passwordOf(options.dataDir, { ...options, signal, making: made })
  if (made) await sameForAll(options.dataDir, password)
  const mnemonic = made ? newMnemonic() : null
  const account = mnemonic === null ? await openAccount(file, password) : accountFromSecret(mnemonic)
  if (made) {
    await makeDataFolder(options.dataDir)
    await saveAccount(file, account, password)
  }
  tell(options, { made, file, account, mnemonic })
  return file
}

async function makeKeystore(options: Options, signal: AbortSignal): Promise<void> {
  const dir = options.dataDir
  const made = !(await keystoreExists(dir))
  const password = await passwordOf(dir, { ...options, signal, making: made })
  if (made) {
    await sameForAll(dir, password)
    await makeDataFolder(dir)
  }
  const created = made ? await createKeystore({ dir, password }) : undefined
  const { account, peer } = created ?? (await openKeystore({ dir, password }))
  tell(options, { made, file: dir, account, peer: peer.publicKey, mnemonic: created?.mnemonic ?? null })
}

async function importKeys(options: Options & { file?: string; filePasswordFile?: string; owner?: boolean }, signal: AbortSignal): Promise<void> {
  const dir = options.dataDir
  await cryptoReady()
  const file = join(dir, options.owner === true ? 'owner.json' : 'account.json')
  // Before anything is asked: what is there is never overwritten.
  if (await isThere(file)) throw new KeystoreExistsError(file)
  const secret = options.file === undefined ? await words(signal) : undefined
  const password = await passwordOf(dir, { ...options, signal, making: true })
  await sameForAll(dir, password)
  const account = secret === undefined ? await fromWallet(options.file!, options.filePasswordFile, password, signal) : accountFromSecret(secret)
  await makeDataFolder(dir)
  const peer = options.owner === true ? undefined : (await createKeystore({ dir, password, account })).peer.publicKey
  if (options.owner === true) await saveAccount(file, account, password)
  tell(options, { made: true, file: options.owner === true ? file : dir, account, peer, mnemonic: null })
}

function tell({ json }: Options, { made, file, account, peer, mnemonic }: { made: boolean; file: string; account: Account; peer?: string | undefined; mnemonic: string | null }): void {
  if (json) return say({ event: 'keys', made, address: account.address, account: account.id, ...(peer === undefined ? { file } : { peer }) })
  process.stdout.write(`${made ? 'made' : 'found'} ${file}\naccount ${account.address}\n${peer === undefined ? '' : `peer    ${peer}\n`}`)
  if (mnemonic !== null) process.stdout.write(`The account's words, shown once; keep them where nobody else looks:\n  ${mnemonic}\n`)
}

/** A service opens all keys of its folder with one password, so a new key takes that of the others. A peer key without an account is of an interrupted creation. */
async function sameForAll(dir: string, password: string): Promise<void> {
  for (const file of await keyFiles(dir)) if (file.path !== join(dir, 'peer.json')) await verifyKeyFile(file, password)
}

async function filesOf(dir: string): Promise<KeyFile[]> {
  const files = await keyFiles(dir)
  if (files.length === 0) throw new KeystoreMissingError(join(dir, 'account.json'))
  return files
}

async function newPassword(dir: string, file: string | undefined, signal: AbortSignal): Promise<string> {
  const prompt = terminalPrompt(process.stdin, process.stderr, signal)
  if (file === undefined && prompt === undefined) throw new OperatorError('NO_PASSWORD', `there is no new password for the keys in ${dir}: no --new-password-file, and no terminal to ask at`, { advice: 'Give --new-password-file FILE (chmod 600), or a terminal.' })
  return passwordFrom({ file, prompt, of: `the keys in ${dir}`, making: true })
}

async function words(signal: AbortSignal): Promise<string> {
  const prompt = terminalPrompt(process.stdin, process.stderr, signal)
  if (prompt) return secretFromText(await prompt('Words of the account: '))
  let text = ''
  // Far longer than 24 words and their derivation.
  for await (const chunk of process.stdin.setEncoding('utf8')) if ((text += chunk).length > 4096) break
  return secretFromText(text)
}

async function fromWallet(file: string, passwordFile: string | undefined, ours: string, signal: AbortSignal): Promise<Account> {
  const prompt = terminalPrompt(process.stdin, process.stderr, signal)
  if (passwordFile !== undefined) return openAccount(file, await passwordFrom({ file: passwordFile, of: file }))
  return openAccount(file, ours).catch(async (error: unknown) => {
    if (!(error instanceof WrongPasswordError) || prompt === undefined) throw error
    return openAccount(file, await passwordFrom({ prompt, of: file }))
  })
}

const isThere = (path: string): Promise<boolean> => stat(path).then(() => true, () => false)
const named = (dir: string, { path }: KeyFile): string => relative(dir, path).padEnd(20)
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
