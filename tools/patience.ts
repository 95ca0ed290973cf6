// Set up before each test file. vitest gives what a test waits for one second, which a busy machine takes for a compilation or a collection of garbage.
import { vi } from 'vitest'

/** Files that share a process share `vi`, too: what is patient already is left as it is. */
const PATIENT = 'patient'
const { waitFor } = vi
if (!(PATIENT in waitFor)) vi.waitFor = Object.assign(((callback, options) => waitFor(callback, typeof options === 'number' ? options : { timeout: 30_000, ...options })) as typeof waitFor, { [PATIENT]: true })
