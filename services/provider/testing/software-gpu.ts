/**
 * Whether tests have a GPU: on Linux x64 the test runner brings a software driver (tools/software-vulkan.ts), and a test that does not find it fails.
 * Elsewhere tests of the WebGPU engine are left out, which this says.
 */
export const onLinuxX64: boolean = process.platform === 'linux' && process.arch === 'x64'

if (!onLinuxX64) console.warn(`SKIPPED: the WebGPU engine is tested on Linux x64 alone; there is no software driver for ${process.platform} ${process.arch} in npm`)
