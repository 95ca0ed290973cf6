// Passwords come from a file, never from a command line that a process list would show.
import { readFile } from 'node:fs/promises'
import { OperatorError } from './lifecycle.ts'

/** The first line of a password file. Throws OperatorError PASSWORD_FILE. */
export async function readPassword(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new OperatorError('PASSWORD_FILE', `the password file ${path} cannot be read (${cause.code ?? cause.message})`, { advice: 'Write the password of the keys into its first line, readable by this user alone (chmod 600).', cause })
  })
  const password = text.split('\n')[0]!.replace(/\r$/, '')
  if (password === '') throw new OperatorError('PASSWORD_FILE', `the first line of the password file ${path} is empty`, { advice: 'Write the password of the keys into it.' })
  return password
}
