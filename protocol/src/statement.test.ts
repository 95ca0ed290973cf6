import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { accountOf, testCrypto as crypto } from '../testing/actors.ts'
import { type AccountId, concat, fromHex, type Hash, type Hex, toHex } from './bytes.ts'
import { MalformedError } from './codec.ts'
import type { CheckerVerdict, MachineVerdict } from './judge.ts'
import type { Registered } from './ledger.ts'
import { merkleProof, merkleRoot, verifyMerkleProof } from './merkle.ts'
import { ITEM_BYTES } from './parameters.ts'
import { type Canaries, type CheckerRow, type EpochState, FIRST_STATE, type MachineRow, scoreEpoch, type ScoreParameters } from './score.ts'
import { buildStatement, decodeStatement, encodeCalibrationLeaf, encodeEvidenceLeaf, encodePayoutLeaf, encodeRegistryLeaf, encodeRows, encodeScoreLeaf, encodeStandingLeaf, encodeStatement, type CalibrationLeaf, type JudgedRound, type StandingLeaf, stateOfLeaves, statementRoot } from './statement.ts'

// A judged epoch, and its statement as a program of its own has it.
type Text<T> = { [K in keyof T]: T[K] extends bigint ? string : T[K] }
interface Seat<Row> {
  account: AccountId
  owner: AccountId
  peer: Hash
  anchor: Hash
  row: Row
  evidence?: { commitment: Hash; package: Hash } | null
}
interface Leaf {
  value: Record<string, string | number>
  bytes: Hex
}
const vector = JSON.parse(readFileSync(new URL('../../test/vectors/statement.json', import.meta.url), 'utf8')) as {
  input: {
    network: AccountId
    epoch: number
    parameters: Text<Omit<ScoreParameters, 'poolPerEpoch' | 'minimumPayout'>> & { poolPerEpoch: string; minimumPayout: string }
    stateIn: { carried: { account: AccountId; amount: string }[]; standings: StandingLeaf[]; calibrations: CalibrationLeaf[] }
    canaries: { machines: AccountId[]; trials: CalibrationLeaf[] }
    rounds: { round: number; machines: Seat<Text<Omit<MachineRow, 'standing'>>>[]; checkers: Seat<CheckerRow>[] }[]
  }
  scoreLeaves: (Leaf & { encodedRows: Hex[] })[]
  payoutLeaves: Leaf[]
  registryLeaves: Leaf[]
  evidenceLeaves: Leaf[]
  standingLeaves: Leaf[]
  calibrationLeaves: Leaf[]
  statement: { value: Record<string, string | number>; bytes: Hex; chunks: Hex[]; root: Hash }
}
const { input } = vector
const parameters = { ...input.parameters, poolPerEpoch: BigInt(input.parameters.poolPerEpoch), minimumPayout: BigInt(input.parameters.minimumPayout) }
const byAccount = <T extends { account: AccountId }>(leaves: readonly T[]): Map<AccountId, Omit<T, 'account'>> => new Map(leaves.map(({ account, ...rest }) => [account, rest]))
const before: EpochState = { carried: new Map(input.stateIn.carried.map(({ account, amount }) => [account, BigInt(amount)])), standings: byAccount(input.stateIn.standings), calibrations: byAccount(input.stateIn.calibrations) }
const canaries: Canaries = { machines: new Set(input.canaries.machines), trials: byAccount(input.canaries.trials) }

