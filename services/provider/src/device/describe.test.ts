import { checkProfile, decodeFacts, encodeFacts, sameDevice } from '@assay/protocol'
import { hashOf, crypto } from '@assay/protocol/testing/crypto'
import { describe as suite, expect, it } from 'vitest'
import { card, H100_TOLD, H100_TREE, inKernel, LINUX, plant, prints, told } from '../../testing/tree.ts'
import { describe, identify, type Works } from './describe.ts'
import { type Machine, readMachine } from './machine.ts'

const network = hashOf('network')
const round = { network, beacon: hashOf('beacon') }
const H100_PROFILE = { int8Mmacs: 30_000_000, f32Mflops: 40_000_000, memoryMBps: 2_900_000, chasePs: 400_000 }
const X64_PROFILE = { int8Mmacs: 118_000, f32Mflops: 16_800, memoryMBps: 30_000, chasePs: 200_000 }
const GPU: Works = { kind: 'GPU', name: 'NVIDIA H100 80GB HBM3' }
const CPU: Works = { kind: 'CPU', threads: 2 }

async function read(tree: Record<string, string>, nvidiaSmi?: string): Promise<Machine> {
  using machine = plant(tree, { nvidiaSmi })
  return await readMachine({ timeoutMs: 5000, probes: machine.probes })
}
const deviceOf = (machine: Machine, works: Works, profile = X64_PROFILE, account = hashOf('machine')) => ({ ...describe(crypto, { network, account, machine, works, profile }), identifiers: identify(crypto, round, machine, works) })

suite('a device', () => {
  it('is the GPU that works, and its class holds', async () => {
    const device = deviceOf(await read(H100_TREE, prints(H100_TOLD)), GPU, H100_PROFILE)
    expect(device).toMatchObject({ class: 141, kind: 'GPU', units: 1, memoryMiB: 81_408, agreeing: 3, profile: H100_PROFILE })
    expect(device.identifiers).toHaveLength(1)
    expect(checkProfile(device)).toBe('OK')
    const facts = { salt: hashOf('salt'), device, environment: [], model: [] }
    expect(decodeFacts(encodeFacts(facts))).toEqual(facts)
  })

  it('is the processor where that works, whatever cards are there', async () => {
    const device = deviceOf(await read(H100_TREE, prints(H100_TOLD)), CPU)
    expect(device).toMatchObject({ class: 1, kind: 'CPU', units: 2, memoryMiB: 24_064, agreeing: 2 })
    expect(checkProfile(device)).toBe('OK')
  })

  it('is one of several GPUs of one name, names none of them, and is as certain as the least certain', async () => {
    const second = { ...card('0x2330', '0000:05:00.0') }
    const device = deviceOf(await read({ ...H100_TREE, ...second }, prints(H100_TOLD + told(GPU.name, { bus: '00000000:05:00.0', uuid: 'GPU-7a2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e12', memory: '81000' }))), GPU, H100_PROFILE)
    expect(device).toMatchObject({ units: 1, memoryMiB: 80_896, agreeing: 0, class: 0, identifiers: [] }) // the kernel denies the second
  })

  it('has no class where sources disagree, or nobody knows the GPU', async () => {
    const cpu = async () => ({ brand: 'Xeon', vendor: 'Intel', family: '6', model: '1', stepping: '1', physicalCores: 1, cores: 1 })
    using odd = plant(LINUX, { over: { cpu } })
    expect(deviceOf(await readMachine({ timeoutMs: 5000, probes: odd.probes }), CPU)).toMatchObject({ class: 0, agreeing: 0 })
    expect(deviceOf(await read(LINUX), GPU)).toMatchObject({ class: 0, units: 1, memoryMiB: 0, agreeing: 0, identifiers: [] })
  })
})

suite('a fake nvidia-smi that says H100', () => {
  const spoofs: [string, Record<string, string>][] = [['on a computer without a card', LINUX], ['beside a T4', { ...LINUX, ...card('0x1eb8'), ...inKernel('Tesla T4') }], ['where nothing else can be read', {}]]
  it.each(spoofs)('%s is never sound', async (_, tree) => {
    const machine = await read(tree, prints(H100_TOLD))
    // Whether its owner measures honestly or makes the numbers up.
    for (const profile of [X64_PROFILE, H100_PROFILE]) expect(['UNKNOWN_CLASS', 'PROFILE_INT8', 'TOO_FEW_SOURCES']).toContain(checkProfile(deviceOf(machine, GPU, profile)))
  })
})

suite('a fingerprint', () => {
  it('stays over restarts, updates of the driver and other profiles, and changes with card, memory and account', async () => {
    const machine = await read(H100_TREE, prints(H100_TOLD))
    const print = (of: Machine, account?: `0x${string}`): string => deviceOf(of, GPU, X64_PROFILE, account).fingerprint
    const same = [machine, { ...machine, secrets: { ...machine.secrets, boot: '' }, gpus: machine.gpus.map((gpu) => ({ ...gpu, driver: '570.1' })) }, { ...machine, memoryMiB: machine.memoryMiB + 5 }]
    expect(new Set(same.map((of) => print(of))).size).toBe(1)
    const others = [{ ...machine, memoryMiB: 2 * machine.memoryMiB }, { ...machine, gpus: [] }, { ...machine, secrets: { ...machine.secrets, machine: 'another' } }]
    expect(new Set([print(machine), print(machine, hashOf('another')), ...others.map((of) => print(of))]).size).toBe(5)
  })
})

suite('identifiers', () => {
  const facts = (machine: Machine, works: Works) => ({ salt: hashOf('salt'), device: deviceOf(machine, works), environment: [], model: [] })

  it('show two accounts on one card, and two on one computer’s processor', async () => {
    const machine = await read(H100_TREE, prints(H100_TOLD))
    const found = sameDevice(new Map([[hashOf('a'), facts(machine, GPU)], [hashOf('b'), facts(machine, GPU)], [hashOf('c'), facts(machine, CPU)], [hashOf('d'), facts(machine, CPU)]]))
    expect([...found.keys()].toSorted()).toEqual(['a', 'b', 'c', 'd'].map(hashOf).toSorted())
  })

  it('let a card and a processor of one computer be two devices, and two cards', async () => {
    const machine = await read(H100_TREE, prints(H100_TOLD))
    const other = { ...machine, gpus: machine.gpus.map((gpu) => ({ ...gpu, uuid: 'GPU-7a2b6c5e-3a52-4d7c-9c3b-0d8f6f2f1e12' })) }
    expect(sameDevice(new Map([[hashOf('a'), facts(machine, GPU)], [hashOf('b'), facts(other, GPU)], [hashOf('c'), facts(machine, CPU)]])).size).toBe(0)
  })

  it('are other ones in the next round, and hold nothing that was read', async () => {
    const machine = await read({ ...LINUX, '/sys/class/dmi/id/product_uuid': '4c4c4544-0051-3510-8053-b8c04f395132\n' })
    const [now, next] = [identify(crypto, round, machine, CPU), identify(crypto, { ...round, beacon: hashOf('next') }, machine, CPU)]
    expect(now).toHaveLength(2)
    expect(now.filter((identifier) => next.includes(identifier))).toEqual([])
    const written = JSON.stringify(facts(machine, CPU))
    for (const secret of Object.values(machine.secrets)) expect(written).not.toContain(secret)
  })
})
