// The explorer: a static build, served from memory at / and under /explorer/, beside the API and never in its way.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ApiError } from './errors.ts'

/** Where other explorers show a block, an extrinsic or an account: addresses with `{number}`, `{hash}`, `{extrinsic}`, `{address}` in them; null where none is known. */
export interface ExplorerLinks {
  block: string | null
  extrinsic: string | null
  account: string | null
}

export interface ExplorerOptions {
  /** folder of the build */
  dir: string
  links: ExplorerLinks
}

/** Where `npm run build -w explorer` puts it. */
export const EXPLORER_DIR = join(import.meta.dirname, '../../../../explorer/dist')

const NOT_BUILT = 'The explorer is not built here. Run `npm run build -w explorer` in the repository and load this page again; the API answers without it.\n'

// Nothing from elsewhere, nothing inline, no string that becomes markup or a script: what a stranger wrote can be shown and nothing else.
const policy = (connect: string): string => [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", `connect-src ${connect}`, "worker-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  "require-trusted-types-for 'script'", 'trusted-types assay-worker',
].join('; ')

const HEADERS = {
  'content-security-policy': policy("'self'"),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
}

/** The script of the worker that replays. A worker goes by the policy of its own script: this one asks the node that the visitor names, wherever that is. It has no page, no markup and no cookie that it could give away; the page itself asks its indexer and nobody else. */
const WORKER = /^assets\/replay-worker-[\w-]{8}\.js$/
const WORKER_HEADERS = { ...HEADERS, 'content-security-policy': policy('ws: wss: http: https:') }

const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.json': 'application/json; charset=utf-8' }
/** Names with a hash of their content in them. */
const HASHED = /^assets\/.+-[\w-]{8}\.\w+$/

interface Asset { headers: typeof HEADERS, bytes: Buffer, packed: Map<string, Buffer>, type: string, etag: string, hashed: boolean }
type Build = ReadonlyMap<string, Asset>

/** GET /, /explorer, /explorer/* (files of the build; every other path there is the page, which knows its own paths) and /explorer/links.json. */
export function explorerRoutes(app: FastifyInstance, { dir, links }: ExplorerOptions): void {
  let build: Build = new Map()
  let builtAt = 0

  /** The build as it lies there now; empty if there is none. Read again when it was built anew. */
  function current(): Build {
    const at = statSync(join(dir, 'index.html'), { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (at !== builtAt) [build, builtAt] = [at === 0 ? new Map() : readBuild(dir), at]
    return build
  }

  function page(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const index = current().get('index.html')
    if (index === undefined) return reply.code(503).headers({ ...HEADERS, 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8' }).send(NOT_BUILT)
    return send(request, reply, index)
  }

  // Pages and what belongs to them are no part of the API.
  const hidden = { schema: { hide: true } }
  app.get('/explorer/links.json', hidden, (_request, reply) => reply.header('cache-control', 'no-cache').send(links))
  app.get('/', hidden, page)
  app.get('/explorer', hidden, page)
  app.get<{ Params: { '*': string } }>('/explorer/*', hidden, (request, reply) => {
    const path = request.params['*']
    const asset = current().get(path)
    if (asset !== undefined) return send(request, reply, asset)
    if (path.startsWith('assets/')) throw new ApiError('NOT_FOUND', 'there is nothing here')
    return page(request, reply)
  })
}

function send({ headers }: FastifyRequest, reply: FastifyReply, { headers: own, bytes, packed, type, etag, hashed }: Asset): FastifyReply {
  void reply.headers({ ...own, 'content-type': type, etag, vary: 'accept-encoding', 'cache-control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache' })
  if (headers['if-none-match'] === etag) return reply.code(304).send()
  const taken = String(headers['accept-encoding'] ?? '').split(',').map((one) => one.split(';')[0]!.trim())
  const coding = [...packed.keys()].find((one) => taken.includes(one))
  return coding === undefined ? reply.send(bytes) : reply.header('content-encoding', coding).send(packed.get(coding))
}

/** Every file of the build, each with its packed forms (`NAME.br`, `NAME.gz`) where they are there. */
function readBuild(dir: string): Build {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
  const read = (name: string): Buffer => readFileSync(join(dir, name))
  return new Map(names.filter((name) => extname(name) in TYPES).map((name) => {
    const bytes = read(name)
    const packed = new Map([['br', `${name}.br`], ['gzip', `${name}.gz`]].flatMap(([coding, file]): [string, Buffer][] => (names.includes(file!) ? [[coding!, read(file!)]] : [])))
    return [name, { headers: WORKER.test(name) ? WORKER_HEADERS : HEADERS, bytes, packed, type: TYPES[extname(name)]!, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`, hashed: HASHED.test(name) }]
  }))
}
