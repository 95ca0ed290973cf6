// A machine that is a canary: what its calibrator drew for an epoch, and channels on which muted checkers hear nothing of a round. PROTOCOL section 16.
import { readFile, stat } from 'node:fs/promises'
import { filter } from 'rxjs'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Value } from 'typebox/value'
import { OperatorError } from '@assay/kit/lifecycle'
import { isMuted } from '@assay/protocol'
import type { AccountId, Crypto, Hash } from '@assay/protocol'
import type { Links } from './links.ts'

const hash = Type.Unsafe<Hash>(Type.String({ pattern: '^0x[0-9a-f]{64}$' }))

/** The file that `assay canary commit` writes: all of an epoch's secret. */
const canaryFile = Type.Object({
  network: hash,
  epoch: Type.Integer({ minimum: 0, maximum: 2 ** 32 - 1 }),
  calibrator: hash,
  salt: hash,
  canaries: Type.Array(Type.Object({ machine: hash, mute: Type.Integer({ minimum: 0, maximum: 255 }), consent: Type.String({ pattern: '^0x[0-9a-f]{128}$' }) }), { maxItems: 63 }),
})

export type CanaryFile = Static<typeof canaryFile>

/** Reads an epoch's secret. Throws OperatorError CANARY_FILE, which repeats nothing of it. */
export async function readCanaryFile(path: string): Promise<CanaryFile> {
  const wrong = (why: string, advice: string): OperatorError => new OperatorError('CANARY_FILE', `${path} ${why}`, { advice })
  const text = await readFile(path, 'utf8').catch(() => {
    throw wrong('cannot be read', 'Give the file that assay canary commit wrote.')
  })
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) throw wrong(`can be read by others (mode ${(mode & 0o777).toString(8)})`, `Run: chmod 600 ${path}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw wrong('is not JSON', 'Give the file that assay canary commit wrote, unchanged.')
  }
  if (!Value.Check(canaryFile, value)) throw wrong('is not an epoch’s canaries', 'Give the file that assay canary commit wrote, unchanged.')
  return value
}

/** Whom this machine mutes in a round of `epoch`; null where the file says nothing of it. */
export function mutedBy(crypto: Crypto, { epoch, salt, canaries }: CanaryFile, machine: AccountId): ((epoch: number, round: number, checker: AccountId) => boolean) | null {
  const named = canaries.find((one) => one.machine === machine)
  return named === undefined ? null : (now, round, checker) => now === epoch && isMuted(crypto, { mute: named.mute, salt }, round, machine, checker)
}

/** The channels as a round's job sees them: it hears nothing of muted checkers, and they hear nothing of the job. Pings and payloads go on beside it. */
export function mutedLinks(links: Links, muted: (checker: AccountId) => boolean): Links {
  return {
    messages$: links.messages$.pipe(filter(({ checker }) => !muted(checker))),
    opened$: links.opened$,
    open: () => links.open(),
    send: async (checker, message) => muted(checker) || links.send(checker, message),
  }
}