const registered = ({ account, owner, peer, anchor }: Seat<unknown>): Registered => ({
  account,
  anchor,
  block: 1,
  identity: { kind: 'machine', network: input.network, account, owner, peer, addresses: [], evidence: [] },
})
const judged: JudgedRound[] = input.rounds.map(({ round, machines, checkers }) => ({
  facts: { round, machines: machines.map(registered), checkers: checkers.map(registered) },
  judgement: {
    round,
    verdicts: machines.map(
      ({ account, owner, row }): MachineVerdict => ({ ...row, work: BigInt(row.work), machine: account, owner, commitment: null, counted: 3, committee: [], opened: true, facts: null, flags: [], claim: null, shownKiB: 0, memoryKiB: 0, scanMBps: 0, relayUs: null, downKbps: 1, upKbps: 1, rttUs: 1, observations: [] }),
    ),
    checkers: checkers.map(({ account, owner, row, evidence = null }): CheckerVerdict => ({ ...row, checker: account, owner, reported: true, packageCounted: evidence !== null, evidence })),
  },
}))
const result = scoreEpoch(input.epoch, judged.map(({ judgement }) => judgement), parameters, before, canaries)
const built = buildStatement(crypto, input.network, result, judged)

const asText = (leaf: object): Record<string, unknown> => Object.fromEntries(Object.entries(leaf).map(([name, value]) => [name, typeof value === 'bigint' ? value.toString() : value]))

describe('the statement of the vector', () => {
  test('has its scores, with their rows', () => {
    expect(built.scoreLeaves.map(asText)).toEqual(vector.scoreLeaves.map(({ value }) => value))
    expect(built.scoreLeaves.map((leaf) => toHex(encodeScoreLeaf(leaf)))).toEqual(vector.scoreLeaves.map(({ bytes }) => bytes))
    expect(result.scores.map((score) => encodeRows(score).map(toHex))).toEqual(vector.scoreLeaves.map(({ encodedRows }) => encodedRows))
  })

  test('has its payouts, registry and evidence', () => {
    expect(built.payoutLeaves.map(asText)).toEqual(vector.payoutLeaves.map(({ value }) => value))
    expect(built.payoutLeaves.map((leaf) => toHex(encodePayoutLeaf(leaf)))).toEqual(vector.payoutLeaves.map(({ bytes }) => bytes))
    expect(built.registryLeaves.map(asText)).toEqual(vector.registryLeaves.map(({ value }) => value))
    expect(built.registryLeaves.map((leaf) => toHex(encodeRegistryLeaf(leaf)))).toEqual(vector.registryLeaves.map(({ bytes }) => bytes))
    expect(built.evidenceLeaves.map(asText)).toEqual(vector.evidenceLeaves.map(({ value }) => value))
    expect(built.evidenceLeaves.map((leaf) => toHex(encodeEvidenceLeaf(leaf)))).toEqual(vector.evidenceLeaves.map(({ bytes }) => bytes))
  })

  test('has what it leaves to the next epoch, which its leaves give back', () => {
    expect(built.standingLeaves.map(asText)).toEqual(vector.standingLeaves.map(({ value }) => value))
    expect(built.standingLeaves.map((leaf) => toHex(encodeStandingLeaf(leaf)))).toEqual(vector.standingLeaves.map(({ bytes }) => bytes))
    expect(built.calibrationLeaves.map(asText)).toEqual(vector.calibrationLeaves.map(({ value }) => value))
    expect(built.calibrationLeaves.map((leaf) => toHex(encodeCalibrationLeaf(leaf)))).toEqual(vector.calibrationLeaves.map(({ bytes }) => bytes))
    const leaves = { payouts: built.payoutLeaves.map(encodePayoutLeaf), standings: built.standingLeaves.map(encodeStandingLeaf), calibrations: built.calibrationLeaves.map(encodeCalibrationLeaf) }
    expect(stateOfLeaves(leaves)).toEqual(result.state)
    expect(() => stateOfLeaves({ ...leaves, standings: [Uint8Array.of(1)] })).toThrow(MalformedError)
    const boastful = { account: accountOf('checker 1'), muted: 256, falseAccepts: 0, shown: 256, falseRejects: 512 }
    const [fair, more] = [encodeCalibrationLeaf({ ...boastful, falseRejects: 256 }), new Uint8Array(48)]
    more.set(fair)
    more.set([0, 2, 0, 0], fair.length - 4)
    expect(() => encodeCalibrationLeaf(boastful)).toThrow(RangeError)
    expect(() => stateOfLeaves({ ...leaves, calibrations: [more] })).toThrow('more errors than trials')
  })

  test('has its bytes, chunks and root', () => {
    expect(asText(built.statement)).toEqual(vector.statement.value)
    expect(toHex(built.bytes)).toBe(vector.statement.bytes)
    expect(built.chunks.map(toHex)).toEqual(vector.statement.chunks)
    expect(built.root).toBe(vector.statement.root)
    expect(statementRoot(crypto, input.network, fromHex(vector.statement.bytes))).toBe(vector.statement.root)
  })

  test('fits storage items and reads back', () => {
    expect(built.chunks.every((chunk) => chunk.length <= ITEM_BYTES)).toBe(true)
    expect(concat(...built.chunks)).toEqual(built.bytes)
    expect(decodeStatement(built.bytes)).toEqual(built.statement)
  })

  test('is the same in whatever order rounds, machines and checkers come', () => {
    const turned = judged.toReversed().map(({ facts, judgement }) => ({
      facts: { ...facts, machines: facts.machines.toReversed(), checkers: facts.checkers.toReversed() },
      judgement: { ...judgement, verdicts: judgement.verdicts.toReversed(), checkers: judgement.checkers.toReversed() },
    }))
    expect(buildStatement(crypto, input.network, result, turned)).toEqual(built)
  })

  test('depends on the network', () => {
    expect(statementRoot(crypto, accountOf('network 2'), built.bytes)).not.toBe(built.root)
  })
})

