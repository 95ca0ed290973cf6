// Hostile bytes at every decoder and verifier: random ones, and valid ones that were spoiled. What comes out is a value with that one encoding, a MalformedError, or a plain verdict; never another error, a hang, or memory out of proportion.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Actor, testCrypto as crypto } from '../testing/actors.ts'
import { type Chance, DECODERS, type Decoder, MUTATIONS } from '../testing/corpus.ts'
import { openingsBlob, playNetwork, roundOf } from '../testing/round.ts'
import { equalBytes, type Hash } from './bytes.ts'
import { MalformedError } from './codec.ts'
import { chainKeys } from './compute/chain.ts'
import { verifyOpenings } from './compute/verify.ts'
import { checkPackage, gatherEvidence } from './evidence.ts'
import { decodeSignedIdentity, verifyIdentity } from './identity.ts'
import { judgeRound } from './judge.ts'
import { applyBlock, type LedgerEvent, roundFacts } from './ledger.ts'
import { blobId, type Manifest } from './manifest.ts'
import { verifyMerkleProof } from './merkle.ts'
import { decodeParameters, validateParameters } from './parameters.ts'
import { parseStatementKey, reportKey } from './storage-keys.ts'
import { decodeOpeningsBlob, nonceOf } from './work.ts'

const RUNS = 3000

/** Valid bytes, spoiled one to four times; chance comes from fast-check, so a failure is shown and shrinks. */
const spoiled = ({ valid }: Decoder): fc.Arbitrary<Uint8Array> =>
  fc.tuple(fc.constantFrom(...valid), fc.array(fc.constantFrom(...Object.values(MUTATIONS)), { minLength: 1, maxLength: 4 }), fc.infiniteStream(fc.nat())).map(([bytes, mutations, numbers]) => {
    const chance: Chance = (below) => numbers.next().value! % below
    return mutations.reduce((given, mutate) => (given.length === 0 ? given : mutate(given, chance)), bytes)
  })

/** Nothing, a MalformedError, or the one encoding of what was read; the input stays as it was. */
function readsOrRefuses({ again }: Decoder, bytes: Uint8Array): void {
  const before = bytes.slice()
  try {
    expect(equalBytes(again(bytes), bytes)).toBe(true)
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError)
    // Short, and no byte of a stranger in it.
    expect((error as Error).message).toMatch(/^[ -~]{1,300}$/)
  }
  expect(equalBytes(bytes, before)).toBe(true)
}

describe.each(DECODERS)('the decoder of a $name', (decoder) => {
  test('reads what is valid', () => {
    for (const bytes of decoder.valid) expect(equalBytes(decoder.again(bytes), bytes)).toBe(true)
  })

  test('refuses what was spoiled, or reads another value that has this one encoding', () => {
    fc.assert(fc.property(spoiled(decoder), (bytes) => readsOrRefuses(decoder, bytes)), { numRuns: RUNS })
  })

  test('takes any bytes', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.of(1, ...bytes))), (bytes) => readsOrRefuses(decoder, bytes)), { numRuns: RUNS })
  })

  test('allocates for no length that lies', () => {
    const [valid] = decoder.valid
    const before = process.memoryUsage()
    let most = 0
    for (let at = 0; at < Math.min(valid!.length, 400); at++) {
      const forged = valid!.slice()
      forged.set([0xfe, 0xff, 0xff, 0xff].slice(0, valid!.length - at), at)
      readsOrRefuses(decoder, forged)
      const now = process.memoryUsage()
      most = Math.max(most, now.arrayBuffers + now.external - before.arrayBuffers - before.external)
    }
    // Each lie speaks of 2^30 entries.
    expect(most).toBeLessThan(2 ** 28)
  })
})

