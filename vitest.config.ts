import { defineConfig } from 'vitest/config'
import { softwareVulkan } from './tools/software-vulkan.ts'

// Tests run in forks, which start with this environment: the WebGPU engine finds a driver there, and the same one on every machine.
Object.assign(process.env, softwareVulkan())

// Two files at a time: each file that needs a chain boots its own, and CI has two cores.
export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', 'tools/gates/planted/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    // Real processes on real time may starve on a shared machine: one second chance, in CI only, and the report says that it was taken.
    retry: process.env['CI'] ? 1 : 0,
    hookTimeout: 120_000,
    env: { LOG_LEVEL: 'error', POLKADOTJS_DISABLE_ESM_CJS_WARNING: '1' },
    // graphql comes in two forms: ours and that of its socket must be one.
    server: { deps: { inline: ['graphql-ws'] } },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