test('every leaf of every tree, and every row, has a proof', () => {
  const { statement } = built
  const trees: [Hash, Uint8Array[]][] = [
    [statement.scores, built.scoreLeaves.map(encodeScoreLeaf)],
    [statement.payouts, built.payoutLeaves.map(encodePayoutLeaf)],
    [statement.registry, built.registryLeaves.map(encodeRegistryLeaf)],
    [statement.evidence, built.evidenceLeaves.map(encodeEvidenceLeaf)],
    [statement.standings, built.standingLeaves.map(encodeStandingLeaf)],
    [statement.calibrations, built.calibrationLeaves.map(encodeCalibrationLeaf)],
    ...result.scores.map((score, i): [Hash, Uint8Array[]] => [built.scoreLeaves[i]!.rows, encodeRows(score)]),
  ]
  for (const [root, leaves] of trees)
    for (const [i, leaf] of leaves.entries()) expect(verifyMerkleProof(crypto, root, leaf, i, leaves.length, merkleProof(crypto, leaves, i))).toBe(true)
})

test('an epoch in which nobody was there has a statement too', () => {
  const { statement, bytes, chunks, scoreLeaves } = buildStatement(crypto, input.network, scoreEpoch(0, [], parameters, FIRST_STATE), [])
  const empty = merkleRoot(crypto, [])
  expect(statement).toEqual({ epoch: 0, scores: empty, payouts: empty, registry: empty, evidence: empty, standings: empty, calibrations: empty, paid: 0n, carried: 0n })
  expect([bytes.length, chunks.length, scoreLeaves.length]).toEqual([229, 2, 0])
})

describe('statement bytes', () => {
  test('any others are refused', () => {
    const wrong = [new Uint8Array(), built.bytes.subarray(1), built.bytes.subarray(0, -1), concat(built.bytes, Uint8Array.of(0)), concat(Uint8Array.of(2), built.bytes.subarray(1))]
    for (const bytes of wrong) expect(() => decodeStatement(bytes)).toThrow(MalformedError)
    const decoded = (bytes: Uint8Array): Uint8Array | string => {
      try {
        return encodeStatement(decodeStatement(bytes))
      } catch (error) {
        return error instanceof MalformedError ? 'malformed' : String(error)
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['malformed', bytes]).toContainEqual(decoded(bytes))
      }),
    )
    fc.assert(
      fc.property(fc.nat(built.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = built.bytes.map((byte, i) => (i === at ? byte ^ flip : byte))
        expect(decoded(bytes)).toEqual(at === 0 ? 'malformed' : bytes)
      }),
    )
  })
})
