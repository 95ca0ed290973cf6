// Machines that lie, each in its own way and in one round only: before it they are as honest as any.
import { firstValueFrom, type Observable, startWith } from 'rxjs'
import { type AccountId, decodeOpeningsBlob, encodeOpeningsBlob, type Hash, jobSeed, nonceMessage } from '@assay/protocol'
import type { Engine, StageOptions } from '@assay/provider/engines/engine'
import { runJob } from '@assay/provider/job'
import type { ChainState } from '@assay/provider/rounds'
import { nodeCrypto as crypto } from '@assay/runtime-bindings'
import { person, type Person } from '../people.ts'
import type { World } from '../world.ts'
import { createEngine as createLazyEngine } from './lazy-rows.ts'
import { clockFrom, type Deed, handing, inRound, playMachine, type Played, saying, signedAnew, staging, unconfirmed$ } from './machine.ts'

export type MachineLiar = (typeof MACHINE_LIARS)[number]
export const MACHINE_LIARS = ['silent', 'two-faced', 'replayer', 'stale', 'stale-signed', 'borrower', 'plagiarist', 'bigamist', 'forger', 'early', 'late'] as const

/** The account of a network that there is not. */
export const OTHER_NETWORK = person('other-network').account.id

/** Sets them all to work; they lie in `round`. `lender` is a machine whose work others pass off as theirs. */
export async function playLiars(world: World, { engine, round, lender }: { engine: Engine; round: number; lender: Played & { who: Person } }): Promise<void> {
  const played = new Map<MachineLiar, Played>()
  const lie = (name: MachineLiar, deed: (who: Person) => Deed, now$?: Observable<ChainState>): void => {
    const who = person(name)
    played.set(name, playMachine(world, who, { engine, deed: inRound(round, deed(who)), ...(now$ && { now$ }) }))
  }
  const before = (name: MachineLiar, tag: 'Commitment' | 'Openings'): Promise<Uint8Array> => played.get(name)!.blob(tag, round - 1)
  const otherJob =
    (seed: () => Promise<Uint8Array>): Deed =>
    (job, deps, signal) =>
      runJob(job, { ...deps, engine: staging(engine, async (options): Promise<StageOptions> => ({ ...options, seed: await seed() })) }, signal)

  // Skips rows in every round, and is gone when the coins are known, which surely hit one of them.
  playMachine(world, person('silent'), { engine: await createLazyEngine({ crypto, threads: 1 }), deed: saying('Openings', () => null) })
  // Shows one checker another commitment than the others.
  lie('two-faced', (who) => handing('Commitment', (blob, checker) => (checker === smallestChecker(world) ? signedAnew(who, blob, ({ roots }) => ({ roots: roots.with(-1, new Uint8Array(32)) })) : blob)))
  // Hands in the commitment of the round before once more.
  lie('replayer', () => handing('Commitment', () => before('replayer', 'Commitment')))
  // Opens with the blob of the round before; or with the rows of the round before, signed for this one.
  lie('stale', () => handing('Openings', () => before('stale', 'Openings')))
  lie('stale-signed', (who) =>
    handing('Openings', async (blob) => encodeOpeningsBlob(crypto, { ...decodeOpeningsBlob(blob), openings: decodeOpeningsBlob(await before('stale-signed', 'Openings')).openings }, (digest) => who.peer.sign(digest))),
  )
  // Hands in what another machine signed; or does the job of another machine in place of its own; or the job that it would have in another network.
  lie('borrower', () => handing('Commitment', () => lender.blob('Commitment', round)))
  lie('plagiarist', () => otherJob(async () => world.facts(round)!.seedOf(lender.who.account.id)!))
  lie('bigamist', (who) => otherJob(async () => jobSeed(crypto, OTHER_NETWORK, round, await world.chain.rpc.request<Hash>('chain_getBlockHash', [world.at(round).seed]), who.account.id)))
  // Folds a nonce that no checker signed, to begin before the nonces come.
  lie('forger', (who) => withForgedNonce(world, who, () => {}))
  // The same on blocks that are not confirmed yet, and with the checker's own signature put in place of the forged one when it has come.
  lie('early', (who) => withForgedNonce(world, who, (forged, real) => forged.set(real)), unconfirmed$(world))
  // Commits when nobody takes it any more.
  lie('late', () => saying('Commitment', async (message) => (await world.block(world.at(round).commitmentBy + 2), message)))
}

/** The job with a made-up nonce of one checker, which the machine chooses to believe; its window begins with the real one, which `meet` is told of. */
function withForgedNonce(world: World, who: Person, meet: (forged: Uint8Array, real: Uint8Array) => void): Deed {
  return async (job, deps, signal) => {
    const { facts: { network, round, beacon } } = await firstValueFrom(job.view$)
    const checker = smallestChecker(world)
    const signature = who.peer.sign(nonceMessage(network, round, beacon!, who.account.id, checker))
    const now = clockFrom(deps.links, (from, nonce) => {
      if (from !== checker || nonce.round !== round) return false
      meet(signature, nonce.signature)
      return true
    })
    const messages$ = deps.links.messages$.pipe(startWith({ checker, message: { tag: 'Nonce' as const, value: { round, signature } } }))
    return runJob(job, { ...deps, now, crypto: { ...crypto, ed25519Verify: () => true }, links: { ...deps.links, messages$ } }, signal)
  }
}

const smallestChecker = (world: World): AccountId => world.checkers.map(({ account }) => account.id).toSorted()[0]!
