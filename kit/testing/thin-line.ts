// A line that is thin and long, in this process: a TCP proxy that bounds each connection by itself, as shapers and lossy paths do, and lets everything arrive late.
import { connect, createServer, type Socket } from 'node:net'

export interface ThinLineOptions {
  /** where the connections go, on loopback */
  port: number
  /** of each connection, each way */
  bytesPerSecond: number
  /** one way */
  latencyMs: number
  signal: AbortSignal
}

/** Listens on a loopback port until the signal fires, and gives the port. */
export async function thinLine({ port, bytesPerSecond, latencyMs, signal }: ThinLineOptions): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    for (const [from, to] of [[near, far], [far, near]] as const) {
      sockets.add(from)
      from.on('close', () => (sockets.delete(from), to.destroy())).on('error', () => {})
      carry(from, to, { bytesPerSecond, latencyMs })
    }
  })
  signal.addEventListener('abort', () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }, { once: true })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}

/** At most a quarter of a second, and the latency, is under way. */
function carry(from: Socket, to: Socket, { bytesPerSecond, latencyMs }: Pick<ThinLineOptions, 'bytesPerSecond' | 'latencyMs'>): void {
  const most = (bytesPerSecond * (250 + latencyMs)) / 1000
  let underWay = 0
  let freeAt = performance.now()
  // Timers of about the same time may fire in any order; bytes may not.
  const queue: (() => void)[] = []
  const later = (what: () => void): void => {
    queue.push(what)
    setTimeout(() => queue.shift()?.(), Math.max(0, freeAt + latencyMs - performance.now()))
  }
  from.on('data', (bytes) => {
    freeAt = Math.max(freeAt, performance.now()) + (bytes.length / bytesPerSecond) * 1000
    underWay += bytes.length
    if (underWay > most) from.pause()
    later(() => {
      underWay -= bytes.length
      if (underWay <= most) from.resume()
      if (!to.destroyed) to.write(bytes)
    })
  })
  from.on('end', () => later(() => void (to.destroyed || to.end())))
}
