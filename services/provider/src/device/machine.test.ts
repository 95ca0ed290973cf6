import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { card, GPU_UUID, H100_TOLD, H100_TREE, inKernel, LINUX, plant, prints, told } from '../../testing/tree.ts'
import { type Machine, readMachine } from './machine.ts'
import type { Adapter } from './nvidia.ts'
import { MAX_FILE_BYTES } from './probes.ts'

/** Reads a computer made of files. */
async function read(tree: Record<string, string>, { adapter, timeoutMs = 5000, ...options }: Parameters<typeof plant>[1] & { adapter?: Adapter, timeoutMs?: number } = {}): Promise<Machine> {
  using machine = plant(tree, options)
  return await readMachine({ timeoutMs, probes: machine.probes, adapter })
}
const H100 = { nvidiaSmi: prints(H100_TOLD) }
const ADAPTER: Adapter = { vendor: 'nvidia', device: '0x2330', description: 'NVIDIA H100 80GB HBM3' }

describe('a sound machine', () => {
  it('is read whole, and all sources agree', async () => {
    const machine = await read(H100_TREE, { ...H100, adapter: ADAPTER })
    expect(machine).toMatchObject({
      cpu: { brand: 'EPYC', vendor: 'AMD', family: '26', cores: 2, threads: 2, sources: 2 }, memoryMiB: 24_105, os: { distribution: 'Debian GNU/Linux' }, virtual: true, gaps: [], disagreements: [],
      secrets: { boot: '4d1a065c-ca9f-477d-83e2-c7e233e2a0dc', product: '', machine: '3d1219c7c4c5404aaa1f6d2a48adfda4' },
    })
    expect(machine.gpus).toEqual([{
      uuid: GPU_UUID, name: 'NVIDIA H100 80GB HBM3', busId: '0000:04:00.0', vbios: '96.00.89.00.01', memoryMiB: 81_559, driver: '550.54.15', computeCapability: '9.0',
      pciDevice: 0x2330, subsystem: '10de:16c1', sources: ['nvidia-smi', 'kernel', 'pci', 'adapter'],
    }])
  })

  it('may have no GPU, without a gap', async () => {
    expect(await read(LINUX)).toMatchObject({ gpus: [], gaps: [], disagreements: [] })
  })

  it('may be a container without pciutils, without nvidia-smi, or without the driver’s tree', async () => {
    expect((await read({ ...LINUX, ...inKernel('NVIDIA H100 80GB HBM3'), ...card('0x2330') })).gpus[0]!.sources).toEqual(['kernel', 'pci'])
    expect(await read({ ...LINUX, ...card('0x2330') }, H100)).toMatchObject({ gpus: [{ sources: ['nvidia-smi', 'pci'] }], disagreements: [] })
  })

  it('may hide everything but nvidia-smi: one source, no word against it', async () => {
    expect(await read({}, H100)).toMatchObject({ gpus: [{ name: 'NVIDIA H100 80GB HBM3', sources: ['nvidia-smi'] }], cpu: { sources: 1 }, disagreements: [] })
  })

  it('may have a driver that puts the vendor before the name in one place only, and a card that was never used', async () => {
    expect(await read({ ...LINUX, ...card('0x20b0'), ...inKernel('A100-SXM4-40GB', { uuid: 'GPU-????????-????-????-????-????????????' }) }, { nvidiaSmi: prints(told('NVIDIA A100-SXM4-40GB')) })).toMatchObject({
      gpus: [{ uuid: GPU_UUID, sources: ['nvidia-smi', 'kernel', 'pci'] }], disagreements: [],
    })
    expect((await read({ ...LINUX, ...card('0x2330'), ...inKernel('Unknown') })).gpus[0]).toMatchObject({ name: '', sources: ['pci'] })
  })

  it('has the memory that its container is allowed', async () => {
    expect((await read({ ...LINUX, '/sys/fs/cgroup/memory.max': `${4 * 2 ** 30}\n` })).memoryMiB).toBe(4096)
    expect((await read({ ...LINUX, '/sys/fs/cgroup/memory.max': 'max\n' })).memoryMiB).toBe(24_105)
  })

  it('is the one that this test runs on, too', async () => {
    const machine = await readMachine({ timeoutMs: 10_000 })
    expect(machine.memoryMiB).toBeGreaterThan(100)
    expect(machine.os.platform).toBe('linux')
  })
})

