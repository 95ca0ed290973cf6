// The operator's door of a service: health, ready, metrics, and the routes that the service adds.
import Fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import { OperatorError, isOperatorError } from './lifecycle.ts'
import type { Log } from './log.ts'

export interface OperationsOptions {
  host: string
  /** 0 takes any free port */
  port: number
  log: Log
  ready: () => { ready: boolean, detail: unknown }
  metrics: () => Promise<string>
  routes?: (app: FastifyInstance) => void | Promise<void>
}

export interface Operations { url: string, close(): Promise<void> }

/**
 * Serves GET /health (200 while the process lives), /ready (200 or 503 with the detail), /metrics (Prometheus text) and the given routes. Every error is
 * JSON `{ error: { code, message } }`; a fault of ours shows no inside. Throws OperatorError PORT when the port cannot be taken.
 */
export async function serveOperations({ host, port, log, ready, metrics, routes }: OperationsOptions): Promise<Operations> {
  const app = Fastify({ logger: false, bodyLimit: 64 * 1024, requestTimeout: 30_000, connectionTimeout: 60_000, keepAliveTimeout: 5_000, forceCloseConnections: true, routerOptions: { maxParamLength: 128 } })
  app.setErrorHandler((error: Error & { statusCode?: number, code?: string }, _request, reply) => {
    const status = error.statusCode ?? (isOperatorError(error) ? 503 : 500)
    if (status >= 500) log.error('request failed', { error })
    return reply.code(status).send({ error: { code: status >= 500 && !isOperatorError(error) ? 'INTERNAL' : (error.code ?? 'BAD_REQUEST'), message: status >= 500 ? 'the server could not answer' : error.message } })
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: { code: 'NOT_FOUND', message: 'there is nothing here' } }))
  app.get('/health', () => ({ ok: true }))
  app.get('/ready', (_request, reply) => {
    const state = ready()
    return reply.code(state.ready ? 200 : 503).send(state)
  })
  app.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4').send(await metrics()))
  await routes?.(app)
  try {
    const url = await app.listen({ host, port })
    return { url, close: () => app.close() }
  } catch (cause) {
    await app.close()
    throw new OperatorError('PORT', `cannot listen on ${host}:${port} (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, { advice: 'Choose another port, or stop the program that uses this one.', cause })
  }
}
