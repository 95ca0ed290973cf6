// A node that a reader chose, asked by JSON-RPC over a WebSocket or by POST; in any browser, and in Node.

export type NodeErrorCode =
  /** no address of a node */
  | 'ADDRESS'
  /** it does not answer, or stopped to */
  | 'UNREACHABLE'
  /** it answers a request with an error of its own */
  | 'REFUSED'
  /** what it says cannot be */
  | 'INCONSISTENT'
  /** it does not have, or no longer has, what is asked for */
  | 'LACKING'
  /** its blocks cannot be read here */
  | 'UNREADABLE'

/** The node could not be used; the message says why, for people. */
export class NodeError extends Error {
  override readonly name = 'NodeError'
  readonly code: NodeErrorCode
  constructor(code: NodeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export interface NodeConnection {
  /** The result of one call, which is whatever the node says. Rejects with NodeError, or the signal's reason once it aborts. */
  ask(method: string, params: readonly unknown[]): Promise<unknown>
  close(): void
}

export interface NodeOptions {
  signal: AbortSignal
  /** How long the node may say nothing at all while it is asked something, in ms; default 30 000. */
  patienceMs?: number
}

interface Pending {
  method: string
  resolve: (result: unknown) => void
  reject: (reason: unknown) => void
}

/** Takes texts to the node. */
interface Transport {
  send(text: string): void
  end(): void
}

/** What a transport tells: a text of the node, and its end. */
interface Told {
  heard: (text: string) => void
  failed: (error: NodeError) => void
}

/** Whether it is an address that `connectNode` can ask. */
export const isNodeAddress = (address: string): boolean => URL.canParse(address) && /^(wss?|https?):$/.test(new URL(address).protocol)

/** Connects to a node: `ws://`, `wss://`, `http://` or `https://`. Rejects with NodeError ADDRESS or UNREACHABLE, or with the signal's reason. */
export async function connectNode(address: string, { signal, patienceMs = 30_000 }: NodeOptions): Promise<NodeConnection> {
  signal.throwIfAborted()
  if (!isNodeAddress(address)) throw new NodeError('ADDRESS', `${address} is no address of a node: it begins with ws://, wss://, http:// or https://`)
  const pending = new Map<number, Pending>()
  let ended: { reason: unknown } | undefined
  let silence: ReturnType<typeof setTimeout> | undefined
  let asked = 0

  const end = (reason: unknown): void => {
    if (ended) return
    ended = { reason }
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
    transport.end()
    for (const { reject } of pending.values()) reject(reason)
    pending.clear()
  }
  const stop = (): void => end(signal.reason)
  const listen = (): void => {
    clearTimeout(silence)
    if (!ended && pending.size > 0) silence = setTimeout(() => end(new NodeError('UNREACHABLE', `${address} has not answered for ${patienceMs} ms`)), patienceMs)
  }
  const heard = (text: string): void => {
    const reply = parsed(text)
    const call = typeof reply?.id === 'number' ? pending.get(reply.id) : undefined
    if (reply === undefined || call === undefined) return // nothing that was asked for
    pending.delete(reply.id as number)
    listen()
    if (reply.error === undefined || reply.error === null) return call.resolve(reply.result)
    const { code, message } = reply.error as { code?: unknown; message?: unknown }
    call.reject(new NodeError('REFUSED', `${address} refuses ${call.method}: ${String(code)} ${String(message).slice(0, 200)}`))
  }
  const told: Told = { heard, failed: end }
  const { transport, ready } = opened()
  const connection: NodeConnection = {
    ask: (method, params) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended.reason)
        const id = asked++
        pending.set(id, { method, resolve, reject })
        if (pending.size === 1) listen()
        transport.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
      }),
    close: () => end(new NodeError('UNREACHABLE', `the connection to ${address} was closed here`)),
  }
  signal.addEventListener('abort', stop, { once: true })

  function opened(): Opened {
    try {
      return new URL(address).protocol.startsWith('ws') ? overSocket(address, told) : overPosts(address, told)
    } catch (cause) {
      // Browsers refuse some addresses at once, ws:// from a page over https among them.
      throw new NodeError('ADDRESS', `${address} cannot be asked from here: ${String(cause)}`, { cause })
    }
  }

  // The opening is waited for like an answer, and ends like one.
  const opening = new Promise<unknown>((resolve, reject) => pending.set(-1, { method: 'the connection', resolve, reject }))
  listen()
  void ready.then(() => {
    pending.get(-1)?.resolve(undefined)
    pending.delete(-1)
    listen()
  })
  await opening
  return connection
}

interface Opened {
  transport: Transport
  ready: Promise<void>
}

/** All calls over one connection; answers come as they are ready. */
function overSocket(address: string, { heard, failed }: Told): Opened {
  const socket = new WebSocket(address)
  const lost = (): void => failed(new NodeError('UNREACHABLE', `${address} cannot be reached, or closed the connection: is it a node’s address, does it let this page in (--rpc-cors), and may this page ask it (a page over https only asks wss:// and https://)?`))
  socket.addEventListener('message', ({ data }) => heard(String(data)))
  socket.addEventListener('error', lost)
  socket.addEventListener('close', lost)
  return { transport: { send: (text) => socket.send(text), end: () => socket.close() }, ready: new Promise((open) => socket.addEventListener('open', () => open())) }
}

/** Each call a request of its own. */
function overPosts(address: string, { heard, failed }: Told): Opened {
  const over = new AbortController()
  const send = async (body: string): Promise<void> => {
    try {
      const response = await fetch(address, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal: over.signal, credentials: 'omit', referrerPolicy: 'no-referrer' })
      if (!response.ok) return failed(new NodeError('UNREACHABLE', `${address} answers with HTTP status ${response.status}`))
      heard(await response.text())
    } catch (cause) {
      failed(new NodeError('UNREACHABLE', `${address} cannot be reached: is it a node’s address, does it let this page in (--rpc-cors), and may this page ask it (a page over https only asks wss:// and https://)?`, { cause }))
    }
  }
  return { transport: { send: (text) => void send(text), end: () => over.abort() }, ready: Promise.resolve() }
}

function parsed(text: string): { id?: unknown; result?: unknown; error?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