describe('a spoofed machine ends as a disagreement, never as agreement', () => {
  const disagrees = async (tree: Record<string, string>, options: Parameters<typeof read>[1], words: RegExp): Promise<void> => {
    const machine = await read(tree, options)
    expect(machine.disagreements.join('\n')).toMatch(words)
    for (const { sources } of machine.gpus) expect(sources).toEqual([])
  }

  it('a program called nvidia-smi that says H100 where there is none', () => disagrees(LINUX, H100, /the PCI bus has none there/))
  it('the same beside a true T4, at another place or at its own', async () => {
    const t4 = { ...LINUX, ...card('0x1eb8', '0000:00:1e.0'), ...inKernel('Tesla T4', { bus: '0000:00:1e.0' }) }
    const machine = await read(t4, H100)
    expect(machine.disagreements).toEqual(['nvidia-smi names a GPU at 0000:04:00.0, the driver in the kernel does not', 'a driver names a GPU at 0000:04:00.0, the PCI bus has none there'])
    expect(machine.gpus.map(({ name, sources }) => [name, sources])).toEqual([['Tesla T4', ['kernel', 'pci']], ['NVIDIA H100 80GB HBM3', []]])
    await disagrees({ ...LINUX, ...card('0x1eb8'), ...inKernel('Tesla T4') }, H100, /name of the GPU at 0000:04:00.0: nvidia-smi says NVIDIA H100 80GB HBM3, the driver in the kernel says Tesla T4[^]*its PCI device is 0x1eb8 \(NVIDIA T4\)/)
  })
  it('a program and a kernel that were both changed, but not the card', () =>
    disagrees({ ...LINUX, ...card('0x1eb8'), ...inKernel('NVIDIA H100 80GB HBM3') }, H100, /its PCI device is 0x1eb8 \(NVIDIA T4\)/))
  it('a card that says H100 and a name that does not', () => disagrees({ ...LINUX, ...card('0x2330') }, { nvidiaSmi: prints(told('NVIDIA GeForce GTX 1650')) }, /its PCI device is 0x2330 \(NVIDIA H100 SXM5\)/))
  it('another UUID than the kernel’s', () => disagrees(H100_TREE, { nvidiaSmi: prints(told('NVIDIA H100 80GB HBM3', { uuid: 'GPU-00000001-3a52-4d7c-9c3b-0d8f6f2f1e11' })) }, /uuid of the GPU at/))
  it('one card twice, and one UUID for two', async () => {
    await disagrees(H100_TREE, { nvidiaSmi: prints(H100_TOLD + H100_TOLD) }, /nvidia-smi names 2 GPUs at 0000:04:00.0[^]*one UUID/)
    const other = { ...card('0x2330', '0000:05:00.0'), ...inKernel('NVIDIA H100 80GB HBM3', { bus: '0000:05:00.0' }) }
    expect((await read({ ...H100_TREE, ...other }, { nvidiaSmi: prints(H100_TOLD + told('NVIDIA H100 80GB HBM3', { bus: '00000000:05:00.0' })) })).disagreements).toEqual(['nvidia-smi gives one UUID to several GPUs'])
  })
  it('an adapter that no driver knows', async () => {
    expect((await read(LINUX, { adapter: ADAPTER })).disagreements).toEqual(['the engine\'s adapter is NVIDIA H100 80GB HBM3, no driver names a GPU'])
    expect((await read({ ...LINUX, ...card('0x1eb8'), ...inKernel('Tesla T4') }, { adapter: ADAPTER })).disagreements).toEqual(['the engine\'s adapter is NVIDIA H100 80GB HBM3, which no sound GPU here is'])
  })
  it('a processor that systeminformation reads otherwise than the kernel', async () => {
    const cpu = async () => ({ brand: 'Xeon', vendor: 'Intel', family: '6', model: '143', stepping: '1', physicalCores: 64, cores: 128 })
    expect(await read(LINUX, { over: { cpu } })).toMatchObject({ cpu: { sources: 0 }, disagreements: ["processor's family: systeminformation says 6, /proc/cpuinfo says 26", "processor's model: systeminformation says 143, /proc/cpuinfo says 2"] })
  })
  it('memory that Node and the kernel do not count alike: the less counts', async () => {
    expect(await read(LINUX, { over: { memoryBytes: () => 2 ** 40 } })).toMatchObject({ memoryMiB: 24_105, disagreements: ['memory: Node says 1048576 MiB, /proc/meminfo says 24105 MiB'] })
  })
})

