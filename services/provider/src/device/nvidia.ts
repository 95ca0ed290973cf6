// NVIDIA GPUs as told by three who need not agree: the driver's program (nvidia-smi), the driver in the kernel (/proc) and the PCI bus (/sys). The first is a
// file on the owner's PATH; a program that names a card which the bus does not have is what this is for.
import { classOfDriverName, classOfPciDevice } from '@assay/protocol'
import { clean, type Probes } from './probes.ts'

export interface Gpu {
  uuid: string
  name: string
  /** As /sys writes it: `0000:04:00.0`. */
  busId: string
  vbios: string
  memoryMiB: number | null
  driver: string
  computeCapability: string
  /** PCI device id of the card (`0x2330`), null if the bus cannot be read. */
  pciDevice: number | null
  /** PCI subsystem, vendor and device (`10de:16c1`), empty if the bus cannot be read. */
  subsystem: string
  /** Who named this card, and nothing that another denied. */
  sources: GpuSource[]
}

export type GpuSource = 'nvidia-smi' | 'kernel' | 'pci' | 'adapter'

/** What an engine on a GPU says of its adapter (WebGPU's GPUAdapterInfo): `{ vendor: 'nvidia', device: '0x2330', description: 'NVIDIA H100 80GB HBM3' }`. */
export interface Adapter {
  vendor: string
  device: string
  description: string
}

// systeminformation asks lspci for graphics and finds nothing where that is missing (most containers), so nvidia-smi is asked directly.
const PROGRAM = 'nvidia-smi'
const FIELDS = ['uuid', 'name', 'pci.bus_id', 'vbios_version', 'memory.total', 'driver_version', 'compute_cap']
const DRIVER_TREE = '/proc/driver/nvidia/gpus'
const PCI_TREE = '/sys/bus/pci/devices'
const NVIDIA_VENDOR = '0x10de'
/** PCI class codes of display controllers: a card's own sound and USB devices are not it. */
const DISPLAY = /^0x03/
/** More cards, and devices, than any computer has; a tree with more is not read to its end. */
const MAX_CARDS = 64
const MAX_DEVICES = 2048

type Named = Pick<Gpu, 'uuid' | 'name' | 'busId' | 'vbios'>
type Told = Named & Pick<Gpu, 'memoryMiB' | 'driver' | 'computeCapability'>
type Card = { busId: string, pciDevice: number, subsystem: string }

