// Compiles the provider's AssemblyScript kernels. The results are committed, so that installing needs no compiler; a test compiles them again and
// compares byte for byte.
//   node tools/build-kernels.mjs                    writes services/provider/src/{engines,memory}/{simd128,relaxed}.wasm and device/profile.wasm
//   node tools/build-kernels.mjs --check [folder]   exit code 1 if the kernels in there (or the committed ones) differ from what the sources compile to
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main as asc } from 'assemblyscript/asc'

const SOURCES = fileURLToPath(new URL('../services/provider/src/', import.meta.url))
const OPTIONS = ['-O3', '--noAssert', '--converge', '--runtime', 'stub', '--importMemory', '--use', 'abort=', '--enable', 'simd']
// One memory of up to 4 GiB that several threads have in common.
const SHARED = ['--enable', 'threads', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536']
const RELAXED = ['--enable', 'relaxed-simd']
const KERNELS = { 'device/profile': [], 'engines/simd128': [], 'engines/relaxed': RELAXED, 'memory/simd128': SHARED, 'memory/relaxed': [...SHARED, ...RELAXED] }

async function compile(kernel, features) {
  const source = kernel.replace('/', '/assembly/')
  let binary
  const { error, stderr } = await asc([`${source}.ts`, '--baseDir', SOURCES, '--outFile', `${kernel}.wasm`, ...OPTIONS, ...features], {
    writeFile: (_file, contents) => (binary = contents),
  })
  if (error) throw new Error(`${source}.ts does not compile\n${stderr.toString()}`, { cause: error })
  return binary
}

const [mode, folder = SOURCES] = process.argv.slice(2)
for (const [kernel, features] of Object.entries(KERNELS)) {
  const binary = await compile(kernel, features)
  const file = join(folder, `${kernel}.wasm`)
  if (mode !== '--check') writeFileSync(file, binary)
  else if (!readFileSync(file).equals(binary)) {
    console.error(`${file} is not what its source compiles to; run node tools/build-kernels.mjs`)
    process.exitCode = 1
  }
}
