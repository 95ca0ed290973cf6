// Compiles the AssemblyScript kernels of the provider's WebAssembly engine. The results are committed, so that installing needs no compiler;
// a test compiles them again and compares byte for byte.
//   node tools/build-kernels.mjs           writes services/provider/src/engines/{simd128,relaxed}.wasm
//   node tools/build-kernels.mjs --check   exit code 1 if what is committed differs
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const ENGINES = fileURLToPath(new URL('../services/provider/src/engines/', import.meta.url))

const OPTIONS = ['-O3', '--noAssert', '--converge', '--runtime', 'stub', '--importMemory', '--use', 'abort=', '--enable', 'simd']

/** The kernels by file name, with the features of WebAssembly each needs. */
export const KERNELS = {
  'simd128.wasm': { source: 'assembly/simd128.ts', features: [] },
  'relaxed.wasm': { source: 'assembly/relaxed.ts', features: ['--enable', 'relaxed-simd'] },
}

/** The bytes of one kernel, compiled now. Throws with the compiler's words. */
export async function compileKernel(name) {
  const { source, features } = KERNELS[name]
  let binary
  const { error, stderr } = await asc.main([source, '--baseDir', ENGINES, '--outFile', name, ...OPTIONS, ...features], {
    writeFile: (file, contents) => {
      if (file === name) binary = contents
    },
  })
  if (error || !binary) throw new Error(`${source}: ${error?.message ?? 'no output'}\n${stderr.toString()}`)
  return binary
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of Object.keys(KERNELS)) {
    const binary = await compileKernel(name)
    if (process.argv.includes('--check')) {
      if (Buffer.compare(readFileSync(ENGINES + name), binary) !== 0) {
        console.error(`${name} is not what its source compiles to; run node tools/build-kernels.mjs`)
        process.exitCode = 1
      }
    } else writeFileSync(ENGINES + name, binary)
  }
}
