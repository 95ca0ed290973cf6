import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '@assay/runtime-bindings'
import { describeDiagnosis, diagnose, doctorProbes, parseCards } from './doctor.ts'
import type { DoctorProbes } from './doctor.ts'
import type { Adapter } from './engines/webgpu/device.ts'
import type { Machine } from './device/machine.ts'

const h100: Adapter = { index: 0, name: 'NVIDIA H100 80GB HBM3', backend: 'vulkan', vendor: 'nvidia', architecture: 'hopper', description: '570.86', software: false, count: 1 }
const llvmpipe: Adapter = { ...h100, name: 'llvmpipe (LLVM 15)', software: true }
const gpu: Machine['gpus'][number] = { uuid: 'GPU-1', pciDevice: 0x2330, subsystem: '10de:16c1', sources: ['nvidia-smi', 'kernel'], name: 'NVIDIA H100 80GB HBM3', busId: '0', vbios: '', memoryMiB: 81559, driver: '570.86', computeCapability: '9.0' }
const H100_LINE = '17:00.0 3D controller: NVIDIA Corporation GH100 [H100 SXM5 80GB] (rev a1)'

const computer = (change: Partial<Machine> = {}): Machine => ({
  cpu: { brand: 'EPYC', vendor: 'AMD', family: '26', model: '2', stepping: '1', cores: 8, threads: 16, sources: 2 }, memoryMiB: 64000,
  os: { platform: 'linux', distribution: 'Debian', release: '12', kernel: '6.1', arch: 'x64' }, virtual: false, gpus: [], gaps: [], disagreements: [], secrets: { boot: 'boot-id', product: 'product-id', machine: 'machine-id' }, ...change,
})
const probes = (change: Partial<DoctorProbes> = {}): DoctorProbes => ({
  vulkanFault: () => null, listAdapters: async () => [], selfTest: async () => null, wasmVariant: () => 'relaxed', machine: async () => computer(), lspci: async () => '', ...change,
})

