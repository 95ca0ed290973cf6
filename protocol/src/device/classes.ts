// Which devices are known, and between which bounds a measurement of one must lie. Data, with its sources. PROTOCOL section 13.4.
import type { DeviceKind, Profile } from './facts.ts'

/** Both ends belong to it. */
export interface Range {
  min: number
  max: number
}

/** A row of the class table. */
export interface DeviceClass {
  /** For ever: no number is used again. 0 is no class. */
  id: number
  name: string
  kind: DeviceKind
  /** Of one unit, as the system tells it. */
  memoryMiB: Range
  /** Of one unit, in the units of `Profile`; null where no source gives a bound, and nothing is checked. */
  profile: { [K in keyof Profile]: Range | null }
  /** Of NVIDIA's PCI devices (vendor 0x10de), those of this class. */
  pciDevices: readonly number[]
  /** As NVIDIA's driver names it. */
  driverNames: readonly string[]
  /** Where the numbers come from. */
  source: string
}

/** Peaks as data sheets give them: whole GB (2^30), dense int8 TOPS (two operations a multiply-accumulate) or null if there are none, TFLOPS, GB/s. */
interface DataSheet {
  id: number
  name: string
  memoryGB: number
  int8Tops: number | null
  f32Tflops: number
  memoryGBps: number
  pciDevices: readonly number[]
  driverNames: readonly string[]
  source: string
}

/** A measurement lies between a tenth of a peak and a tenth above it: boost clocks exceed data sheets a little. */
const tenth = (peak: number): number => Math.ceil(peak / 10)
const above = (peak: number): number => Math.floor((peak * 11) / 10)

/**
 * The bounds of a GPU. An engine without access to its tensor cores (WebGPU has none) multiplies int8 by dot products of four in the integer lanes, of which
 * there is one to each one or two of single precision: as many multiply-accumulates a second, at least, as the f32 peak counts operations. So the lower bound
 * is a tenth of that, not of the tensor peak. A driver keeps up to a tenth of the memory for itself and for ECC. No data sheet tells a latency.
 */
function gpu({ memoryGB, int8Tops, f32Tflops, memoryGBps, ...row }: DataSheet): DeviceClass {
  const f32Peak = Math.round(f32Tflops * 1e6)
  return {
    ...row,
    kind: 'GPU',
    memoryMiB: { min: Math.floor((memoryGB * 1024 * 9) / 10), max: memoryGB * 1024 },
    profile: {
      int8Mmacs: int8Tops === null ? null : { min: tenth(f32Peak), max: above(Math.round((int8Tops * 1e6) / 2)) },
      f32Mflops: { min: tenth(f32Peak), max: above(f32Peak) },
      memoryMBps: { min: tenth(memoryGBps * 1000), max: above(memoryGBps * 1000) },
      chasePs: null,
    },
  }
}

