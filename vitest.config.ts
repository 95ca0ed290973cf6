import { defineConfig } from 'vitest/config'
import { findPostgres } from './services/indexer/src/testing/postgres.ts'
import { missingForContainers } from './test/container/podman.ts'
import { softwareVulkan } from './tools/software-vulkan.ts'

// Tests run in forks, which start with this environment: the WebGPU engine finds a driver there, and the same one on every machine.
Object.assign(process.env, softwareVulkan())

const NEVER = ['**/node_modules/**', 'tools/gates/planted/**']
/** What leaves nothing behind in its process, which then serves the next file as well: its libraries are loaded once. */
const SHARING = '{protocol,kit,substrate,replay,explorer,client,runtime-bindings/src,services/checker,services/indexer}/**/*.test.ts'
/** Whole networks on real time, for `npm test` to run by themselves. */
const NETWORKS = 'test/!(fork|browser-crypto).test.ts'
/** Images of the services, built and run: by themselves too, for they start a network. */
const CONTAINER = 'test/container/container.test.ts'
/** Runs where no podman is installed, to say so. */
const NO_CONTAINER = 'test/container/absent.test.ts'
/** Runs where no PostgreSQL is installed, to say so. */
const ABSENT = 'services/indexer/src/testing/postgres-absent.test.ts'

// Two files at a time: each file that needs a chain boots its own, and CI has two cores.
export default defineConfig({
  test: {
    // The indexer's tests run twice: on the embedded database, and on a PostgreSQL from the installed programs.
    projects: [
      { extends: true, test: { name: 'sharing', isolate: false, include: [SHARING], exclude: [...NEVER, '**/*.served.test.ts', ABSENT] } },
      { extends: true, test: { name: 'alone', include: ['**/*.test.ts'], exclude: [...NEVER, SHARING, NETWORKS, 'test/container/**'] } },
      { extends: true, test: { name: 'networks', include: [NETWORKS], exclude: NEVER } },
      { extends: true, test: { name: 'container', include: [missingForContainers().length === 0 ? CONTAINER : NO_CONTAINER], exclude: NEVER } },
      { extends: true, test: findPostgres() ? { name: 'postgres', isolate: false, include: ['services/indexer/src/**/*.test.ts'], exclude: [...NEVER, '**/*.embedded.test.ts', ABSENT], globalSetup: './services/indexer/src/testing/postgres-setup.ts' } : { name: 'postgres', include: [ABSENT], exclude: NEVER } },
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    setupFiles: ['./tools/patience.ts'],
    expect: { poll: { timeout: 30_000 } },
    // Real processes on real time may starve on a shared machine: one second chance, in CI only, and the report says that it was taken.
    retry: process.env['CI'] ? 1 : 0,
    hookTimeout: 120_000,
    env: { LOG_LEVEL: 'error', POLKADOTJS_DISABLE_ESM_CJS_WARNING: '1' },
    // graphql comes in two forms: ours and that of its socket must be one.
    server: { deps: { inline: ['graphql-ws'] } },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