describe('diagnose', () => {
  it('a GPU in good order: used, nothing to say', async () => {
    const diagnosis = await diagnose(probes({ listAdapters: async () => [h100], machine: async () => computer({ gpus: [gpu] }), lspci: async () => H100_LINE }))
    expect(diagnosis).toMatchObject({ ok: true, engine: { kind: 'webgpu', name: 'webgpu on NVIDIA H100 80GB HBM3' }, findings: [], cards: ['NVIDIA Corporation GH100 [H100 SXM5 80GB] (rev a1)'] })
    expect(describeDiagnosis(diagnosis)).toMatch(/will use {3}webgpu on NVIDIA H100[^]*result {5}ready to work\n$/)
  })
  it('says nothing that names one device among all others', async () => {
    const diagnosis = JSON.stringify(await diagnose(probes({ machine: async () => computer({ gpus: [gpu] }) })))
    expect(diagnosis).toContain('NVIDIA H100')
    for (const secret of ['GPU-1', 'boot-id', 'product-id', 'machine-id']) expect(diagnosis).not.toContain(secret)
  })
  it('sources that contradict each other are named', async () => {
    const { ok, findings } = await diagnose(probes({ machine: async () => computer({ disagreements: ['a driver names a GPU at 0000:04:00.0, the PCI bus has none there'] }) }))
    expect([ok, findings]).toEqual([true, [{ what: expect.stringContaining('the PCI bus has none there'), how: expect.stringContaining('PATH'), mustMend: false }]])
  })
  it('a machine without a GPU works on its cores, and needs no package for GPUs', async () => {
    expect(await diagnose(probes({ listAdapters: () => Promise.reject(new Error('no binary')) }))).toMatchObject({ ok: true, engine: { kind: 'wasm', reason: 'no GPU: no binary' }, findings: [] })
    expect(await diagnose(probes())).toMatchObject({ ok: true, engine: { kind: 'wasm', name: 'wasm relaxed on 16 threads', reason: 'no GPU: no driver offers one' }, findings: [] })
  })
  it.each<[string, Partial<DoctorProbes>, RegExp, RegExp]>([
    ['a card whose loader is missing', { vulkanFault: () => 'libvulkan.so.1: not found', machine: async () => computer({ gpus: [gpu] }) }, /H100.* cannot be used: there is no Vulkan loader/, /libvulkan1/],
    ['a card whose driver has no Vulkan part', { listAdapters: async () => [llvmpipe], machine: async () => computer({ gpus: [gpu] }) }, /H100.* no Vulkan driver offers it/, /nvidia-driver.*NVIDIA_DRIVER_CAPABILITIES/],
    ['an NVIDIA card without any driver', { lspci: async () => H100_LINE }, /GH100.* no Vulkan driver offers it/, /nvidia-driver/],
    ['an AMD card without any driver', { lspci: async () => '03:00.0 VGA compatible controller: Advanced Micro Devices, Inc. [AMD/ATI] Navi 31' }, /Navi 31 cannot be used/, /mesa-vulkan-drivers/],
    ['a driver that hangs', { machine: async () => computer({ gaps: ['nvidia-smi: no answer within 10000 ms'] }) }, /does not answer \(nvidia-smi: no answer/, /modprobe/],
    ['a GPU that computes wrongly', { listAdapters: async () => [h100], selfTest: async () => 'wrong root 1' }, /H100.* failed its self-test: wrong root 1/, /update the driver/],
    ['a card and a package that does not load', { listAdapters: () => Promise.reject(new Error('GLIBC_2.34 not found')), machine: async () => computer({ gpus: [gpu] }) }, /H100.* cannot be used: GLIBC_2.34/, /npm ci/],
    ['nothing to compute with', { wasmVariant: () => undefined }, /nothing to compute with/, /Node 24/],
  ])('%s must be mended', async (_, change, what, how) => {
    const diagnosis = await diagnose(probes(change))
    expect(diagnosis.ok).toBe(false)
    expect(diagnosis.findings).toEqual([{ what: expect.stringMatching(what), how: expect.stringMatching(how), mustMend: true }])
    expect(describeDiagnosis(diagnosis)).toMatch(/^MEND {7}.*$[^]*^result {5}something must be mended$/m)
  })
  it.each<[string, Partial<DoctorProbes>, RegExp]>([
    ['no lspci', { lspci: () => Promise.reject(Object.assign(new Error('spawn lspci ENOENT'), { code: 'ENOENT' })) }, /lspci is not there/],
    ['no relaxed SIMD', { wasmVariant: () => 'simd128' }, /no relaxed SIMD/],
    ['graphics of the CPU without a driver', { lspci: async () => '00:02.0 VGA compatible controller: Intel Corporation UHD Graphics 770' }, /UHD Graphics 770 cannot be used/],
    ['eight cards of one name', { listAdapters: async () => [{ ...h100, count: 8 }] }, /there are 8 of NVIDIA H100/],
  ])('%s is good to know and no fault', async (_, change, what) => {
    const { ok, findings } = await diagnose(probes(change))
    expect(ok).toBe(true)
    expect(findings.filter(({ what }) => !what.startsWith('lspci') || change.lspci)).toEqual([expect.objectContaining({ what: expect.stringMatching(what), mustMend: false })])
  })
  it('a second GPU that fails is a note while the first works', async () => {
    const diagnosis = await diagnose(probes({ listAdapters: async () => [{ ...h100, name: 'broken' }, h100], selfTest: async ({ name }) => (name === 'broken' ? 'wrong root 1' : null) }))
    expect(diagnosis).toMatchObject({ ok: true, engine: { kind: 'webgpu', name: expect.stringContaining('H100') }, findings: [{ mustMend: false }] })
  })
  it('looks at the machine it runs on', async () => {
    const diagnosis = await diagnose(doctorProbes(nodeCrypto))
    expect(diagnosis.simd).toBe('relaxed')
    expect(diagnosis.machine.memoryMiB).toBeGreaterThan(0)
    expect(describeDiagnosis(diagnosis).split('\n').length).toBeGreaterThan(10)
  })
})

it('parseCards takes what can compute, and not a server’s own screen', () => {
  const lines = [H100_LINE, '02:00.0 VGA compatible controller: ASPEED Technology, Inc. ASPEED Graphics Family', '00:01.0 Ethernet controller: Intel Corporation I350', '00:02.0 VGA compatible controller: Cirrus Logic GD 5446', '']
  expect(parseCards(lines.join('\n'))).toEqual(['NVIDIA Corporation GH100 [H100 SXM5 80GB] (rev a1)'])
})
