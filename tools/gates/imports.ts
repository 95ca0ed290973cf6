// Who may import whom (docs/ARCHITECTURE.md), checked on the syntax tree of every source file.
import { readFileSync, readdirSync, existsSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseSync } from 'oxc-parser'

/** Our packages: folder → what of ours it may import. Nobody imports test. */
const ALLOWED: Record<string, string[]> = {
  protocol: [],
  kit: [],
  substrate: ['protocol'],
  replay: ['protocol', 'substrate'],
  explorer: ['protocol', 'replay', 'client'],
  'runtime-bindings': ['protocol', 'substrate'],
  'services/provider': ['protocol', 'kit', 'runtime-bindings'],
  'services/checker': ['protocol', 'kit', 'runtime-bindings'],
  'services/indexer': ['protocol', 'kit', 'replay', 'runtime-bindings'],
  client: ['client'],
  cli: ['protocol', 'kit', 'replay', 'runtime-bindings', 'client', 'provider', 'checker', 'indexer'],
  test: ['protocol', 'kit', 'replay', 'runtime-bindings', 'client', 'provider', 'checker', 'indexer', 'cli'],
  bench: ['protocol', 'kit', 'replay', 'runtime-bindings', 'provider', 'checker', 'indexer'],
}

/** Packages whose code must be given all that is of the world. */
const PURE = new Set(['protocol', 'substrate'])

/** What a rule may not reach for: time, chance, I/O and anything that exists only in Node. */
const IMPURE_GLOBALS = new Set(['Date', 'fetch', 'process', 'Buffer', 'setTimeout', 'setInterval', 'setImmediate', 'performance', 'globalThis', 'console'])
const NODE_MODULES = new Set(builtinModules)

function sources(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'assembly' ? [] : sources(path)
    return /\.(ts|mts|tsx)$/.test(entry.name) ? [path] : []
  })
}

type Node = { type: string; [key: string]: unknown }

function walk(value: unknown, visit: (node: Node, parent: Node | null) => void, parent: Node | null = null): void {
  if (Array.isArray(value)) {
    for (const item of value) walk(item, visit, parent)
    return
  }
  if (value === null || typeof value !== 'object') return
  const node = value as Node
  if (typeof node.type !== 'string') return
  visit(node, parent)
  for (const key of Object.keys(node)) if (key !== 'parent') walk(node[key], visit, node)
}

/** True where the identifier is a name in a declaration, a member or a key, not a use of the global. */
function isOnlyAName(node: Node, parent: Node | null): boolean {
  if (parent === null) return false
  if (parent.type === 'MemberExpression') return parent['property'] === node && parent['computed'] !== true
  if (parent.type === 'Property') return parent['key'] === node && parent['shorthand'] !== true
  return /^(TS|ImportSpecifier|ExportSpecifier|PropertyDefinition|MethodDefinition|Function|ArrowFunction|VariableDeclarator)/.test(parent.type)
}

/**
 * Checks the tree at `root` and returns one line per broken rule, `file: what and what to do`; an empty list is a pass.
 * A test file (`*.test.ts`, or anything under a `testing` folder of protocol or a service) may use Node and the development tools.
 */
export function importFaults(root: string): string[] {
  const faults: string[] = []
  const rootPackage = existsSync(join(root, 'package.json')) ? JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) : {}
  for (const [folder, mayImport] of Object.entries(ALLOWED)) {
    const packageFile = join(root, folder, 'package.json')
    const own = existsSync(packageFile) ? JSON.parse(readFileSync(packageFile, 'utf8')) : {}
    for (const file of sources(join(root, folder))) {
      const name = relative(root, file)
      const isTest = name.endsWith('.test.ts') || ((folder === 'protocol' || folder.startsWith('services/')) && name.includes(`${sep}testing${sep}`))
      const named = new Set(Object.keys({ ...own.dependencies, ...own.optionalDependencies, ...own.devDependencies, ...(isTest ? { ...rootPackage.devDependencies, ...rootPackage.dependencies } : {}) }))
      const parsed = parseSync(file, readFileSync(file, 'utf8'))
      if (parsed.errors.length > 0) faults.push(`${name}: does not parse: ${parsed.errors[0]?.message}`)
      const specifiers: string[] = []
      walk(parsed.program, (node, parent) => {
        const source = (node['source'] as { value?: unknown } | null | undefined)?.value
        if (/^(Import|ExportNamed|ExportAll)(Declaration|Expression)/.test(node.type) && typeof source === 'string') specifiers.push(source)
        if (!PURE.has(folder) || isTest) return
        if (node.type === 'Identifier' && IMPURE_GLOBALS.has(node['name'] as string) && !isOnlyAName(node, parent)) faults.push(`${name}: uses ${String(node['name'])}: ${folder} is pure, take it as an argument`)
        if (node.type === 'MemberExpression' && (node['object'] as Node)['name'] === 'Math' && (node['property'] as Node)['name'] === 'random') faults.push(`${name}: uses Math.random: ${folder} is pure, take it as an argument`)
      })
      for (const specifier of specifiers) {
        if (specifier.startsWith('.')) {
          const target = relative(join(root, folder), resolve(dirname(file), specifier))
          if (target.startsWith('..') && !(isTest && !target.includes(`services${sep}`))) faults.push(`${name}: reaches out of its package by ${specifier}: import the package by name`)
        } else if (specifier.startsWith('@assay/')) {
          const target = specifier.split('/')[1] as string
          if (!mayImport.includes(target) && !(target === folder.split('/').pop() && isTest)) faults.push(`${name}: ${folder} may not import ${specifier}`)
          else if (!named.has(`@assay/${target}`) && target !== folder && !isTest) faults.push(`${name}: ${specifier} is not named in ${folder}/package.json`)
        } else if (specifier.startsWith('node:') || NODE_MODULES.has(specifier)) {
          if (PURE.has(folder) && !isTest) faults.push(`${name}: imports ${specifier}: ${folder} is pure, take what you need as an argument`)
        } else {
          const target = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
          if (!named.has(target)) faults.push(`${name}: ${target} is not named in ${folder}/package.json`)
        }
      }
    }
  }
  return faults
}
