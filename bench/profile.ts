// What this machine says of its device: read, measured, and checked against the class table.
//   node bench/profile.ts [--json]
import { parseArgs } from 'node:util'
import { checkProfile, deviceClass, type Profile } from '@assay/protocol'
import { describe } from '@assay/provider/device/describe'
import { readMachine } from '@assay/provider/device/machine'
import { measureProcessor } from '@assay/provider/device/measure'
import { nodeCrypto } from '@assay/runtime-bindings'

const { values } = parseArgs({ options: { json: { type: 'boolean' } } })
const { signal } = new AbortController()

const machine = await readMachine({ timeoutMs: 5000 })
const since = performance.now()
const { profile, gap } = await measureProcessor({ signal, memoryMiB: machine.memoryMiB })
const tookMs = Math.round(performance.now() - since)
const nobody = `0x${'0'.repeat(64)}` as const
const device = describe(nodeCrypto, { network: nobody, account: nobody, machine, works: { kind: 'CPU', threads: machine.cpu.threads }, profile })
const row = deviceClass(device.class)
const flag = checkProfile({ ...device, identifiers: [] })

if (values.json) console.log(JSON.stringify({ node: process.version, cpu: machine.cpu, gpus: machine.gpus.map(({ name, sources }) => ({ name, sources })), device, class: row?.name ?? null, flag, tookMs, gap, gaps: machine.gaps, disagreements: machine.disagreements }, null, 2))
else {
  console.log(`${machine.cpu.vendor} ${machine.cpu.brand}, ${device.units} threads, ${device.memoryMiB} MiB; class ${row?.name ?? 'unknown'}: ${flag}; measured in ${tookMs} ms${gap === null ? '' : `, not all: ${gap}`}`)
  console.table(Object.fromEntries((Object.keys(profile) as (keyof Profile)[]).map((rate) => [rate, { measured: profile[rate], least: row?.profile[rate]?.min, most: row?.profile[rate]?.max }])))
  for (const oddity of [...machine.gaps, ...machine.disagreements]) console.log(oddity)
}
