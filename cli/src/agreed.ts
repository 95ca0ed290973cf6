// A question that is answered with yes or no.
import { createInterface } from 'node:readline/promises'

/** Asks; whatever is not yes, and no answer, is no. Throws the signal's reason. */
export async function agreed(question: string, signal: AbortSignal, input: NodeJS.ReadableStream = process.stdin, output: NodeJS.WritableStream = process.stderr): Promise<boolean> {
  const lines = createInterface({ input, output })
  try {
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')))
    return /^(y|yes)$/i.test((await Promise.race([lines.question(question, { signal }), closed])).trim())
  } finally {
    lines.close()
  }
}
