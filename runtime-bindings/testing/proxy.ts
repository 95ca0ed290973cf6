// A TCP proxy that can be cut: the outage of an endpoint, for tests.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number
  /** Live connections. */
  readonly connections: number
  /** Breaks every connection and refuses new ones at once, as a dead host behind a live router does. */
  cut(): void
  /** Holds all bytes back, both ways, without closing anything: an endpoint that hangs. */
  stall(): void
  /** Forwards again, what was held back first. */
  resume(): void
  close(): Promise<void>
}

// Node resets TCP only.
const breakOff = (socket: Socket): void => void (socket.remoteFamily === undefined ? socket.destroy() : socket.resetAndDestroy())

/**
 * Listens on loopback, or on a local socket (`path`), and forwards to `target`. (What is cut on a local socket is closed; it knows no reset.)
 * @example const proxy = await startProxy({ target: { port: chain.port } }); new WsProvider(`ws://127.0.0.1:${proxy.port}`); proxy.cut()
 */
export async function startProxy({ target, ...at }: { target: { host?: string; port: number } | { path: string }; port?: number } | { target: { path: string }; path: string }): Promise<CuttingProxy> {
  const pairs = new Set<[Socket, Socket]>()
  let state: 'open' | 'cut' | 'stalled' = 'open'

  const server = createServer((near) => {
    if (state === 'cut') {
      breakOff(near)
      return
    }
    const far = connect('path' in target ? target : { host: target.host ?? '127.0.0.1', port: target.port })
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near]] as const) {
      from.setNoDelay(true)
      from.on('data', (bytes) => {
        if (!to.write(bytes)) from.pause()
      })
      to.on('drain', () => {
        if (state !== 'stalled') from.resume()
      })
      from.on('end', () => to.end())
      from.on('error', () => drop(pair))
      from.on('close', () => drop(pair))
    }
    if (state === 'stalled') hold(pair)
  })
  const drop = (pair: [Socket, Socket]): void => {
    pairs.delete(pair)
    for (const socket of pair) if (!socket.destroyed) socket.destroy()
  }
  const hold = (pair: [Socket, Socket]): void => {
    for (const socket of pair) socket.pause()
  }
  const cut = (): void => {
    state = 'cut'
    for (const pair of pairs) {
      pair.forEach(breakOff)
      pairs.delete(pair)
    }
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen('path' in at ? at : { host: '127.0.0.1', port: at.port ?? 0 }, resolve)
  })
  const close = async (): Promise<void> => {
    cut()
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return {
    port: 'path' in at ? 0 : (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size
    },
    cut,
    stall: () => {
      if (state === 'open') state = 'stalled'
      for (const pair of pairs) hold(pair)
    },
    resume: () => {
      state = 'open'
      for (const pair of pairs) for (const socket of pair) socket.resume()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
