// JSON-RPC over a web socket for a chopsticks chain. chopsticks' own server moves to another port when one is busy and leaves
// its clients connected when it closes; this one does neither.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer, type WebSocket } from 'ws'

export interface RpcSubscriptions {
  subscribe(method: string, id: string, onCancel?: () => void): (data: unknown) => void
  unsubscribe(id: string): void
}

/** Answers one call; an error with a numeric `code` reaches the client with that code. */
export type RpcCall = (method: string, params: unknown[], subscriptions: RpcSubscriptions) => Promise<unknown>

/** The port asked for is in use. */
export class PortBusyError extends Error {
  readonly port: number
  constructor(host: string, port: number, options?: ErrorOptions) {
    super(`port ${port} on ${host} is in use: stop what listens there, or choose another port (0 for a free one)`, options)
    this.name = 'PortBusyError'
    this.port = port
  }
}

interface Request {
  id?: number | string | null
  method: string
  params: unknown[]
}

const MAX_PAYLOAD = 100 * 1024 * 1024

/**
 * Serves `call` on `host` and `port` (0: a free one). `close` drops every client and frees the port.
 * @throws PortBusyError
 */
export async function serveRpc({ host, port, call }: { host: string; port: number; call: RpcCall }): Promise<{ port: number; clients(): number; close(): Promise<void> }> {
  const http = createServer((_, response) => response.writeHead(426).end('web sockets only\n'))
  const bound = await listen(http, host, port)
  const sockets = new WebSocketServer({ server: http, maxPayload: MAX_PAYLOAD })
  sockets.on('connection', (socket) => serveClient(socket, call))
  return {
    port: bound,
    clients: () => sockets.clients.size,
    close: async () => {
      for (const client of sockets.clients) client.terminate()
      sockets.close()
      http.closeAllConnections()
      await new Promise<void>((resolve) => http.close(() => resolve()))
    },
  }
}

function listen(http: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once('error', (cause: NodeJS.ErrnoException) => reject(cause.code === 'EADDRINUSE' ? new PortBusyError(host, port, { cause }) : cause))
    http.listen(port, host, () => resolve((http.address() as AddressInfo).port))
  })
}

function serveClient(socket: WebSocket, call: RpcCall): void {
  const cancels = new Map<string, () => void>()
  const send = (message: unknown): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
  }
  const subscriptions: RpcSubscriptions = {
    subscribe: (method, id, onCancel = () => undefined) => {
      cancels.set(id, onCancel)
      return (data) => {
        if (cancels.has(id)) send({ jsonrpc: '2.0', method, params: { result: data, subscription: id } })
      }
    },
    unsubscribe: (id) => {
      const cancel = cancels.get(id)
      cancels.delete(id)
      cancel?.()
    },
  }
  const answer = async (raw: unknown): Promise<unknown> => {
    const request = parseRequest(raw)
    if (request === undefined) return { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'Invalid JSON Request' } }
    try {
      const result = await call(request.method, request.params, subscriptions)
      return { jsonrpc: '2.0', id: request.id, result: result ?? null }
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: string }
      return { jsonrpc: '2.0', id: request.id, error: typeof code === 'number' ? { code, message } : { code: -32603, message: `Internal ${String(error)}` } }
    }
  }
  const serve = async (text: string): Promise<void> => {
    const parsed = parseJson(text)
    send(Array.isArray(parsed) ? await Promise.all(parsed.map(answer)) : await answer(parsed))
  }
  // Whole messages arrive as one Buffer: the default binary type of ws.
  socket.on('message', (data) => void serve((data as Buffer).toString()))
  socket.on('error', () => socket.terminate())
  socket.on('close', () => {
    for (const id of cancels.keys()) subscriptions.unsubscribe(id)
  })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function parseRequest(raw: unknown): Request | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined
  const { id, method, params = [] } = raw as Partial<Request>
  return typeof method === 'string' && Array.isArray(params) ? { id, method, params } : undefined
}
