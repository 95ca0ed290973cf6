// PGlite that waits for the disk. As it comes it never does: it starts PostgreSQL without fsync, and its file system knows none; a power cut could then leave pages of which some were written and some not.
import fs from 'node:fs'
import { join } from 'node:path'
import { PGlite, type PGliteOptions } from '@electric-sql/pglite'
import { NodeFS } from '@electric-sql/pglite/nodefs'

/** An open file or folder of Emscripten's; a folder has no descriptor. */
interface Stream { nfd?: number, node: unknown }
/** Options of the module that PGlite is compiled to, and the module itself. */
type Module = Parameters<NodeFS['init']>[1]
interface NodeFiles { realPath(node: unknown): string, stream_ops: { fsync?: (stream: Stream) => number } }

/** PostgreSQL's calls of fsync go to the disk. */
class DurableFiles extends NodeFS {
  override async init(postgres: PGlite, given: Module): Promise<{ emscriptenOpts: Module }> {
    const { emscriptenOpts } = await super.init(postgres, given)
    const durable = (module: Module): void => {
      const files = (module as unknown as { NODEFS: NodeFiles }).NODEFS
      files.stream_ops.fsync = ({ nfd, node }) => {
        if (nfd === undefined) syncPath(files.realPath(node))
        else fs.fsyncSync(nfd)
        return 0
      }
    }
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun as ((module: Module) => void)[]), durable] } }
  }
}

/** Opens the database in a folder, creating it as needed: what is committed outlives a power cut. */
export function openDurable(dir: string, options: Omit<PGliteOptions, 'fs' | 'dataDir' | 'startParams'> = {}): Promise<PGlite> {
  // PostgreSQL keeps pages in memory up to shared_buffers; the default of 128 MB would be most of what an indexer takes, and the operating system keeps the same pages. fdatasync is a call that Emscripten takes for nothing. Of the log no more is kept for the next use than PostgreSQL can do with: two files of 16 MB.
  const settings = ['shared_buffers=2MB', 'wal_sync_method=fsync', 'min_wal_size=32MB', 'max_wal_size=32MB'].flatMap((setting) => ['-c', setting])
  return PGlite.create({ ...options, fs: new DurableFiles(dir), startParams: [...PGlite.defaultStartParams.filter((param) => param !== '-F'), ...settings] })
}

/** Waits until all of a folder is on disk. */
export function syncFolder(dir: string): void {
  for (const entry of fs.readdirSync(dir, { withFileTypes: true, recursive: true })) syncPath(join(entry.parentPath, entry.name))
  syncPath(dir)
}

/** The same for a file, or for the names in a folder. */
export function syncPath(path: string): void {
  const opened = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(opened)
  } finally {
    fs.closeSync(opened)
  }
}
