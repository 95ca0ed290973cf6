// Passwords come from a file or standard input, never from a command line that a process list would show.
import { readFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { OperatorError } from './lifecycle.ts'

/** Longer ones are not read: what comes through a pipe need not end. */
const MAX_BYTES = 4096

/** The first line of a password file, or of standard input where the path is `-`. Throws OperatorError PASSWORD_FILE. */
export async function readPassword(path: string, stdin: Readable = process.stdin): Promise<string> {
  const name = path === '-' ? 'what comes from standard input' : `the password file ${path}`
  const text = await (path === '-' ? firstLine(stdin) : readFile(path, 'utf8')).catch((cause: NodeJS.ErrnoException) => {
    throw new OperatorError('PASSWORD_FILE', `${name} cannot be read (${cause.code ?? cause.message})`, { advice: 'Write the password of the keys into its first line, readable by this user alone (chmod 600).', cause })
  })
  const password = text.split('\n')[0]!.replace(/\r$/, '')
  if (password === '') throw new OperatorError('PASSWORD_FILE', `the first line of ${name} is empty`, { advice: 'Write the password of the keys into it.' })
  return password
}

async function firstLine(stdin: Readable): Promise<string> {
  let text = ''
  for await (const chunk of stdin) {
    text += String(chunk)
    if (text.includes('\n')) break
    if (text.length > MAX_BYTES) throw new Error('no line ends in its first 4 kB')
  }
  return text
}
