// A line of text that another device can see.
import { renderUnicodeCompact } from 'uqr'

/** What to say on a terminal of so many columns; white on black whatever its colours are. Null if it does not fit: a code that is broken over lines is of no use. */
export function qrCode(text: string, columns = Infinity): string | null {
  const lines = renderUnicodeCompact(text, { border: 2 }).split('\n')
  if (lines.some((line) => line.length > columns)) return null
  return lines.map((line) => `\x1b[97;40m${line}\x1b[0m\n`).join('')
}
