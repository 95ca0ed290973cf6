// A question at the terminal whose answer is not shown.
import { StringDecoder } from 'node:string_decoder'
import { OperatorError } from './lifecycle.ts'

/** Asks for one line without echo. Throws OperatorError NO_ANSWER if Ctrl-C, Ctrl-D or a signal ends it. */
export type Prompt = (question: string) => Promise<string>

type Input = Pick<NodeJS.ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause' | 'unshift'>
type Output = Pick<NodeJS.WriteStream, 'isTTY' | 'write'>

/** Longer answers are cut: nobody types them. */
const MOST_LENGTH = 4096

/** A prompt on `input` and `output` (standard error, since standard output may be a file), or undefined where one of them is no terminal. */
export function terminalPrompt(input: Input, output: Output, signal: AbortSignal): Prompt | undefined {
  if (!input.isTTY || !output.isTTY) return undefined
  return (question) =>
    new Promise((resolve, reject) => {
      const decoder = new StringDecoder('utf8')
      const typed: string[] = []
      let inEscape = false
      const stop = (settle: () => void): void => {
        input.off('data', onData)
        input.off('end', onStop)
        signal.removeEventListener('abort', onStop)
        input.setRawMode(false)
        input.pause()
        output.write('\n')
        settle()
      }
      const onStop = (): void => stop(() => reject(new OperatorError('NO_ANSWER', 'the question at the terminal was not answered', { advice: 'Nothing was done. Start again.' })))
      const onData = (chunk: Buffer): void => {
        const characters = Array.from(decoder.write(chunk))
        for (const [i, character] of characters.entries()) {
          if (inEscape) inEscape = !/[A-Za-z~]/.test(character) || character === 'O'
          else if (character === '\r' || character === '\n') {
            const rest = characters.slice(character === '\r' && characters[i + 1] === '\n' ? i + 2 : i + 1).join('')
            stop(() => resolve(typed.join('')))
            // What was pasted behind it answers the next question.
            if (rest !== '') input.unshift(Buffer.from(rest))
            return
          } else if (character === '\u0003' || (character === '\u0004' && typed.length === 0)) return onStop()
          else if (character === '\u007f' || character === '\b') typed.pop()
          else if (character === '\u0015') typed.length = 0
          else if (character === '\u001b') inEscape = true
          else if (character >= ' ' && typed.length < MOST_LENGTH) typed.push(character)
        }
      }
      if (signal.aborted) return reject(signal.reason as Error)
      signal.addEventListener('abort', onStop)
      output.write(question)
      input.setRawMode(true)
      input.on('data', onData)
      input.on('end', onStop)
      input.resume()
    })
}
