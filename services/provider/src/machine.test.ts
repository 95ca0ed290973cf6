import { describe, expect, it } from 'vitest'
import { parseGpus, readMachine } from './machine.ts'
import type { MachineProbes } from './machine.ts'

const H100 = 'GPU-6f2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e11, NVIDIA H100 80GB HBM3, 00000000:04:00.0, 96.00.89.00.01, 81559, 550.54.15, 9.0\n'
const probes = (over: Partial<MachineProbes> = {}): MachineProbes => ({
  cpu: async () => ({ brand: 'EPYC', vendor: 'AMD', family: '25', model: '1', stepping: '1', physicalCores: 4, cores: 8 }),
  osInfo: async () => ({ platform: 'linux', distro: 'Debian', release: '12', kernel: '6.1', arch: 'x64' }),
  system: async () => ({ virtual: true }),
  nvidiaSmi: async () => H100,
  ...over,
})

describe('readMachine', () => {
  it('reads processor, system and GPUs', async () => {
    const machine = await readMachine({ timeoutMs: 1000, probes: probes() })
    expect(machine).toMatchObject({ cpu: { brand: 'EPYC', cores: 4, threads: 8 }, os: { distribution: 'Debian' }, virtual: true, gaps: [] })
    expect(machine.gpus).toEqual([{ uuid: 'GPU-6f2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e11', name: 'NVIDIA H100 80GB HBM3', busId: '00000000:04:00.0', vbios: '96.00.89.00.01', memoryMiB: 81559, driver: '550.54.15', computeCapability: '9.0' }])
  })
  it('takes a missing nvidia-smi as no GPU, without a gap', async () => {
    const machine = await readMachine({ timeoutMs: 1000, probes: probes({ nvidiaSmi: () => Promise.reject(Object.assign(new Error('spawn nvidia-smi ENOENT'), { code: 'ENOENT' })) }) })
    expect([machine.gpus, machine.gaps]).toEqual([[], []])
  })
  it('asks an old driver again without the field that it does not know', async () => {
    const asked: string[] = []
    const nvidiaSmi = async (args: string[]) => {
      asked.push(args[0]!)
      if (args[0]!.includes('compute_cap')) throw Object.assign(new Error('exit code 2'), { stdout: 'Field "compute_cap" is not a valid field to query.\n' })
      return 'GPU-1, Tesla V100, 0000:01, 88.00, 16160, 418.87\n'
    }
    const machine = await readMachine({ timeoutMs: 1000, probes: probes({ nvidiaSmi }) })
    expect(machine.gpus).toMatchObject([{ name: 'Tesla V100', driver: '418.87', computeCapability: '' }])
    expect(asked.length).toBe(2)
  })
  it('waits no longer than its timeout for a hung driver, and says what is missing', async () => {
    const machine = await readMachine({ timeoutMs: 30, probes: probes({ nvidiaSmi: () => new Promise(() => {}), cpu: () => Promise.reject(new Error('no /proc')) }) })
    expect(machine.gaps).toEqual(['cpu: no /proc', 'nvidia-smi: no answer within 30 ms'])
    expect(machine.cpu.threads).toBeGreaterThan(0)
    expect(machine.os.distribution).toBe('Debian')
  })
  it('reads the machine that it runs on', async () => {
    const machine = await readMachine({ timeoutMs: 10_000 })
    expect(machine.memoryMiB).toBeGreaterThan(100)
    expect(machine.os.platform).toBe('linux')
  })
})

it('parseGpus keeps a card that hides facts, and no control characters', () => {
  expect(parseGpus('GPU-1, A\u001b[31m100, 0000:01, [N/A], [Not Supported], 550.1, 8.0\n\n')).toEqual([{ uuid: 'GPU-1', name: 'A[31m100', busId: '0000:01', vbios: '', memoryMiB: null, driver: '550.1', computeCapability: '8.0' }])
})
