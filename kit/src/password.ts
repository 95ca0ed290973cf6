// Where a password comes from: never from a command line, which a process list would show.
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { OperatorError } from './lifecycle.ts'
import type { Prompt } from './prompt.ts'

/** What a program can be told a password by, apart from a file that is named to it. */
export interface PasswordPlaces {
  /** the environment; ASSAY_PASSWORD is taken out of it, so that no process started later inherits it */
  env?: Record<string, string | undefined>
  /** undefined where there is no terminal */
  prompt?: Prompt | undefined
  /** what `-` as a file stands for; default: the process's */
  stdin?: Readable
}

export interface PasswordQuestion extends PasswordPlaces {
  /** what --password-file names */
  file?: string | undefined
  /** what it opens, for the prompt and for messages: `the keys in ~/checker` */
  of: string
  /** a key is made with it: at a terminal it is asked twice */
  making?: boolean
}

/** The name of the credential that a systemd unit loads. */
const CREDENTIAL = 'assay-password'
/** Longer ones are a mistake in the path. */
const MOST_BYTES = 1024
/** How often two answers may differ. */
const TRIES = 3

/**
 * The password from the first place that has one: the file named (or by ASSAY_PASSWORD_FILE; `-` is standard input), the systemd credential assay-password, ASSAY_PASSWORD, the terminal.
 * Throws OperatorError PASSWORD_FILE if the file named is none or others may read it, NO_PASSWORD if no place has one.
 */
export async function passwordFrom({ file, env = {}, prompt, stdin, of, making = false }: PasswordQuestion): Promise<string> {
  const spoken = env['ASSAY_PASSWORD']
  delete env['ASSAY_PASSWORD']
  const named = file ?? (env['ASSAY_PASSWORD_FILE'] || undefined)
  if (named === '-') return firstOf(stdin ?? process.stdin)
  if (named !== undefined) return firstLine(named, { private: !isHandedOver(named) })
  const credentials = env['CREDENTIALS_DIRECTORY']
  if (credentials) {
    const found = await firstLine(join(credentials, CREDENTIAL), { private: false }).catch((error: unknown) => {
      if (error instanceof OperatorError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return undefined
      throw error
    })
    if (found !== undefined) return found
  }
  if (spoken !== undefined && spoken !== '') return spoken
  if (prompt) return making ? askTwice(prompt, of) : ask(prompt, `Password of ${of}: `)
  throw new OperatorError('NO_PASSWORD', `there is no password for ${of}: no --password-file, no systemd credential ${CREDENTIAL}, no ASSAY_PASSWORD, and no terminal to ask at`, {
    advice: `Give one of the four: --password-file FILE (chmod 600), LoadCredential=${CREDENTIAL}:FILE in the systemd unit, ASSAY_PASSWORD in the environment, or a terminal.`,
  })
}

async function ask(prompt: Prompt, question: string): Promise<string> {
  const answer = await prompt(question)
  if (answer === '') throw new OperatorError('NO_PASSWORD', 'the password given is empty', { advice: 'Type the password of the keys.' })
  return answer
}

async function askTwice(prompt: Prompt, of: string): Promise<string> {
  for (let left = TRIES; left > 0; left--) {
    const first = await ask(prompt, `New password for ${of}: `)
    if ((await prompt('The same again: ')) === first) return first
  }
  throw new OperatorError('NO_PASSWORD', 'the two passwords differ', { advice: 'Nothing was made. Start again, and type the same twice.' })
}

/** The first line of a stream; what follows is nobody's. Throws OperatorError PASSWORD_FILE. */
async function firstOf(stdin: Readable): Promise<string> {
  const wrong = (why: string): OperatorError => new OperatorError('PASSWORD_FILE', `standard input, which --password-file - names, ${why}`, { advice: 'Write the password and a line end to it.' })
  let text = ''
  for await (const chunk of stdin) {
    text += String(chunk)
    if (text.includes('\n')) break
    if (text.length > MOST_BYTES) throw wrong(`has a first line of more than ${MOST_BYTES} bytes`)
  }
  const password = text.split('\n')[0]!.replace(/\r$/, '')
  if (password === '') throw wrong('has an empty first line')
  return password
}

/** The first line of a file. Throws OperatorError PASSWORD_FILE. */
async function firstLine(path: string, { private: mustBePrivate }: { private: boolean }): Promise<string> {
  const wrong = (why: string, advice: string, cause?: unknown): OperatorError => new OperatorError('PASSWORD_FILE', `the password file ${path} ${why}`, { advice, ...(cause === undefined ? {} : { cause }) })
  const bytes = Buffer.alloc(MOST_BYTES + 1)
  let length = 0
  try {
    const file = await open(path, 'r')
    try {
      const { mode } = await file.stat()
      if (mustBePrivate && process.platform !== 'win32' && (mode & 0o077) !== 0) throw wrong(`can be read by others (mode ${(mode & 0o777).toString(8)})`, `Run: chmod 600 ${path}`)
      for (let read = 1; read > 0 && length < bytes.length && !bytes.subarray(0, length).includes(10); length += read) read = (await file.read(bytes, length, bytes.length - length, null)).bytesRead
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    throw wrong(`cannot be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, 'Write the password of the keys into its first line, readable by this user alone (chmod 600).', cause)
  }
  const end = bytes.subarray(0, length).indexOf(10)
  if (end < 0 && length > MOST_BYTES) throw wrong(`has a first line of more than ${MOST_BYTES} bytes`, 'Check the path: its first line must be the password of the keys.')
  const password = bytes.subarray(0, end < 0 ? length : end).toString('utf8').replace(/\r$/, '')
  if (password === '') throw wrong('has an empty first line', 'Write the password of the keys into it.')
  return password
}

/** What a shell, a supervisor or a container hands over has modes of its own, which nobody can change. */
const isHandedOver = (path: string): boolean => /^\/(dev\/(fd\/\d+|stdin)$|proc\/(self|\d+)\/fd\/\d+$|run\/(secrets|credentials)\/)/.test(path)
