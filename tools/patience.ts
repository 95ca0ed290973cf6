// Set up before each test file. vitest gives what a test waits for one second, which a busy machine takes for a compilation or a collection of garbage.
import { vi } from 'vitest'

const waitFor = vi.waitFor
vi.waitFor = (callback, options) => waitFor(callback, typeof options === 'number' ? options : { timeout: 30_000, ...options })
