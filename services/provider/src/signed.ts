// What this machine has signed, by round, on disk before anyone sees it: two different commitments in one round are proof of a cheat, and a crash is no excuse.
import { readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeOnce } from '@assay/kit/blobs'
import type { AccountId } from '@assay/protocol'

/** The signed commitments of one machine in one network, and the facts that they name. */
export class SignedRounds {
  readonly #dir: string

  constructor(dataDir: string, network: AccountId) {
    this.#dir = join(dataDir, 'signed', network.slice(2, 18))
  }

  /** The commitment blob of a round, if one was ever kept. */
  commitment(round: number): Promise<Uint8Array | undefined> {
    return read(this.#path(round, 'commitment'))
  }

  /**
   * Keeps a commitment blob and returns the one that counts: the first ever kept for the round, which is on disk when this returns. Throws OperatorError DISK, and then
   * nothing may be sent.
   */
  async keep(round: number, blob: Uint8Array): Promise<Uint8Array> {
    return (await writeOnce(this.#path(round, 'commitment'), blob)) ? blob : ((await this.commitment(round)) ?? blob)
  }

  /** What the machine says of itself in a round, if that was kept. */
  facts(round: number): Promise<Uint8Array | undefined> {
    return read(this.#path(round, 'facts'))
  }

  /** Keeps the facts that a commitment will name, and returns those that count: the first ever kept for the round. Throws OperatorError DISK. */
  async keepFacts(round: number, facts: Uint8Array): Promise<Uint8Array> {
    return (await writeOnce(this.#path(round, 'facts'), facts)) ? facts : ((await this.facts(round)) ?? facts)
  }

  /** Removes what was kept for rounds before `round`. */
  async forget(round: number): Promise<void> {
    const names = await readdir(this.#dir).catch(() => [])
    const old = names.filter((name) => /^\d+\.(commitment|facts)$/.test(name) && Number.parseInt(name) < round)
    await Promise.all(old.map((name) => rm(join(this.#dir, name), { force: true })))
  }

  #path(round: number, what: 'commitment' | 'facts'): string {
    return join(this.#dir, `${round}.${what}`)
  }
}

async function read(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
