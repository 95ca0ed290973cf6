import { describe, expect, test } from 'vitest'
import { accountOf, type Actor, testCrypto as crypto } from '../testing/actors.ts'
import { type Hooks, type PlayedNetwork, playNetwork, roundOf } from '../testing/round.ts'
import { type Hash, toHex, utf8, ZERO_HASH } from './bytes.ts'
import { checkPackage, gatherEvidence, manifestWanted, packageBlobs } from './evidence.ts'
import { judgeRound } from './judge.ts'
import { roundFacts } from './ledger.ts'
import { encodeManifest, type Manifest } from './manifest.ts'
import { commitmentBytesLimit, manifestBytesLimit, openingsBytesLimit } from './parameters.ts'

const ONE_ROUND = { machines: 1, parameters: { epochRounds: 1, samples: 8 } }
const net = playNetwork(ONE_ROUND)
const facts = roundFacts(crypto, net.ledger, 0)!
const liar = net.checkers[0]!

/** The same network, in which checker 0 publishes something else, and everybody says that it holds it. */
const publishing = (publish: NonNullable<Hooks['publish']>): PlayedNetwork => playNetwork(ONE_ROUND, { publish: (checker, round, manifest, put) => (checker.account === liar.account && round === 0 ? publish(checker, round, manifest, put) : manifest) })

/** What becomes of checker 0's package, and of the machine. */
async function outcome(played: PlayedNetwork): Promise<{ refused: string | undefined; reason: string; verdict: string; counted: number }> {
  const { facts, evidence, missing } = await roundOf(played, 0)
  expect(missing).toEqual([])
  const { verdicts, checkers } = judgeRound(crypto, facts, evidence)
  expect(evidence.packages.has(liar.account)).toBe(!evidence.refused.has(liar.account) && facts.counted.has(liar.account))
  return {
    refused: evidence.refused.get(liar.account),
    reason: checkers.find(({ checker }) => checker === liar.account)!.reason,
    verdict: verdicts[0]!.outcome,
    counted: verdicts[0]!.counted,
  }
}

describe('gathering', () => {
  test('loads every manifest and blob once, within what the protocol allows it to be', async () => {
    const asked: string[] = []
    const { evidence, missing } = await gatherEvidence(crypto, facts, (id, maxBytes) => (asked.push(`${id} ${maxBytes}`), net.load(id, maxBytes)))
    expect(missing).toEqual([])
    expect([...evidence.packages.keys()].toSorted()).toEqual(net.checkers.map(({ account }) => account).toSorted())
    const work = net.works.get(0)!.get(net.machines[0]!.account)!
    const manifests = [...facts.counted.values()]
    const openings = [...evidence.packages.values()][0]!.evidence[0]!.openings[0]!.id
    expect(asked.toSorted()).toEqual(
      [...manifests.map((id) => `${id} ${manifestBytesLimit(facts.parameters, 1)}`), `${work.id} ${commitmentBytesLimit(facts.parameters)}`, `${openings} ${openingsBytesLimit(facts.parameters)}`].toSorted(),
    )
    expect([...evidence.blobs.keys()].toSorted()).toEqual([work.id, openings].toSorted())
  })

  test('names what is not to be had, in ascending order', async () => {
    const roots = [...facts.counted.values()].toSorted()
    expect((await gatherEvidence(crypto, facts, async () => undefined)).missing).toEqual(roots)
    const lost = net.works.get(0)!.get(net.machines[0]!.account)!.id
    expect((await gatherEvidence(crypto, facts, async (id) => (id === lost ? undefined : net.blobs.get(id)))).missing).toEqual([lost])
    expect((await gatherEvidence(crypto, facts, async (id) => (id === roots[0] || id === lost ? undefined : net.blobs.get(id)))).missing).toEqual([roots[0]!, lost].toSorted())
  })

  test('takes no other bytes for a blob', async () => {
    const lost = net.works.get(0)!.get(net.machines[0]!.account)!.id
    const { missing } = await gatherEvidence(crypto, facts, async (id) => (id === lost ? utf8('something else') : net.blobs.get(id)))
    expect(missing).toEqual([lost])
  })

  test('does not depend on the order in which blobs arrive', async () => {
    const late: (() => void)[] = []
    const gathering = gatherEvidence(crypto, facts, (id) => new Promise((arrive) => late.push(() => arrive(net.blobs.get(id)))))
    // Whoever asked last is served first, until nobody asks any more.
    for (let idle = 0; idle < 20; idle++) {
      if (late.length > 0) idle = 0
      late.pop()?.()
      await Promise.resolve()
    }
    const { evidence } = await gathering
    expect(judgeRound(crypto, facts, evidence)).toEqual(judgeRound(crypto, facts, (await gatherEvidence(crypto, facts, net.load)).evidence))
  })

  test('passes on what its source rejects with', async () => {
    await expect(gatherEvidence(crypto, facts, () => Promise.reject(new Error('disk gone')))).rejects.toThrow('disk gone')
  })

  test('of nothing is nothing', async () => {
    const { evidence, missing } = await gatherEvidence(crypto, { ...facts, counted: new Map() }, () => Promise.reject(new Error('asked')))
    expect([evidence.packages.size, evidence.refused.size, evidence.blobs.size, missing.length]).toEqual([0, 0, 0, 0])
  })
})

