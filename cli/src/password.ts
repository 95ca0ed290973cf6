// The places that this process can be told a password by; kit says which comes first.
import type { Command } from 'commander'
import { passwordFrom, type PasswordPlaces } from '@assay/kit/password'
import { terminalPrompt } from '@assay/kit/prompt'

/** The environment and, where there is one, the terminal. */
export const passwordPlaces = (signal: AbortSignal): PasswordPlaces => ({ env: process.env, prompt: terminalPrompt(process.stdin, process.stderr, signal) })

/** Gives `command` the flag of a password file, and help that says what else there is. */
export const passwordOption = (command: Command): Command => command.option('--password-file <file>', 'file whose first line is the password, mode 600; default: the systemd credential assay-password, else ASSAY_PASSWORD, else asked at the terminal [ASSAY_PASSWORD_FILE]')

/** The password of the keys in `dir`. */
export const passwordOf = (dir: string, { passwordFile, signal, making }: { passwordFile?: string | undefined; signal: AbortSignal; making?: boolean }): Promise<string> =>
  passwordFrom({ file: passwordFile, ...passwordPlaces(signal), of: `the keys in ${dir}`, ...(making === undefined ? {} : { making }) })
