// Types are strict, and no `any` is in what a package exports: one run of the compiler checks and derives the declarations, which are then read, so an inferred `any` counts too.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'oxc-parser'

function declarations(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    return entry.isDirectory() ? declarations(path) : entry.name.endsWith('.d.ts') && !entry.name.includes('.test.') ? [path] : []
  })
}

/** Checks the project `tsconfig` and returns what the compiler says against it, else one line per `any` in its declarations. */
export function typeFaults(root: string, tsconfig: string): string[] {
  const out = mkdtempSync(join(tmpdir(), 'assay-types-'))
  try {
    const emitted = spawnSync(process.execPath, [fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc'), '-p', tsconfig, '--noEmit', 'false', '--declaration', '--emitDeclarationOnly', '--rootDir', root, '--outDir', out], { cwd: root, encoding: 'utf8' })
    if (emitted.status !== 0) return `${emitted.stdout}${emitted.stderr}`.trim().split('\n')
    return declarations(out).flatMap((file) => {
      const text = readFileSync(file, 'utf8')
      const found: string[] = []
      JSON.stringify(parseSync(file, text).program, (_key, value) => {
        if (value?.type === 'TSAnyKeyword') found.push(`${relative(out, file)}:${text.slice(0, value.start).split('\n').length}: any in a public type: name what it is, or use unknown`)
        return typeof value === 'bigint' ? String(value) : value
      })
      return found
    })
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}