const net = playNetwork({ checkers: 3, machines: 1, parameters: { epochRounds: 1, samples: 4 } })
const { facts, evidence } = await roundOf(net, 0)
const [machine] = net.machines as [Actor]
const shown = net.works.get(0)!.get(machine.account)!
const coins = facts.coins(machine.account, shown.id)!
const nonces = Map.groupBy(shown.commitment.folds, ({ step }) => step)
const claim = {
  seed: facts.seedOf(machine.account)!,
  log2n: facts.parameters.log2n,
  roots: shown.commitment.roots,
  keys: chainKeys(crypto, facts.seedOf(machine.account)!, shown.commitment.roots, new Map([...nonces].map(([step, folds]) => [step, folds.map(({ signature }) => nonceOf(crypto, signature))]))),
  coins,
  samples: facts.parameters.samples,
}
const opened = decodeOpeningsBlob(shown.open(coins)).openings
const decoderOf = (name: string): Decoder => DECODERS.find((decoder) => decoder.name === name)!

describe('the verifiers', () => {
  const openings: Decoder = { name: 'openings', valid: [opened], again: (bytes) => bytes }

  test('of openings say what is wrong with any bytes, and OK only to the right ones', () => {
    expect(verifyOpenings(crypto, { ...claim, openings: opened })).toBe('OK')
    const any = fc.oneof(spoiled(openings), fc.uint8Array({ maxLength: 100 }), fc.nat(255).map((byte) => new Uint8Array(opened.length).fill(byte)))
    fc.assert(
      fc.property(any, (bytes) => {
        const verdict = verifyOpenings(crypto, { ...claim, openings: bytes })
        expect(verdict === 'OK').toBe(equalBytes(bytes, opened))
      }),
      { numRuns: RUNS },
    )
  })

  test('of openings take any roots, keys, seed and coins that a commitment can name', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(fc.array(bytes32, { minLength: 1, maxLength: 5 }), bytes32, bytes32, fc.constantFrom(6, 7), fc.integer({ min: 1, max: 5 }), fc.nat(3), (roots, seed, coins, log2n, samples, shape) => {
        const keys = chainKeys(crypto, seed, roots, new Map())
        const bytes = shape === 0 ? opened : new Uint8Array(samples * 2 ** shape * (4 * 2 ** log2n + 32 * log2n))
        expect(['BAD_LENGTH', 'BAD_PATH']).toContain(verifyOpenings(crypto, { seed, log2n, roots, keys, coins, samples, openings: bytes }))
      }),
      { numRuns: 300 },
    )
  })

  test('of a Merkle proof say false to anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.oneof(fc.integer(), fc.double()), fc.oneof(fc.integer(), fc.double()), fc.array(fc.oneof(fc.string(), fc.constant(facts.beacon!)), { maxLength: 40 }), (leaf, index, size, proof) => {
        expect(verifyMerkleProof(crypto, facts.beacon!, leaf, index, size, proof as Hash[])).toBe(false)
      }),
      { numRuns: RUNS },
    )
  })

  test('of an identity never throw on what the decoder read', () => {
    const identities = decoderOf('signed identity')
    fc.assert(
      fc.property(spoiled(identities), (bytes) => {
        let read
        try {
          read = decodeSignedIdentity(bytes)
        } catch {
          return
        }
        const verdict = verifyIdentity(crypto, read, { network: read.identity.network, account: read.identity.account })
        expect(verdict === 'OK').toBe(identities.valid.some((valid) => equalBytes(valid, bytes)))
      }),
      { numRuns: RUNS },
    )
  })

  test('of parameters never throw on what the decoder read', () => {
    fc.assert(
      fc.property(spoiled(decoderOf('parameters')), (bytes) => {
        try {
          expect(validateParameters(decodeParameters(bytes))).toBeInstanceOf(Array)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      }),
      { numRuns: RUNS },
    )
  })

  test('of a statement’s key take any text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.string({ maxLength: 30 }), (any, tail) => {
        for (const key of [any, `assay/s/${net.network.slice(2, 18)}/${tail}`]) {
          const parsed = parseStatementKey(net.network, key)
          if (parsed !== null) expect(Number.isSafeInteger(parsed.epoch) && Number.isSafeInteger(parsed.chunk)).toBe(true)
        }
      }),
      { numRuns: RUNS },
    )
  })
})