describe('a package that lying mirrors vouch for', () => {
  const cases: Record<string, [NonNullable<Hooks['publish']>, 'BAD_PACKAGE' | 'WRONG_ROOT']> = {
    'is garbage': [() => utf8('garbage, and no manifest at all'), 'BAD_PACKAGE'],
    'is one empty byte string': [() => new Uint8Array(), 'BAD_PACKAGE'],
    'has trailing bytes': [(_checker, _round, manifest) => Uint8Array.of(...encodeManifest(manifest), 0), 'BAD_PACKAGE'],
    'is longer than any manifest may be': [() => new Uint8Array(10_000), 'BAD_PACKAGE'],
    'is of another network': [(_checker, _round, manifest) => ({ ...manifest, network: accountOf('network 2') }), 'BAD_PACKAGE'],
    'is of another round': [(_checker, _round, manifest) => ({ ...manifest, round: 1 }), 'BAD_PACKAGE'],
    'is of another checker': [(_checker, _round, manifest) => ({ ...manifest, checker: net.checkers[1]!.account }), 'BAD_PACKAGE'],
    'names a machine that is not eligible': [(_checker, _round, manifest) => ({ ...manifest, evidence: [{ ...manifest.evidence[0]!, machine: accountOf('nobody') }] }), 'BAD_PACKAGE'],
    'observes a machine that is not eligible': [(_checker, _round, manifest) => ({ ...manifest, observations: [{ ...manifest.observations[0]!, machine: accountOf('nobody') }] }), 'BAD_PACKAGE'],
    'names a commitment beyond the limit': [(_checker, _round, manifest) => withSizes(manifest, commitmentBytesLimit(facts.parameters) + 1, 1), 'BAD_PACKAGE'],
    'names openings beyond the limit': [(_checker, _round, manifest) => withSizes(manifest, 1, openingsBytesLimit(facts.parameters) + 1), 'BAD_PACKAGE'],
    'has another salt than the report': [(_checker, _round, manifest) => ({ ...manifest, salt: ZERO_HASH }), 'WRONG_ROOT'],
    'edits an observation': [(_checker, _round, manifest) => ({ ...manifest, observations: manifest.observations.map((seen) => ({ ...seen, lastStep: seen.lastStep + 1 })) }), 'WRONG_ROOT'],
    'leaves an observation out': [(_checker, _round, manifest) => ({ ...manifest, observations: [], evidence: [] }), 'WRONG_ROOT'],
    'shows evidence of a machine that it saw nothing of': [(_checker, _round, manifest) => ({ ...manifest, observations: [] }), 'BAD_PACKAGE'],
  }
  test.for(Object.entries(cases))('and that %s does not count, and is no error', async ([, [publish, reason]]) => {
    expect(await outcome(publishing(publish))).toEqual({ refused: reason, reason, verdict: 'PASS', counted: 2 })
  })

  test('and whose blobs have other sizes than promised counts, but shows nothing', async () => {
    const played = publishing((_checker, _round, manifest) => withSizes(manifest, 1, 1))
    expect(await outcome(played)).toEqual({ refused: undefined, reason: 'OK', verdict: 'PASS', counted: 3 })
    const everybody = playNetwork(ONE_ROUND, { publish: (_checker, _round, manifest) => withSizes(manifest, 1, 1) })
    expect((await outcome(everybody)).verdict).toBe('NO_QUORUM')
  })

  test('and that names the same bytes as commitment and openings is loaded for the greater limit', () => {
    const manifest = [...net.blobs].map(([, bytes]) => checkPackage(crypto, facts, liar.account, bytes)).find((one): one is Manifest => typeof one !== 'string')!
    const [commitment] = manifest.evidence[0]!.commitments
    const twice: Manifest = { ...manifest, evidence: [{ ...manifest.evidence[0]!, openings: [commitment!] }] }
    // Whichever of the two may be longer.
    for (const maxSteps of [1, 2 ** 18]) {
      const parameters = { ...facts.parameters, maxSteps }
      expect(packageBlobs(parameters, twice)).toEqual([{ id: commitment!.id, maxBytes: Math.max(commitmentBytesLimit(parameters), openingsBytesLimit(parameters)) }])
    }
  })
})

