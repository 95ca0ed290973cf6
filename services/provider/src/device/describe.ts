// From what was read and measured to what is said: the device that works, as the protocol writes it.
import {
  type AccountId, classOfArchitecture, classOfDriverName, type Crypto, type Device, deviceFingerprint, deviceIdentifier, type Hash, type IdentifierSource, MEMORY_STEP_MIB, type Profile, sortIdentifiers,
} from '@assay/protocol'
import type { Machine } from './machine.ts'
import type { Gpu } from './nvidia.ts'

/** What the engine works on: so many threads of the processor, or a GPU of that name. */
export type Works = { kind: 'CPU', threads: number } | { kind: 'GPU', name: string }

/** What of a device does not change from round to round; only `identify` does. */
export type Description = Omit<Device, 'identifiers'>

const MAX_U16 = 2 ** 16 - 1

/**
 * The device that works, without its identifiers. A class is claimed only where sources agree on it; `agreeing` of several GPUs is that of the least certain.
 * A GPU that `works` names and no source knows is one unit of an unknown class.
 */
export function describe(crypto: Crypto, options: { network: AccountId, account: AccountId, machine: Machine, works: Works, profile: Profile }): Description {
  const { network, account, machine, works, profile } = options
  const fingerprint = deviceFingerprint(crypto, network, account, statics(machine))
  const memoryMiB = memoryOf(machine, works)
  if (works.kind === 'CPU') {
    const { sources } = machine.cpu
    return { class: sources > 0 ? (classOfArchitecture(machine.os.arch)?.id ?? 0) : 0, kind: 'CPU', units: clampUnits(works.threads), memoryMiB, agreeing: sources, fingerprint, profile }
  }
  const gpus = working(machine, works.name)
  const agreeing = gpus.length === 0 ? 0 : Math.min(...gpus.map(({ sources }) => sources.length))
  return { class: agreeing > 0 ? (classOfDriverName(works.name)?.id ?? 0) : 0, kind: 'GPU', units: 1, memoryMiB, agreeing, fingerprint, profile }
}

/** The memory of the device that works as it is claimed, in MiB: of one GPU (the smallest, of several), or what the process may use; 0 where nobody knows. */
export function memoryOf(machine: Machine, works: Works): number {
  return rounded(works.kind === 'CPU' ? machine.memoryMiB : Math.min(...working(machine, works.name).map((gpu) => gpu.memoryMiB ?? 0)))
}

/**
 * The identifiers of the device that works, for one round. That of a GPU is the card's own: two machines may share a computer, but no card. An engine cannot tell cards of
 * one name apart, so where there are several none is named: another machine may work on it.
 */
export function identify(crypto: Crypto, round: { network: AccountId, beacon: Hash }, machine: Machine, works: Works): Hash[] {
  const texts: [IdentifierSource, string][] = works.kind === 'CPU' ? [['boot', machine.secrets.boot], ['product', machine.secrets.product]] : working(machine, works.name).flatMap(({ uuid }, _, { length }) => (length === 1 ? [['gpu', uuid]] : []))
  return sortIdentifiers(texts.map(([source, text]) => deviceIdentifier(crypto, round, source, text)))
}

const working = ({ gpus }: Machine, name: string): Gpu[] => gpus.filter((gpu) => gpu.name === name)
const rounded = (mib: number): number => (Number.isFinite(mib) ? Math.floor(mib / MEMORY_STEP_MIB) * MEMORY_STEP_MIB : 0)
const clampUnits = (units: number): number => Math.min(Math.max(1, units), MAX_U16)

/** What an update of system or driver leaves as it is: a change in it is a change of the machine. */
function statics({ cpu, memoryMiB, os, gpus, secrets }: Machine): Record<string, string> {
  return {
    cpu: [cpu.family, cpu.model, cpu.stepping].join('\n'),
    memory: String(rounded(memoryMiB)),
    system: `${os.platform}\n${os.arch}`,
    machine: secrets.machine,
    product: secrets.product,
    gpus: gpus.map(({ uuid, name, vbios, memoryMiB, pciDevice, subsystem }) => [uuid, name, vbios, memoryMiB, pciDevice, subsystem].join('\t')).toSorted().join('\n'),
  }
}