describe('what takes whole rounds of strangers’ bytes', () => {
  test('a package is well-formed or refused, whatever stands in its manifest', () => {
    const checker = net.checkers[0]!.account
    const manifests = { ...decoderOf('manifest'), valid: [...evidence.packages.keys()].flatMap((of) => (of === checker ? [net.blobs.get(facts.packageRoots.get(of)!)!] : [])) }
    const honest = checkPackage(crypto, facts, checker, manifests.valid[0]!) as Manifest
    expect(honest).toMatchObject({ checker, round: 0 })
    fc.assert(
      fc.property(spoiled(manifests), (bytes) => {
        const checked = checkPackage(crypto, facts, checker, bytes)
        if (typeof checked === 'string') expect(['BAD_PACKAGE', 'WRONG_ROOT']).toContain(checked)
        // Evidence is not under the report's root; what was observed, and the salt over it, is.
        else expect([checked.observations, checked.salt]).toEqual([honest.observations, honest.salt])
      }),
      { numRuns: RUNS },
    )
  })

  test('a round is judged whatever blobs are offered, and good openings beside them keep it a PASS', () => {
    const elsewhere = decoderOf('commitment blob')
    // Those are of the same machine in another network in small: left whole, they would be a second commitment indeed.
    const broken = spoiled(elsewhere).filter((bytes) => !elsewhere.valid.some((valid) => equalBytes(valid, bytes)))
    const any = fc.oneof(broken, spoiled({ name: '', valid: [shown.blob, shown.open(coins)], again: (bytes) => bytes }), fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 2000 }).map((bytes) => openingsBlob(machine, facts, shown.id, bytes)))
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 3 }), (blobs) => {
        const refs = blobs.map((bytes) => ({ id: blobId(crypto, bytes), size: bytes.length }))
        const [liar, ...others] = [...evidence.packages]
        const lied = { ...liar![1], evidence: [{ machine: machine.account, commitments: refs.slice(0, 2), openings: refs.slice(-1) }] }
        const offered = { refused: new Map(), packages: new Map([[liar![0], lied], ...others]), blobs: new Map([...evidence.blobs, ...refs.map(({ id }, i) => [id, blobs[i]!] as const)]) }
        expect(judgeRound(crypto, facts, offered).verdicts[0]).toMatchObject({ outcome: 'PASS', reason: 'OK' })
      }),
      { numRuns: 300 },
    )
  })

  test('a ledger takes any item, attribute and role, and its rounds stay whole', async () => {
    const who = fc.constantFrom(...[...net.checkers, ...net.machines].map(({ account }) => account), net.network)
    const bytes = fc.oneof(...DECODERS.slice(0, 7).map(spoiled), fc.uint8Array({ maxLength: 200 }))
    const key = fc.constantFrom('assay/params', 'assay/machine', 'assay/checker', reportKey(net.network), `assay/s/${net.network.slice(2, 18)}/0/0`, 'assay/s/x', '')
    const event: fc.Arbitrary<LedgerEvent> = fc.oneof(
      fc.record({ kind: fc.constant('item' as const), who, key, value: bytes, update: fc.boolean() }),
      fc.record({ kind: fc.constant('attribute' as const), who, subject: who, value: bytes, identity: fc.option(bytes) }),
      fc.record({ kind: fc.constant('role' as const), owner: who, role: fc.constant(facts.beacon!), user: who, assigned: fc.boolean() }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 2, max: 40 }), event), { maxLength: 12 }), async (events) => {
        let ledger: Parameters<typeof applyBlock>[1] = { ...net.ledger, head: null, parameters: [], identities: { machine: new Map(), checker: new Map() }, roles: new Map(), rounds: [], statements: new Map() }
        for (const block of net.blocks) {
          const more = events.filter(([number]) => number === block.number).map(([, one]) => one)
          ledger = applyBlock(crypto, ledger, more.length === 0 ? block : { ...block, events: [...more, ...block.events] })
        }
        const now = roundFacts(crypto, ledger, 0)!
        const gathered = await gatherEvidence(crypto, now, net.load)
        expect(judgeRound(crypto, now, gathered.evidence).verdicts).toHaveLength(now.machines.length)
      }),
      { numRuns: 300 },
    )
  })
})