describe('a checker whose package does not count on chain', () => {
  const only = (of: Actor, at: number, then: Uint8Array | null): Hooks['report'] => (checker, round, item) => (checker.account === of.account && round === at ? then : item)
  const cases: Record<string, [Hooks, string]> = {
    'that reported nothing': [{ report: only(liar, 0, null) }, 'NO_REPORT'],
    'that reported garbage': [{ report: only(liar, 0, utf8('garbage')) }, 'BAD_REPORT'],
    'that posted no package root': [{ report: only(liar, 1, null) }, 'NO_PACKAGE'],
    'that published nothing': [{ publish: (checker, _round, manifest) => (checker.account === liar.account ? null : manifest) }, 'NO_PACKAGE'],
    'whose package no mirror holds': [{ holds: (_mirror, of) => of.account !== liar.account }, 'NOT_HELD'],
  }
  test.for(Object.entries(cases))('%s is told why', async ([, [hooks, reason]]) => {
    expect(await outcome(playNetwork(ONE_ROUND, hooks))).toEqual({ refused: undefined, reason, verdict: 'PASS', counted: 2 })
  })

  test('a package that nobody counts is not even asked for', async () => {
    const played = playNetwork(ONE_ROUND, { holds: () => false })
    const asked: Hash[] = []
    const { facts } = await roundOf(played, 0)
    await gatherEvidence(crypto, facts, async (id) => (asked.push(id), undefined))
    expect(asked).toEqual([])
  })
})

test('a mirror finds the same fault that the judgement finds', () => {
  const root = facts.counted.get(liar.account) as Hash
  expect(manifestWanted(facts, root)).toEqual({ id: root, maxBytes: manifestBytesLimit(facts.parameters, 1) })
  expect(checkPackage(crypto, facts, liar.account, net.blobs.get(root)!)).toMatchObject({ checker: liar.account, round: 0 })
  expect(checkPackage(crypto, facts, net.checkers[1]!.account, net.blobs.get(root)!)).toBe('BAD_PACKAGE')
  expect(checkPackage(crypto, { ...facts, reports: new Map() }, liar.account, net.blobs.get(root)!)).toBe('WRONG_ROOT')
  expect(toHex(crypto.sha256(net.blobs.get(root)!))).toBe(root)
})

function withSizes(manifest: Manifest, commitment: number, openings: number): Manifest {
  const resized = manifest.evidence.map((entry) => ({ ...entry, commitments: entry.commitments.map(({ id }) => ({ id, size: commitment })), openings: entry.openings.map(({ id }) => ({ id, size: openings })) }))
  return { ...manifest, evidence: resized }
}
