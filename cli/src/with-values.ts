import { OperatorError } from '@assay/kit/lifecycle'
import { CHECK_MODES, type Parameters } from '@assay/protocol'

/** Parameters with some of them set anew: `name=value`, whole numbers (amounts in planck) or the word of a check. Says nothing on sense. Throws OperatorError SET. */
export function withValues(parameters: Parameters, pairs: readonly string[]): Parameters {
  const next: Record<string, unknown> = { ...parameters }
  for (const pair of pairs) {
    const [, name = pair, value = ''] = /^(\w+)=(.*)$/.exec(pair) ?? []
    const old = Object.hasOwn(parameters, name) ? parameters[name as keyof Parameters] : undefined
    if (old === undefined || name === pair) throw new OperatorError('SET', `${pair} is not name=value of a parameter`, { advice: `The names are ${Object.keys(parameters).join(', ')}. Nothing was done.` })
    const words: readonly string[] | null = typeof old === 'string' ? CHECK_MODES : null
    if (words ? !words.includes(value) : !/^\d{1,30}$/.test(value)) throw new OperatorError('SET', `${name} cannot be ${value || 'empty'}`, { advice: `Give ${words?.join(', ') ?? (typeof old === 'bigint' ? 'an amount in planck' : 'a whole number')}. Nothing was done.` })
    next[name] = words ? value : typeof old === 'bigint' ? BigInt(value) : Number(value)
  }
  return next as unknown as Parameters
}
