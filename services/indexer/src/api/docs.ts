// GET /openapi.json for programs, and GET /docs for people: one plain page made of the same document, without scripts.
import type { FastifyInstance } from 'fastify'

interface Parameter { name: string, in: string, required?: boolean, description?: string, schema?: { type?: string, enum?: string[], default?: unknown } }
interface Operation { summary?: string, description?: string, tags?: string[], parameters?: Parameter[], responses?: Record<string, { description?: string, content?: unknown }> }
interface Document { info: { title: string, description?: string }, tags?: { name: string, description?: string }[], paths?: Record<string, { get?: Operation }> }

const STYLE = 'body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}code{font-size:.9em}h3{margin-bottom:0}dt{font-weight:600}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}'

/** Adds both; the document is that of all routes which `app` has when it is ready. */
export function docsRoutes(app: FastifyInstance): void {
  app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) => reply.header('cache-control', 'public, max-age=300').send(app.swagger()))
  app.get('/docs', { schema: { hide: true } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', `default-src 'none'; style-src 'self'`).header('cache-control', 'public, max-age=300').send(page(app.swagger() as Document)))
  app.get('/docs/style.css', { schema: { hide: true } }, (_request, reply) => reply.type('text/css; charset=utf-8').header('cache-control', 'public, max-age=86400').send(STYLE))
}

function page({ info, tags = [], paths = {} }: Document): string {
  const operations = Object.entries(paths).flatMap(([path, { get }]) => (get ? [{ path, ...get }] : []))
  const sections = tags.map(({ name, description = '' }) => `<h2>${text(description)}</h2>${operations.filter((one) => one.tags?.includes(name)).map(operation).join('')}`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(info.title)}</title><link rel="stylesheet" href="docs/style.css"><h1>${text(info.title)}</h1><p>${text(info.description ?? '')}</p><p>The whole document, for programs: <a href="openapi.json">openapi.json</a></p>${sections.join('')}</html>`
}

function operation({ path, summary = '', description, parameters = [], responses = {} }: Operation & { path: string }): string {
  const rows = parameters.map(({ name, in: place, required, description = '', schema }) => `<tr><td><code>${text(name)}</code></td><td>${text(place)}${required ? '' : ', optional'}</td><td>${text([description, schema?.enum && `one of ${schema.enum.join(', ')}`, schema?.default !== undefined && `default ${String(schema.default)}`].filter(Boolean).join('; '))}</td></tr>`)
  const errors = Object.entries(responses).filter(([status]) => status !== '200').flatMap(([status, response]) => (response.description ?? '').split('\n\n').map((line) => `<li>${status} ${text(line.replaceAll('`', ''))}</li>`))
  return `<h3><code>GET ${text(path)}</code></h3><p>${text(summary)}${description ? `. ${text(description)}` : ''}</p>${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}<details><summary>errors</summary><ul>${errors.join('')}</ul></details>`
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const text = (plain: string): string => plain.replaceAll(/[&<>"]/g, (letter) => ESCAPES[letter]!)
