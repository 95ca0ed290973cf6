// Compiles the provider's AssemblyScript kernels. The results are committed, so that installing needs no compiler; a test compiles them again and
// compares byte for byte.
//   node tools/build-kernels.mjs                    writes services/provider/src/{engines/simd128,engines/relaxed,device/profile}.wasm
//   node tools/build-kernels.mjs --check [folder]   exit code 1 if the kernels in there (or the committed ones) differ from what the sources compile to
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main as asc } from 'assemblyscript/asc'

const SOURCES = fileURLToPath(new URL('../services/provider/src/', import.meta.url))
const OPTIONS = ['-O3', '--noAssert', '--converge', '--runtime', 'stub', '--importMemory', '--use', 'abort=', '--enable', 'simd']
const KERNELS = { 'engines/simd128': [], 'engines/relaxed': ['--enable', 'relaxed-simd'], 'device/profile': [] }

async function compile(kernel, features) {
  let binary
  const name = basename(kernel)
  const { error, stderr } = await asc([`assembly/${name}.ts`, '--baseDir', join(SOURCES, dirname(kernel)), '--outFile', `${name}.wasm`, ...OPTIONS, ...features], {
    writeFile: (_file, contents) => (binary = contents),
  })
  if (error) throw new Error(`the source of ${kernel} does not compile\n${stderr.toString()}`, { cause: error })
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
