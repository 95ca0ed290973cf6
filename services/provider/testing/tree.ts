// Computers made of files: a tree that stands for / and a folder that stands for PATH.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Probes, systemProbes } from '../src/device/probes.ts'

/** Path: content. */
export type Tree = Record<string, string>

const GPU_AT = '0000:04:00.0'
export const GPU_UUID = 'GPU-6f2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e11'

/** What every Linux has. */
export const LINUX: Tree = {
  '/proc/cpuinfo': 'processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nstepping\t: 1\n\nprocessor\t: 1\ncpu family\t: 99\n',
  '/proc/meminfo': 'MemTotal:       24684092 kB\nMemFree:        1 kB\n',
  '/proc/sys/kernel/random/boot_id': '4d1a065c-ca9f-477d-83e2-c7e233e2a0dc\n',
  '/etc/machine-id': '3d1219c7c4c5404aaa1f6d2a48adfda4\n',
  '/sys/bus/pci/devices/0000:00:00.0/vendor': '0x8086\n',
  '/sys/bus/pci/devices/0000:00:00.0/class': '0x060000\n',
}

/** A card on the bus: its PCI device id. */
export const card = (device: string, bus = GPU_AT): Tree => ({
  [`/sys/bus/pci/devices/${bus}/vendor`]: '0x10de\n',
  [`/sys/bus/pci/devices/${bus}/class`]: '0x030200\n',
  [`/sys/bus/pci/devices/${bus}/device`]: `${device}\n`,
  [`/sys/bus/pci/devices/${bus}/subsystem_vendor`]: '0x10de\n',
  [`/sys/bus/pci/devices/${bus}/subsystem_device`]: '0x16c1\n',
})

/** A card as the driver in the kernel has it. */
export const inKernel = (model: string, { bus = GPU_AT, uuid = GPU_UUID } = {}): Tree => ({
  [`/proc/driver/nvidia/gpus/${bus}/information`]: `Model: \t\t ${model}\nIRQ:   \t\t 408\nGPU UUID: \t ${uuid}\nVideo BIOS: \t 96.00.89.00.01\nBus Type: \t PCIe\nDMA Size: \t 52 bits\nBus Location: \t ${bus}\nDevice Minor: \t 0\nGPU Excluded:\t No\n`,
})

/** What nvidia-smi prints of a card. */
export const told = (name: string, { bus = `0000${GPU_AT}`, uuid = GPU_UUID, memory = '81559' } = {}): string => `${uuid}, ${name}, ${bus}, 96.00.89.00.01, ${memory}, 550.54.15, 9.0\n`

/** A sound H100. */
export const H100_TREE: Tree = { ...LINUX, ...card('0x2330'), ...inKernel('NVIDIA H100 80GB HBM3') }
export const H100_TOLD: string = told('NVIDIA H100 80GB HBM3')

/** The probes of a computer made of files; `nvidiaSmi` is a shell script's body. Disposing it removes the files. */
export function plant(tree: Tree, { nvidiaSmi, over = {} }: { nvidiaSmi?: string | undefined, over?: Partial<Probes> } = {}): { probes: Probes, root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), 'machine-'))
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  mkdirSync(join(root, 'bin'), { recursive: true })
  if (nvidiaSmi !== undefined) {
    writeFileSync(join(root, 'bin/nvidia-smi'), `#!/bin/sh\n${nvidiaSmi}\n`)
    chmodSync(join(root, 'bin/nvidia-smi'), 0o755)
  }
  const probes: Probes = {
    ...systemProbes({ root, path: join(root, 'bin') }),
    cpu: async () => ({ brand: 'EPYC', vendor: 'AMD', family: '26', model: '2', stepping: '1', physicalCores: 2, cores: 2 }),
    osInfo: async () => ({ platform: 'linux', distro: 'Debian GNU/Linux', release: '12', kernel: '6.1', arch: 'x64' }),
    system: async () => ({ virtual: true }),
    memoryBytes: () => 24_684_092 * 1024,
    ...over,
  }
  return { probes, root, [Symbol.dispose]: () => rmSync(root, { recursive: true }) }
}

/** A script that prints text, whatever it is asked. */
export const prints = (text: string): string => `/bin/cat <<'END'\n${text}END`