/** The GPUs that nvidia-smi names, none if there is no such program. Rejects if it fails otherwise. */
export async function askNvidiaSmi(probes: Probes, timeoutMs: number): Promise<Told[]> {
  const query = (fields: string[]) => probes.run(PROGRAM, [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'], timeoutMs)
  try {
    return parseGpus(await query(FIELDS))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // no NVIDIA driver: most machines
    // A driver before 2021 knows no compute_cap and refuses the whole query; it says so on standard output, which makes it an error of its own.
    if (!/not a valid field/i.test(String((error as { stdout?: unknown }).stdout ?? '') + String(error))) throw error
    return parseGpus(await query(FIELDS.slice(0, -1)))
  }
}

/** The GPUs in the lines of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`; what a card does not tell (`[N/A]`, `[Not Supported]`) is empty. */
export function parseGpus(csv: string): Told[] {
  return csv.split('\n').filter((line) => line.trim() !== '').slice(0, MAX_CARDS).map((line) => {
    const [uuid = '', name = '', busId = '', vbios = '', memory = '', driver = '', computeCapability = ''] = line.split(',').map((field) => clean(field))
    return { uuid, name, busId: normalBus(busId), vbios, memoryMiB: /^\d{1,9}$/.test(memory) ? Number(memory) : null, driver, computeCapability }
  })
}

/** `00000000:04:00.0` of nvidia-smi is `0000:04:00.0` in /proc and /sys. */
const normalBus = (busId: string): string => busId.toLowerCase().replace(/^0{4}([0-9a-f]{4}:)/, '$1')

/** The GPUs of the driver in the kernel, null if it is not there (or hidden, as in some containers). */
export async function readDriver(probes: Probes): Promise<Named[] | null> {
  const buses = await probes.list(DRIVER_TREE)
  if (buses === null) return null
  const cards = await Promise.all(buses.slice(0, MAX_CARDS).map(async (bus) => ({ bus, text: await probes.read(`${DRIVER_TREE}/${bus}/information`) })))
  return cards.map(({ bus, text }) => {
    const field = (name: string): string => known(new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text ?? '')?.[1] ?? '')
    return { uuid: field('GPU UUID'), name: field('Model'), busId: normalBus(clean(bus)), vbios: field('Video BIOS') }
  })
}

/** What a card tells before its first use is `Unknown`, or question marks. */
const known = (text: string): string => (/\?\?|^unknown$/i.test(text.trim()) ? '' : clean(text))

/** NVIDIA's cards on the PCI bus, null if the bus cannot be read. */
export async function readBus(probes: Probes): Promise<Card[] | null> {
  const buses = await probes.list(PCI_TREE)
  if (buses === null || buses.length === 0) return null
  const cards = await Promise.all(buses.slice(0, MAX_DEVICES).map(async (bus) => {
    const at = (file: string): Promise<string> => probes.read(`${PCI_TREE}/${bus}/${file}`).then((text) => clean(text ?? '').toLowerCase())
    if ((await at('vendor')) !== NVIDIA_VENDOR || !DISPLAY.test(await at('class'))) return null
    const [device, subVendor, subDevice] = await Promise.all([at('device'), at('subsystem_vendor'), at('subsystem_device')])
    return { busId: bus.toLowerCase(), pciDevice: hexOf(device), subsystem: [subVendor, subDevice].map((id) => id.replace(/^0x/, '')).join(':') }
  }))
  return cards.filter((card) => card !== null).slice(0, MAX_CARDS)
}

const hexOf = (text: string): number => (/^0x[0-9a-f]{1,4}$/.test(text) ? Number(text) : 0)

/**
 * What the sources agree on, and where they do not. A source that is not there says nothing; one that is there denies each card that it does not name.
 * A card that anyone denies, or that two describe differently, has no sources at all.
 */
export function agreeOnGpus({ program, driver, bus, adapter = null }: { program: Told[], driver: Named[] | null, bus: Card[] | null, adapter?: Adapter | null }): { gpus: Gpu[], disagreements: string[] } {
  const disagreements: string[] = []
  const buses = [...new Set([...program, ...(driver ?? [])].map(({ busId }) => busId))].toSorted()
  const gpus = buses.map((busId): Gpu => {
    const claims = program.filter((gpu) => gpu.busId === busId)
    const [told, inKernel, card] = [claims[0], driver?.find((gpu) => gpu.busId === busId), bus?.find((card) => card.busId === busId)]
    const name = told?.name || inKernel?.name || ''
    const denials = [
      ...(claims.length > 1 ? [`nvidia-smi names ${claims.length} GPUs at ${busId}`] : []),
      ...(told && driver && !inKernel ? [`nvidia-smi names a GPU at ${busId}, the driver in the kernel does not`] : []),
      ...(bus && !card ? [`a driver names a GPU at ${busId}, the PCI bus has none there`] : []),
      ...(told && inKernel ? (['uuid', 'name', 'vbios'] as const).flatMap((field) => differs(`${field} of the GPU at ${busId}`, field, told, inKernel)) : []),
      ...(card ? differsFromCard(name, card) : []),
    ]
    const adapterNames = adapter !== null && isAdapter(adapter, name, card?.pciDevice ?? null)
    const sources: GpuSource[] = [...(told ? ['nvidia-smi' as const] : []), ...(inKernel?.name ? ['kernel' as const] : []), ...(card ? ['pci' as const] : []), ...(adapterNames ? ['adapter' as const] : [])]
    disagreements.push(...denials)
    return {
      uuid: told?.uuid || inKernel?.uuid || '', name, busId, vbios: told?.vbios || inKernel?.vbios || '', memoryMiB: told?.memoryMiB ?? null, driver: told?.driver ?? '',
      computeCapability: told?.computeCapability ?? '', pciDevice: card?.pciDevice ?? null, subsystem: card?.subsystem ?? '', sources: denials.length > 0 ? [] : sources,
    }
  })
  if (adapter?.vendor.toLowerCase() === 'nvidia' && !gpus.some(({ sources }) => sources.includes('adapter'))) {
    const named = clean(adapter.description || adapter.device)
    disagreements.push(gpus.length === 0 ? `the engine's adapter is ${named}, no driver names a GPU` : `the engine's adapter is ${named}, which no sound GPU here is`)
  }
  return { gpus, disagreements: [...disagreements, ...twice(program)] }
}

function differs(what: string, field: 'uuid' | 'name' | 'vbios', told: Named, inKernel: Named): string[] {
  const [a, b] = [told[field], inKernel[field]]
  if (a === '' || b === '' || plain(a) === plain(b)) return []
  // Whoever knows a UUID can claim the card: it stands in no log.
  return [field === 'uuid' ? `${what}: nvidia-smi and the driver in the kernel say different ones` : `${what}: nvidia-smi says ${a}, the driver in the kernel says ${b}`]
}

/** Newer drivers put the vendor before the name. */
const plain = (text: string): string => text.toLowerCase().replace(/^nvidia /, '')

/** A name and a card of which one is in the table must be of one class there. */
function differsFromCard(name: string, { busId, pciDevice }: Card): string[] {
  const [byName, byCard] = [classOfDriverName(name), classOfPciDevice(pciDevice)]
  return byName === byCard || name === '' ? [] : [`the driver names the GPU at ${busId} ${name}, its PCI device is 0x${pciDevice.toString(16)}${byCard ? ` (${byCard.name})` : ''}`]
}

const isAdapter = ({ device, description }: Adapter, name: string, pciDevice: number | null): boolean =>
  (name !== '' && plain(description).includes(plain(name))) || (pciDevice !== null && hexOf(device.toLowerCase()) === pciDevice)

/** One card's UUID cannot be another's. */
function twice(program: Told[]): string[] {
  const uuids = program.map(({ uuid }) => uuid).filter((uuid) => uuid !== '')
  return new Set(uuids).size === uuids.length ? [] : ['nvidia-smi gives one UUID to several GPUs']
}