describe('what does not answer, or answers nonsense,', () => {
  it('is a gap: a hanging nvidia-smi, which is ended', async () => {
    using machine = plant(LINUX, { nvidiaSmi: 'echo $$ > "$(/usr/bin/dirname "$0")/pid"; exec /bin/sleep 600' })
    const found = await readMachine({ timeoutMs: 2000, probes: machine.probes })
    expect(found.gaps).toEqual([expect.stringMatching(/^nvidia-smi: /)])
    expect(found.cpu.sources).toBe(2)
    const pid = spawnSync('cat', [join(machine.root, 'bin/pid')], { encoding: 'utf8' }).stdout.trim()
    expect(pid).toMatch(/^\d+$/)
    await expect.poll(() => spawnSync('kill', ['-0', pid]).status, { timeout: 10_000 }).not.toBe(0)
  })

  it('is a gap: a question that never comes back, a driver that fails, a missing systeminformation', async () => {
    const never = (): Promise<never> => new Promise(() => {})
    const machine = await read({}, { timeoutMs: 50, over: { read: async (path) => LINUX[path] ?? null, cpu: () => Promise.reject(new Error('no lscpu\nstack')), run: never, list: never, system: never } })
    expect(machine.gaps.toSorted()).toEqual(['cpu: no lscpu', ...['nvidia-smi', 'system', 'the PCI bus', 'the driver in the kernel'].map((what) => `${what}: no answer within 50 ms`)])
    expect(machine.cpu).toMatchObject({ brand: 'AMD EPYC', family: '26', sources: 1 })
    expect((await read(LINUX, { nvidiaSmi: 'echo broken; exit 9' })).gaps).toEqual([expect.stringMatching(/^nvidia-smi: /)])
  })

  it('is read as far as it makes sense: empty files, garbage, folders where files belong', async () => {
    const garbage = '\u0000\u001b[31m\u00ff,,,,\n:::\n'.repeat(50)
    for (const text of ['', garbage]) {
      const tree = Object.fromEntries(Object.keys(H100_TREE).map((path) => [path, text]))
      const machine = await read(tree, { nvidiaSmi: prints(text) })
      expect(machine).toMatchObject({ cpu: { sources: 1 }, memoryMiB: 24_105 })
      for (const { name, uuid, sources } of machine.gpus) expect([/^[ -~]*$/.test(name + uuid), sources]).toEqual([true, []])
    }
    const folders = await read(Object.fromEntries(Object.keys(H100_TREE).map((path) => [`${path}/x`, ''])))
    expect(folders).toMatchObject({ cpu: { sources: 1 }, secrets: { boot: '' } })
  })

  it('is read no further than its limit: huge files and a talkative program', async () => {
    const huge = 'x'.repeat(3 * MAX_FILE_BYTES)
    const machine = await read({ ...LINUX, '/proc/cpuinfo': LINUX['/proc/cpuinfo']! + huge, '/etc/machine-id': huge }, { nvidiaSmi: '/usr/bin/yes' })
    expect(machine.cpu.sources).toBe(2)
    expect(machine.secrets.machine.length).toBe(MAX_FILE_BYTES)
    expect(machine.gaps).toEqual([expect.stringMatching(/^nvidia-smi: /)])
  })

  it('never waits for a pipe that nobody writes to', async () => {
    using machine = plant(LINUX)
    expect(spawnSync('/usr/bin/mkfifo', [join(machine.root, 'etc/pipe')]).status).toBe(0)
    expect(await machine.probes.read('/etc/pipe')).toBe('')
  })
})

it('an old driver is asked again without the field that it does not know', async () => {
  const asked: string[] = []
  const run = async (_: string, args: string[]): Promise<string> => {
    asked.push(args[0]!)
    if (args[0]!.includes('compute_cap')) throw Object.assign(new Error('exit code 2'), { stdout: 'Field "compute_cap" is not a valid field to query.\n' })
    return 'GPU-1, Tesla V100-SXM2-16GB, 00000000:04:00.0, 88.00, 16160, 418.87\n'
  }
  const machine = await read({ ...LINUX, ...card('0x1db1') }, { over: { run } })
  expect(machine.gpus).toMatchObject([{ name: 'Tesla V100-SXM2-16GB', driver: '418.87', computeCapability: '', sources: ['nvidia-smi', 'pci'] }])
  expect(asked.length).toBe(2)
})
