// Which versions of the protocol a network's checkers speak, and their machines: what each checker says of itself, for founders who are about to agree on another. It is their word and no more.
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Registered } from '@assay/protocol'

/** Checkers by what they say: the highest version that they speak is that one or above; and of the machines of the checker that has the most, how many speak it too. */
export interface Spoken {
  checkers: { registered: number; speak: number; silent: number }
  machines: { connected: number; speak: number }
}

/** What a checker says at /ready, as far as it is asked here. */
const Ready = Type.Object({ detail: Type.Object({ protocol: Type.Object({ highest: Type.Integer({ minimum: 1, maximum: 255 }), machines: Type.Record(Type.String({ maxLength: 16 }), Type.Integer({ minimum: 0, maximum: 1_000_000 })) }) }) })

const ANSWER_MS = 5_000
/** Longest answer that is read. */
const ANSWER_BYTES = 64 * 1024

/** Asks every checker, all at once; who does not answer, or not as one of ours, is silent. */
export async function versionsSpoken(checkers: readonly Pick<Registered, 'identity'>[], version: number, { fetch, signal }: { fetch: (url: string, options: { signal: AbortSignal }) => Promise<Response>; signal: AbortSignal }): Promise<Spoken> {
  const ask = async (base: string) => {
    const response = await fetch(`${base.replace(/\/+$/, '')}/ready`, { signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) })
    let text = ''
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) if ((text += part).length > ANSWER_BYTES) throw new Error('a long answer')
    const told: unknown = JSON.parse(text)
    return Value.Check(Ready, told) ? told.detail.protocol : null
  }
  const answers = await Promise.all(checkers.map(({ identity: { evidence } }) => evidence[0] === undefined ? Promise.resolve(null) : ask(evidence[0]).catch(() => null)))
  signal.throwIfAborted()
  const told = answers.filter((one) => one !== null)
  // Of those above what a checker knows itself it says only that they are newer.
  const machines = told.map((one) => {
    const counts = Object.entries(one.machines)
    const sum = (some: typeof counts): number => some.reduce((total, [, count]) => total + count, 0)
    return { connected: sum(counts), speak: sum(counts.filter(([highest]) => (highest === 'newer' ? one.highest + 1 : Number(highest)) >= version)) }
  })
  return {
    checkers: { registered: checkers.length, speak: told.filter(({ highest }) => highest >= version).length, silent: answers.length - told.length },
    machines: machines.toSorted((a, b) => b.connected - a.connected)[0] ?? { connected: 0, speak: 0 },
  }
}

/** The same in a sentence. */
export const tellSpoken = (version: number, { checkers, machines }: Spoken): string =>
  `version ${version} is spoken by ${checkers.speak} of ${checkers.registered} checkers (${checkers.silent} did not say), and by ${machines.speak} of the ${machines.connected} machines of the checker that has the most`
