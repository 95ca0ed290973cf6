// The program as an operator runs it: processes of their own.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../../../cli/src/main.ts', import.meta.url))

export interface Running {
  /** what `start` and `reindex` answer at */
  url: string
  /** what it has said so far, a line each */
  said: string[]
  child: ChildProcess
  /** Sends the signal and waits for the end; its exit status, null after a kill. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>
}

function launch(args: readonly string[], env: Record<string, string>): { child: ChildProcess, said: string[] } {
  const child = spawn(process.execPath, [PROGRAM, 'indexer', ...args], { env: { ...process.env, LOG_LEVEL: 'info', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const said: string[] = []
  for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', (line) => said.push(line))
  return { child, said }
}

/** `assay indexer …` to its end. */
export async function assayIndexer(args: readonly string[], env: Record<string, string> = {}): Promise<{ status: number | null, said: string }> {
  const { child, said } = launch(args, env)
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, said: said.join('\n') }
}

/** `assay indexer …` until it tells its URL. Rejects with what it said if it ends before. */
export async function startAssayIndexer(args: readonly string[], env: Record<string, string> = {}): Promise<Running> {
  const { child, said } = launch(args, env)
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(line) ?? []
        if (found) resolve(found)
      })
    }
    child.once('close', () => reject(new Error(`it ended: ${said.join('\n')}`)))
  })
  return {
    url, said, child,
    end: async (signal) => {
      const closed = once(child, 'close') as Promise<[number | null]>
      child.kill(signal)
      return (await closed)[0]
    },
  }
}
