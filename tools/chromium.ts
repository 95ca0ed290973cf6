// A real browser for tests: the headless Chromium of @sparticuz/chromium, spoken to over a pipe in its own protocol (Chrome DevTools), without a library between.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { unpacked, untar } from './chromium-package.ts'

export interface Page extends AsyncDisposable {
  /** `Chrome/153.0…`, as the browser names itself. */
  readonly product: string
  /** What the expression, or the promise that it gives, comes to in the page, as JSON. Rejects with what it throws. */
  evaluate<T>(expression: string): Promise<T>
  /** Chooses the file in the page's `<input type="file">` with this selector, as a person would. */
  choose(selector: string, path: string): Promise<void>
}

/** One answer of the protocol. */
interface Answer {
  id?: number
  result?: unknown
  error?: { message: string }
}

// Root in a container has no sandbox to give, and often a /dev/shm of 64 MiB; nothing here draws.
const FLAGS = ['--headless=shell', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-software-rasterizer']
const STDERR_KEPT = 2000

/** How this Chromium is started: the program, its flags, and where it finds its libraries. Only where `hasChromiumPackage`. */
export function chromium(): { executable: string; flags: string[]; env: Record<string, string> } {
  const home = unpacked('chromium', (archive) => [{ name: 'chromium', bytes: archive('chromium.br'), executable: true }, ...[...untar(archive('al2023.tar.br'))].map(([name, bytes]) => ({ name, bytes }))])
  return { executable: join(home, 'chromium'), flags: FLAGS, env: { LD_LIBRARY_PATH: [join(home, 'lib'), process.env['LD_LIBRARY_PATH'] ?? ''].filter((path) => path !== '').join(':') } }
}

/** Opens `url` in a browser of its own. Rejects with the browser's last words if it cannot start. Only where `hasChromiumPackage`. */
export async function openPage(url: string): Promise<Page> {
  const { executable, flags, env } = chromium()
  const profile = mkdtempSync(join(tmpdir(), 'assay-chromium-'))
  const child = spawn(executable, [...flags, '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  let lastWords = ''
  child.stderr!.on('data', (text: Buffer) => (lastWords = (lastWords + text.toString()).slice(-STDERR_KEPT)))
  const ended = new Promise<void>((resolve) => {
    const end = (how: string): void => {
      for (const { reject } of waiting.values()) reject(new Error(`Chromium ended (${how}). Its last words: ${lastWords || 'none'}`))
      waiting.clear()
      resolve()
    }
    child.once('error', (error) => end(error.message))
    child.once('exit', (code, signal) => end(String(signal ?? code)))
  })
  const [commands, answers] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  commands.on('error', () => {}) // it ended, which is told above
  let pending = ''
  answers.setEncoding('utf8').on('data', (text: string) => {
    const messages = (pending + text).split('\0')
    pending = messages.pop()!
    for (const message of messages) {
      const { id, result, error } = JSON.parse(message) as Answer
      const asked = id === undefined ? undefined : waiting.get(id)
      if (asked === undefined) continue
      waiting.delete(id!)
      if (error === undefined) asked.resolve(result)
      else asked.reject(new Error(`Chromium: ${error.message}`))
    }
  })
  let asked = 0
  const ask = <T>(method: string, params: object = {}, sessionId?: string): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const id = ++asked
      waiting.set(id, { resolve: resolve as (result: unknown) => void, reject })
      commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const { product } = await ask<{ product: string }>('Browser.getVersion')
    const { targetId } = await ask<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
    const { sessionId } = await ask<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })
    const evaluate = async <T>(expression: string): Promise<T> => {
      const { result, exceptionDetails } = await ask<{ result: { value: T }; exceptionDetails?: { text: string; exception?: { description?: string } } }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId)
      if (exceptionDetails !== undefined) throw new Error(`in the page: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`)
      return result.value
    }
    const choose = async (selector: string, path: string): Promise<void> => {
      const { root } = await ask<{ root: { nodeId: number } }>('DOM.getDocument', {}, sessionId)
      const { nodeId } = await ask<{ nodeId: number }>('DOM.querySelector', { nodeId: root.nodeId, selector }, sessionId)
      await ask('DOM.setFileInputFiles', { nodeId, files: [path] }, sessionId)
    }
    const { errorText } = await ask<{ errorText?: string }>('Page.navigate', { url }, sessionId)
    if (errorText !== undefined) throw new Error(`Chromium cannot open ${url}: ${errorText}`)
    await evaluate("new Promise((loaded) => (document.readyState === 'complete' ? loaded() : addEventListener('load', () => loaded())))")
    return { product, evaluate, choose, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}
