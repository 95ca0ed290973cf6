import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { startProxy, type CuttingProxy } from './proxy.ts'

let echo: Server
let proxy: CuttingProxy

async function start(): Promise<void> {
  echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  proxy = await startProxy({ target: { port: (echo.address() as AddressInfo).port } })
}

afterEach(async () => {
  await proxy.close()
  await new Promise((resolve) => echo.close(resolve))
})

const dial = async () => {
  const socket = connect(proxy.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

test('forwards both ways', async () => {
  await start()
  const socket = await dial()
  socket.write('round')
  expect(String((await once(socket, 'data'))[0])).toBe('round')
  expect(proxy.connections).toBe(1)
})

test('a cut breaks live connections and refuses new ones, until resumed', async () => {
  await start()
  const live = await dial()
  live.write('a')
  await once(live, 'data')
  const broken = once(live, 'error')
  proxy.cut()
  expect((await broken)[0]).toMatchObject({ code: 'ECONNRESET' })
  const refused = connect(proxy.port, '127.0.0.1')
  expect((await once(refused, 'error'))[0]).toMatchObject({ code: 'ECONNRESET' })

  proxy.resume()
  const again = await dial()
  again.write('b')
  expect(String((await once(again, 'data'))[0])).toBe('b')
})

test('a stall holds the bytes back and loses none', async () => {
  await start()
  const socket = await dial()
  socket.write('a')
  await once(socket, 'data')
  proxy.stall()
  let early = false
  socket.once('data', () => (early = true))
  socket.write('held')
  // A fresh connection through the same stalled proxy gets no answer either: both wait for the same word.
  const second = await dial()
  second.write('too')
  await new Promise((resolve) => setImmediate(resolve))
  expect(early).toBe(false)
  const answers = Promise.all([once(socket, 'data'), once(second, 'data')])
  proxy.resume()
  expect((await answers).map(([data]) => String(data))).toEqual(['held', 'too'])
})

test('a vanished target ends the connection', async () => {
  await start()
  const lost = await startProxy({ target: { port: 1 } })
  const socket = connect(lost.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'close')
  expect(lost.connections).toBe(0)
  await lost.close()
})
