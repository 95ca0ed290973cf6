// Compiles the AssemblyScript kernels of the provider's WebAssembly engine. The results are committed, so that installing needs no compiler;
// a test compiles them again and compares byte for byte.
//   node tools/build-kernels.mjs                    writes services/provider/src/engines/{simd128,relaxed}.wasm
//   node tools/build-kernels.mjs --check [folder]   exit code 1 if the kernels in there (or the committed ones) differ from what the sources compile to
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main as asc } from 'assemblyscript/asc'

const ENGINES = fileURLToPath(new URL('../services/provider/src/engines/', import.meta.url))
const OPTIONS = ['-O3', '--noAssert', '--converge', '--runtime', 'stub', '--importMemory', '--use', 'abort=', '--enable', 'simd']
const KERNELS = { simd128: [], relaxed: ['--enable', 'relaxed-simd'] }

async function compile(name, features) {
  let binary
  const { error, stderr } = await asc([`assembly/${name}.ts`, '--baseDir', ENGINES, '--outFile', `${name}.wasm`, ...OPTIONS, ...features], {
    writeFile: (_file, contents) => (binary = contents),
  })
  if (error) throw new Error(`assembly/${name}.ts does not compile\n${stderr.toString()}`, { cause: error })
  return binary
}

const [mode, folder = ENGINES] = process.argv.slice(2)
for (const [name, features] of Object.entries(KERNELS)) {
  const binary = await compile(name, features)
  const file = join(folder, `${name}.wasm`)
  if (mode !== '--check') writeFileSync(file, binary)
  else if (!readFileSync(file).equals(binary)) {
    console.error(`${file} is not what its source compiles to; run node tools/build-kernels.mjs`)
    process.exitCode = 1
  }
}
