import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Subject } from 'rxjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isMuted } from '@assay/protocol'
import type { AccountId, MachineMessage } from '@assay/protocol'
import { cryptoReady, nodeCrypto as crypto } from '@assay/runtime-bindings'
import { mutedBy, mutedLinks, readCanaryFile } from './canary.ts'
import type { CanaryFile } from './canary.ts'
import type { Links, RoundMessage } from './links.ts'

beforeAll(cryptoReady)

const id = (n: number): AccountId => `0x${n.toString(16).padStart(2, '0').repeat(32)}`
const machine = id(0x11)
const file: CanaryFile = { network: id(0xaa), epoch: 7, calibrator: id(0xcc), salt: id(0x5a), canaries: [{ machine, mute: 128, consent: `0x${'00'.repeat(64)}` }] }

describe('the file', () => {
  let dir: string
  let path: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'assay-canary-'))
    path = join(dir, 'canaries.json')
  })
  afterEach(() => rm(dir, { recursive: true }))

  it('is read as it was written', async () => {
    await writeFile(path, JSON.stringify(file), { mode: 0o600 })
    expect(await readCanaryFile(path)).toEqual(file)
  })

  it('is refused if it is missing, for all to read, no JSON, or something else, and nothing of it is repeated', async () => {
    await expect(readCanaryFile(path)).rejects.toMatchObject({ code: 'CANARY_FILE', message: expect.stringContaining('cannot be read') as unknown })
    await writeFile(path, JSON.stringify(file), { mode: 0o600 })
    await chmod(path, 0o640)
    await expect(readCanaryFile(path)).rejects.toMatchObject({ code: 'CANARY_FILE', message: expect.stringContaining('mode 640') as unknown })
    await chmod(path, 0o600)
    for (const text of ['secret', JSON.stringify({ ...file, salt: 'secret' }), JSON.stringify({ ...file, canaries: [{ machine, mute: 256, consent: file.canaries[0]!.consent }] }), '[]']) {
      await writeFile(path, text)
      const error: unknown = await readCanaryFile(path).then(() => null, (thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'CANARY_FILE' })
      expect(String(error)).not.toContain('secret')
    }
  })
})

describe('a canary', () => {
  it('mutes by the draw of its epoch, in no other epoch anybody, and not at all if it is not named', () => {
    const mutes = mutedBy(crypto, file, machine)!
    const checkers = Array.from({ length: 40 }, (_, n) => id(n))
    const drawn = checkers.map((checker) => isMuted(crypto, { mute: 128, salt: file.salt }, 15, machine, checker))
    expect(new Set(drawn)).toEqual(new Set([true, false]))
    expect(checkers.map((checker) => mutes(7, 15, checker))).toEqual(drawn)
    expect(checkers.some((checker) => mutes(8, 15, checker))).toBe(false)
    expect(mutedBy(crypto, file, id(0x12))).toBeNull()
  })

  it('hears nothing of muted checkers and tells them nothing; to the others all stays as it was', async () => {
    const [loud, muted] = [id(1), id(2)]
    const messages$ = new Subject<{ checker: AccountId, message: RoundMessage }>()
    const opened$ = new Subject<AccountId>()
    const sent: AccountId[] = []
    const links: Links = { messages$, opened$, open: () => [loud, muted], send: async (checker) => sent.push(checker) > 0 }
    const quiet = mutedLinks(links, (checker) => checker === muted)
    const heard: AccountId[] = []
    quiet.messages$.subscribe(({ checker }) => heard.push(checker))
    for (const checker of [loud, muted]) messages$.next({ checker, message: { tag: 'Nonce', value: { round: 1, signature: new Uint8Array(64) } } })
    expect(heard).toEqual([loud])
    const words: MachineMessage[] = [
      { tag: 'Progress', value: { round: 1, step: 1, key: id(3) } },
      { tag: 'Commitment', value: { round: 1, blob: new Uint8Array() } },
      { tag: 'Openings', value: { round: 1, blob: new Uint8Array() } },
      { tag: 'NotRun', value: { round: 1, reason: 'BUSY' } },
    ]
    for (const word of words) expect([await quiet.send(loud, word), await quiet.send(muted, word)]).toEqual([true, true])
    expect(sent).toEqual([loud, loud, loud, loud])
    expect(quiet.open()).toEqual([loud, muted])
    expect(quiet.opened$).toBe(opened$)
  })
})
