// When bytes really went to a socket: whoever sends within `timed` is told at the write that its bytes caused.
import { AsyncLocalStorage } from 'node:async_hooks'
import { Socket } from 'node:net'

/** ms of the machine's monotonic clock, the same in all of its processes. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6

const cause = new AsyncLocalStorage<(at: number) => void>()
const sockets = new Set<Socket>()
let closedRead = 0
let closedWritten = 0

/** Runs `send`; `written` gets the time after each write to a socket that comes of it. */
export const timed = <T>(written: (at: number) => void, send: () => T): T => cause.run(written, send)

/** Bytes through the process's TCP sockets since the start; TCP's own headers are not in it. */
export function socketBytes(): { read: number, written: number } {
  let [read, written] = [closedRead, closedWritten]
  for (const socket of sockets) {
    read += socket.bytesRead
    written += socket.bytesWritten
  }
  return { read, written }
}

/** Begins to watch this process's sockets. */
export function watchSockets(): void {
  const write = Socket.prototype.write as (this: Socket, ...args: unknown[]) => boolean
  Socket.prototype.write = function (this: Socket, ...args: unknown[]): boolean {
    if (!sockets.has(this)) {
      sockets.add(this)
      this.once('close', () => {
        sockets.delete(this)
        closedRead += this.bytesRead
        closedWritten += this.bytesWritten
      })
    }
    const took = write.apply(this, args)
    cause.getStore()?.(now())
    return took
  } as typeof Socket.prototype.write
}
