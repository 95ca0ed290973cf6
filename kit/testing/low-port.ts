// A port for a service that dies and comes back under the same address.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** A port that is free on loopback now, below those that the system gives to outgoing connections, so that none of these takes it while its service is dead. Who needs no second life listens on 0. */
export async function lowPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}