/** All known classes, ascending by id. */
export const DEVICE_CLASSES: readonly DeviceClass[] = [
  {
    id: 1,
    name: 'x64 thread',
    kind: 'CPU',
    memoryMiB: { min: 512, max: 2 ** 24 },
    profile: { int8Mmacs: { min: 4000, max: 416_000 }, f32Mflops: { min: 1600, max: 104_000 }, memoryMBps: { min: 2700, max: 250_000 }, chasePs: { min: 20_000, max: 2_000_000 } },
    pciDevices: [],
    driverNames: [],
    source:
      'No data sheet tells a thread under WebAssembly. Upper bounds of rates: four 128-bit vector operations a cycle (16 products of int8, 4 of f32) at 6.5 GHz, and of memory one thread alone with twelve channels. Lower bounds: a tenth of what bench/profile.ts measured on a thread of an AMD EPYC, family 26, in a virtual machine, and of int8 a thirtieth, for an older Node has a kernel a third as fast',
  },
  gpu({ id: 100, name: 'NVIDIA T4', memoryGB: 16, int8Tops: 130, f32Tflops: 8.1, memoryGBps: 320, pciDevices: [0x1eb8], driverNames: ['Tesla T4', 'NVIDIA T4'], source: 'NVIDIA T4 Tensor Core GPU, data sheet' }),
  gpu({ id: 101, name: 'NVIDIA V100 PCIe 16 GB', memoryGB: 16, int8Tops: null, f32Tflops: 14, memoryGBps: 900, pciDevices: [0x1db4], driverNames: ['Tesla V100-PCIE-16GB'], source: 'NVIDIA V100 Tensor Core GPU, data sheet (no int8 rate)' }),
  gpu({ id: 102, name: 'NVIDIA V100 SXM2 16 GB', memoryGB: 16, int8Tops: null, f32Tflops: 15.7, memoryGBps: 900, pciDevices: [0x1db1], driverNames: ['Tesla V100-SXM2-16GB'], source: 'NVIDIA V100 Tensor Core GPU, data sheet (no int8 rate)' }),
  gpu({ id: 103, name: 'NVIDIA V100 SXM2 32 GB', memoryGB: 32, int8Tops: null, f32Tflops: 15.7, memoryGBps: 900, pciDevices: [0x1db5], driverNames: ['Tesla V100-SXM2-32GB'], source: 'NVIDIA V100 Tensor Core GPU, data sheet (no int8 rate)' }),
  gpu({ id: 104, name: 'NVIDIA V100 PCIe 32 GB', memoryGB: 32, int8Tops: null, f32Tflops: 14, memoryGBps: 900, pciDevices: [0x1db6], driverNames: ['Tesla V100-PCIE-32GB'], source: 'NVIDIA V100 Tensor Core GPU, data sheet (no int8 rate)' }),
  gpu({ id: 110, name: 'NVIDIA A100 PCIe 40 GB', memoryGB: 40, int8Tops: 624, f32Tflops: 19.5, memoryGBps: 1555, pciDevices: [0x20f1], driverNames: ['NVIDIA A100-PCIE-40GB', 'A100-PCIE-40GB'], source: 'NVIDIA A100 Tensor Core GPU, data sheet' }),
  gpu({ id: 111, name: 'NVIDIA A100 SXM4 40 GB', memoryGB: 40, int8Tops: 624, f32Tflops: 19.5, memoryGBps: 1555, pciDevices: [0x20b0], driverNames: ['NVIDIA A100-SXM4-40GB', 'A100-SXM4-40GB'], source: 'NVIDIA A100 Tensor Core GPU, data sheet' }),
  gpu({ id: 112, name: 'NVIDIA A100 PCIe 80 GB', memoryGB: 80, int8Tops: 624, f32Tflops: 19.5, memoryGBps: 1935, pciDevices: [0x20b5], driverNames: ['NVIDIA A100 80GB PCIe', 'A100 80GB PCIe'], source: 'NVIDIA A100 Tensor Core GPU, data sheet' }),
  gpu({ id: 113, name: 'NVIDIA A100 SXM4 80 GB', memoryGB: 80, int8Tops: 624, f32Tflops: 19.5, memoryGBps: 2039, pciDevices: [0x20b2], driverNames: ['NVIDIA A100-SXM4-80GB', 'A100-SXM4-80GB'], source: 'NVIDIA A100 Tensor Core GPU, data sheet' }),
  gpu({ id: 120, name: 'NVIDIA GeForce RTX 3090', memoryGB: 24, int8Tops: 284, f32Tflops: 35.6, memoryGBps: 936, pciDevices: [0x2204], driverNames: ['NVIDIA GeForce RTX 3090', 'GeForce RTX 3090'], source: 'NVIDIA Ampere GA102 GPU Architecture, whitepaper, appendix A' }),
  gpu({ id: 121, name: 'NVIDIA A10', memoryGB: 24, int8Tops: 250, f32Tflops: 31.2, memoryGBps: 600, pciDevices: [0x2236], driverNames: ['NVIDIA A10', 'A10'], source: 'NVIDIA A10 Tensor Core GPU, data sheet' }),
  gpu({ id: 130, name: 'NVIDIA L4', memoryGB: 24, int8Tops: 242, f32Tflops: 30.3, memoryGBps: 300, pciDevices: [0x27b8], driverNames: ['NVIDIA L4'], source: 'NVIDIA L4 Tensor Core GPU, data sheet' }),
  gpu({ id: 131, name: 'NVIDIA L40S', memoryGB: 48, int8Tops: 733, f32Tflops: 91.6, memoryGBps: 864, pciDevices: [0x26b9], driverNames: ['NVIDIA L40S'], source: 'NVIDIA L40S GPU, data sheet' }),
  gpu({ id: 132, name: 'NVIDIA GeForce RTX 4090', memoryGB: 24, int8Tops: 660, f32Tflops: 82.6, memoryGBps: 1008, pciDevices: [0x2684], driverNames: ['NVIDIA GeForce RTX 4090'], source: 'NVIDIA Ada GPU Architecture, whitepaper, appendix A' }),
  gpu({ id: 140, name: 'NVIDIA H100 PCIe', memoryGB: 80, int8Tops: 1513, f32Tflops: 51, memoryGBps: 2000, pciDevices: [0x2331], driverNames: ['NVIDIA H100 PCIe'], source: 'NVIDIA H100 Tensor Core GPU, data sheet' }),
  gpu({ id: 141, name: 'NVIDIA H100 SXM5', memoryGB: 80, int8Tops: 1979, f32Tflops: 67, memoryGBps: 3350, pciDevices: [0x2330], driverNames: ['NVIDIA H100 80GB HBM3'], source: 'NVIDIA H100 Tensor Core GPU, data sheet' }),
  gpu({ id: 142, name: 'NVIDIA H200 SXM', memoryGB: 141, int8Tops: 1979, f32Tflops: 67, memoryGBps: 4800, pciDevices: [0x2335], driverNames: ['NVIDIA H200'], source: 'NVIDIA H200 Tensor Core GPU, data sheet' }),
]

/** The class with that id, undefined if there is none. */
export function deviceClass(id: number): DeviceClass | undefined {
  return DEVICE_CLASSES.find((row) => row.id === id)
}

/** The class of a processor's threads by its architecture, as Node names it. */
export function classOfArchitecture(arch: string): DeviceClass | undefined {
  return arch === 'x64' ? deviceClass(1) : undefined
}

/** The class of an NVIDIA GPU by its PCI device id (`0x2330`), which stands in the card. */
export function classOfPciDevice(device: number): DeviceClass | undefined {
  return DEVICE_CLASSES.find(({ pciDevices }) => pciDevices.includes(device))
}

/** The class of an NVIDIA GPU by the name that its driver gives. */
export function classOfDriverName(name: string): DeviceClass | undefined {
  return DEVICE_CLASSES.find(({ driverNames }) => driverNames.includes(name))
}
