import { describe, expect, it } from 'vitest'
import { agreeOnGpus, parseGpus } from './nvidia.ts'

describe('parseGpus', () => {
  it('keeps a card that hides facts, and no control characters', () => {
    expect(parseGpus('GPU-1, A\u001b[31m100, 00000000:01:00.0, [N/A], [Not Supported], 550.1, 8.0\n\n')).toEqual([{ uuid: 'GPU-1', name: 'A[31m100', busId: '0000:01:00.0', vbios: '', memoryMiB: null, driver: '550.1', computeCapability: '8.0' }])
  })
  it('keeps a PCI domain beyond 16 bits, and no more cards than a computer has', () => {
    expect(parseGpus('GPU-1, A, 00010000:01:00.0, , , , ')[0]!.busId).toBe('00010000:01:00.0')
    expect(parseGpus('GPU-1, A, 0:0, , , , \n'.repeat(10_000)).length).toBe(64)
  })
})

describe('agreeOnGpus', () => {
  const [gpu] = parseGpus('GPU-1, NVIDIA H100 80GB HBM3, 00000000:04:00.0, 96.00, 81559, 550, 9.0') as [ReturnType<typeof parseGpus>[0]]
  it('takes an adapter by its PCI device where it has no description', () => {
    const bus = [{ busId: gpu.busId, pciDevice: 0x2330, subsystem: '10de:16c1' }]
    expect(agreeOnGpus({ program: [gpu], driver: null, bus, adapter: { vendor: 'NVIDIA', device: '0x2330', description: '' } })).toMatchObject({ gpus: [{ sources: ['nvidia-smi', 'pci', 'adapter'] }], disagreements: [] })
  })
  it('says nothing of another vendor’s adapter', () => {
    expect(agreeOnGpus({ program: [], driver: null, bus: [], adapter: { vendor: 'amd', device: '0x744c', description: 'Radeon' } }).disagreements).toEqual([])
  })
  it('counts no source that one denies, whoever else agrees', () => {
    expect(agreeOnGpus({ program: [gpu], driver: [gpu], bus: [] })).toMatchObject({ gpus: [{ sources: [] }], disagreements: ['a driver names a GPU at 0000:04:00.0, the PCI bus has none there'] })
  })
})
