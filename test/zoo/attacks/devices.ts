import { type Device, type Facts, type Hash, type Parameters, toHex, utf8 } from '@assay/protocol'
import { type Attack, chance, crypto, gain, lyingMachine, playRound, WINDOW } from '../attack.ts'

const ENFORCED: Partial<Parameters> = { deviceCheck: 'enforce', modelCheck: 'enforce', modelTolerance: 1000 }
const hash = (text: string): Hash => toHex(crypto.sha256(utf8(text)))
const device = (change: Partial<Device>) => (facts: Facts): Facts => ({ ...facts, device: { ...facts.device, ...change } })
const answering = (...outputs: number[]) => (facts: Facts): Facts => ({ ...facts, model: [{ model: hash('model'), outputs }] })

/** What becomes of machine 0 among honest ones, when each machine says what `facts` makes of its own. */
const among = (name: Attack['name'], liar: string, machines: number, facts: (place: number, trial: string) => (own: Facts) => Facts, parameters: Partial<Parameters> = ENFORCED): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const round = await playRound(trial, { machine: ({ name: machine }) => ({ facts: facts(Number(machine.slice('machine '.length)), trial) }) }, { machines, parameters })
    const steps = round.net.machines.reduce((sum, _, machine) => sum + round.verdict(machine).provenSteps, 0)
    return { found: round.found(), pay: steps === 0 ? 0 : (round.pay * round.verdict().provenSteps) / steps }
  },
})

const H100: Partial<Device> = { class: 141, kind: 'GPU', memoryMiB: 81_408, agreeing: 2 }
const profile = { int8Mmacs: 70_000, f32Mflops: 15_000, memoryMBps: 30_000, chasePs: 180_000 }

/** A claim of a class that what was measured does not fit: flagged, never paid for. */
const claimed = (name: Attack['name'], liar: string, claim: Partial<Device>): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const round = await playRound(trial, { machine: () => ({ facts: device(claim) }) }, { parameters: ENFORCED })
    // Pay is for proven steps, whatever was claimed.
    return { found: round.verdict().claim === 'OK' ? 'NOT FLAGGED' : `FLAGGED(${round.verdict().claim})`, pay: round.pay }
  },
})

const relayedBy = (name: Attack['name'], liar: string, ms: number, hides: 'nothing' | 'pings' | 'progress'): Attack => ({
  name,
  liar,
  run: async (trial) => {
    const late = (seen: boolean) => playRound(trial, seen ? { observe: (_checker, _round, observations) => observations.map((one) => ({ ...one, firstUs: one.firstUs + (hides === 'progress' ? 0 : 1000 * ms), rttUs: one.rttUs + (hides === 'pings' ? 1000 * ms : 0) })) } : {})
    const [here, there] = [await late(false), await late(true)]
    return { found: there.verdict().relayUs! - here.verdict().relayUs! === 1000 * ms ? 'SHOWN' : 'NOT SHOWN', pay: there.pay }
  },
})

export const devices: Attack[] = [
  among('one card as eight', 'registers one GPU as eight machines', 8, () => device({ identifiers: [hash('one card')] })),
  {
    name: 'one card as eight, identifiers made up',
    liar: 'registers one GPU as eight machines, with made-up identifiers, and lets them take turns',
    run: async (trial) => {
      const draw = chance(trial)
      // The device does one step a tick, for whichever name.
      const done = Array.from({ length: 8 }, () => 0)
      for (let tick = 0; tick < WINDOW; tick++) done[draw(8)]!++
      const place = (name: string): number => Number(name.slice('machine '.length))
      return { ...gain(await playRound(trial, { machine: ({ name }) => ({ steps: done[place(name)]! + 1, window: done[place(name)]!, foldAt: () => 0 }) }, { machines: 8, parameters: ENFORCED }), WINDOW), cost: 1 }
    },
  },
  claimed('spoofed nvidia-smi', 'puts a program on its path that names an H100', { ...H100, agreeing: 0, profile }),
  claimed('spoofed nvidia-smi, lspci and driver', 'spoofs every source, and measures what its own device can', { ...H100, profile }),
  claimed('a class without a measurement', 'names a class and measures nothing', { ...H100, profile: { int8Mmacs: 0, f32Mflops: 0, memoryMBps: 0, chasePs: 0 } }),
  {
    name: 'facts changed after the coins',
    liar: 'shows other facts than it committed to',
    run: (trial) => lyingMachine(trial, { commitment: (own) => ({ ...own, facts: hash(trial) }) }, {}, { parameters: ENFORCED }),
  },
  among('another model', 'answers with a model of its own that it calls by the network’s name', 4, (place) => answering(place === 0 ? 5000 : 10, 20)),
  among('model within the tolerance', 'none: honest machines round otherwise', 4, (place) => answering(10 + place, 20 - place)),
  relayedBy('relay to another host', 'answers pings itself and passes the job on to a host that is 20 ms away', 20, 'nothing'),
  relayedBy('relay that delays its pings too', 'passes pings on as well, so that it looks as far away as it is', 20, 'pings'),
  relayedBy('relay that makes up its first progress', 'answers a nonce with a key of its own making before the job’s first step comes', 20, 'progress'),
]
