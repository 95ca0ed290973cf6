import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SignedRounds } from './signed.ts'

let dir: string
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-signed-'))))
afterAll(() => rm(dir, { recursive: true }))
const network = `0x${'ab'.repeat(32)}` as const
const bytes = (text: string) => new TextEncoder().encode(text)

describe('SignedRounds', () => {
  it('keeps the first commitment of a round for ever, also for the next process', async () => {
    const signed = new SignedRounds(dir, network)
    expect(await signed.commitment(7)).toBeUndefined()
    expect(await signed.keep(7, bytes('first'))).toEqual(bytes('first'))
    expect(await signed.keep(7, bytes('second'))).toEqual(bytes('first'))
    expect(await new SignedRounds(dir, network).commitment(7)).toEqual(bytes('first'))
  })
  it('holds networks apart', async () => {
    expect(await new SignedRounds(dir, `0x${'cd'.repeat(32)}`).commitment(7)).toBeUndefined()
  })
  it('forgets what is old and nothing else', async () => {
    const signed = new SignedRounds(join(dir, 'old'), network)
    await signed.forget(3)
    for (const round of [9, 10, 11]) await signed.keep(round, bytes(`${round}`))
    await writeFile(join(dir, 'old', 'signed', 'abababababababab', 'notes.txt'), '')
    await signed.forget(10)
    expect((await readdir(join(dir, 'old', 'signed', 'abababababababab'))).sort()).toEqual(['10.commitment', '11.commitment', 'notes.txt'])
  })
  it('throws when the disk refuses, so that nothing unsaved is sent', async () => {
    const locked = join(dir, 'locked')
    await writeFile(locked, '')
    await chmod(locked, 0o444)
    await expect(new SignedRounds(locked, network).keep(1, bytes('x'))).rejects.toMatchObject({ code: 'DISK' })
  })
})
