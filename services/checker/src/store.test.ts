import { DatabaseSync } from 'node:sqlite'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { NEW_STANDING, type Hash } from '@assay/protocol'
import { Store } from './store.ts'

const id = (n: number): Hash => `0x${n.toString(16).padStart(64, '0')}`
const owner = { network: id(1), account: id(2) }
const report = (round: number, byte: number) => ({ round, salt: new Uint8Array(32).fill(byte), observations: Uint8Array.of(byte), item: Uint8Array.of(1, byte) })

let dir: string
let store: Store
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'assay-store-'))
  store = new Store(dir, owner)
})
afterEach(() => {
  store.close()
  rmSync(dir, { recursive: true, force: true })
})
const reopen = () => {
  store.close()
  store = new Store(dir, owner)
}

describe('a report', () => {
  test('is written once: a second one of the same round is not kept', () => {
    expect(store.keepReport(report(5, 7))).toMatchObject({ round: 5, landed: null, item: Uint8Array.of(1, 7) })
    reopen()
    expect(store.keepReport(report(5, 9)).item).toEqual(Uint8Array.of(1, 7))
    store.reportLanded(5, 77)
    reopen()
    expect(store.report(5)?.landed).toBe(77)
    expect(store.report(6)).toBeUndefined()
  })
})

describe('readings and commitments', () => {
  const reading = { reached: true, declined: null, rttUs: 250, downKbps: 1000, upKbps: 900, lastStep: 41, lastKey: id(3), firstUs: 800 }

  test('readings come back as they were, a later one replaces', () => {
    store.saveReadings(1, [[id(10), reading], [id(11), { ...reading, reached: false, declined: 'BUSY' as const }]])
    store.saveReadings(1, [[id(10), { ...reading, lastStep: 50 }]])
    reopen()
    expect(store.readings(1)).toEqual(new Map([[id(10), { ...reading, lastStep: 50 }], [id(11), { ...reading, reached: false, declined: 'BUSY' as const }]]))
    expect(store.readings(2).size).toBe(0)
  })

  test('of the commitments the first and the first that differs are kept', () => {
    const blob = (n: number) => ({ id: id(n), size: n, bytes: new Uint8Array(n).fill(n) })
    expect(store.addCommitment(1, id(10), blob(1))).toBe('first')
    expect(store.addCommitment(1, id(10), blob(1))).toBe('known')
    expect(store.addCommitment(1, id(10), blob(2))).toBe('second')
    expect(store.addCommitment(1, id(10), blob(3))).toBe('excess')
    expect(store.addCommitment(1, id(11), blob(3))).toBe('first')
    const ref = (n: number) => ({ id: id(n), size: n })
    expect(store.commitments(1)).toEqual(new Map([[id(10), [ref(1), ref(2)]], [id(11), [ref(3)]]]))
    expect(store.commitmentsOf(1, id(10))).toEqual([ref(1), ref(2)])
    expect(store.commitmentsOf(2, id(10))).toEqual([])
  })

  test('the bytes of commitments are here until their round is published', () => {
    for (const round of [1, 2, 3]) store.addCommitment(round, id(10), { id: id(round), size: 1, bytes: Uint8Array.of(round) })
    expect(store.unpublished(2, id(2))).toEqual(Uint8Array.of(2))
    store.forgetUnpublished(2)
    expect([1, 2, 3].map((round) => store.unpublished(round, id(round)))).toEqual([undefined, undefined, Uint8Array.of(3)])
    expect(store.commitments(2).size).toBe(1)
  })

  test('what comes at once is written in one go, and nobody is told before it is on disk', async () => {
    const told: string[] = []
    const both = [1, 2].map((n) => store.together(() => store.addCommitment(1, id(n), { id: id(n), size: 1, bytes: Uint8Array.of(n) })).then((what) => told.push(what)))
    expect(store.commitments(1).size).toBe(0)
    await Promise.all(both)
    expect(told).toEqual(['first', 'first'])
    expect(store.commitments(1).size).toBe(2)
  })

  test('of what is written in one go nothing stays if one of it fails, and all are told', async () => {
    const ok = store.together(() => store.addOpenings(1, id(1), { id: id(1), size: 1 }))
    const failing = store.together(() => { throw new Error('no') })
    await expect(ok).rejects.toThrow('no')
    await expect(failing).rejects.toThrow('no')
    expect(store.openingsOf(1, id(1))).toBeUndefined()
  })

  test('what waits is written when the store is closed', async () => {
    const kept = store.together(() => store.addOpenings(1, id(1), { id: id(1), size: 1 }))
    store.close()
    expect(await kept).toBe(true)
    store = new Store(dir, owner)
    expect(store.openingsOf(1, id(1))).toEqual({ id: id(1), size: 1 })

  })

  test('of the openings the first are kept', () => {
    expect(store.addOpenings(1, id(10), { id: id(1), size: 1 })).toBe(true)
    expect(store.addOpenings(1, id(10), { id: id(2), size: 2 })).toBe(false)
    expect(store.openings(1)).toEqual(new Map([[id(10), { id: id(1), size: 1 }]]))
  })

  test('that a round fired is remembered', () => {
    store.fire(4)
    reopen()
    expect([store.hasFired(4), store.hasFired(5)]).toEqual([true, false])
  })
})

test('a package publishes its root and its blobs, and only the first of a round and checker stays', () => {
  store.keepPackage({ round: 1, checker: id(5), root: id(100) }, [id(101)])
  store.keepPackage({ round: 1, checker: id(5), root: id(200) }, [id(201)])
  expect(store.package(1, id(5))?.root).toBe(id(100))
  expect([100, 101, 200, 201].map((n) => store.isPublished(id(n)))).toEqual([true, true, false, false])
})

test('statements keep exact amounts and what became of them', () => {
  const statement = { epoch: 3, root: id(9), bytes: Uint8Array.of(1, 2), payouts: [[id(1), 2n ** 90n]] as const, state: { carried: new Map([[id(2), 2n ** 127n + 1n]]), standings: new Map([[id(3), { ...NEW_STANDING, passed: 7, benchedUntil: 90 }]]), calibrations: new Map([[id(4), { muted: 256, falseAccepts: 0, shown: 512, falseRejects: 224 }]]) } }
  store.keepStatement(statement)
  store.keepStatement({ ...statement, root: id(8) })
  reopen()
  expect(store.statement(3)).toEqual({ ...statement, landed: null, agreed: null })
  store.statementLanded(3, 90, false)
  store.forgetStatements(90)
  expect(store.statement(3)).toMatchObject({ landed: 90, agreed: false })
  // The block that it landed in is gone from the chain: it is to be settled again.
  store.forgetStatements(89)
  expect(store.statement(3)).toBeUndefined()
})

test('signed extrinsics are kept by their deed; a new signature replaces the old', async () => {
  await store.extrinsics.put('report/1', Uint8Array.of(1))
  await store.extrinsics.put('report/1', Uint8Array.of(2))
  reopen()
  expect(await store.extrinsics.get('report/1')).toEqual(Uint8Array.of(2))
  expect(await store.extrinsics.get('report/2')).toBeUndefined()
})

describe('refusals say what to do', () => {
  test('another network or account', () => {
    store.close()
    expect(() => new Store(dir, { ...owner, network: id(3) })).toThrow(expect.objectContaining({ code: 'OTHER_NETWORK' }))
    store = new Store(dir, owner)
  })

  test('a second process on the same folder, until the first is killed', () => {
    const script = `import { Store } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))}
      try { new Store(${JSON.stringify(dir)}, ${JSON.stringify(owner)}).fire(9); process.kill(process.pid, 'SIGKILL') } catch (error) { console.log(error.code) }`
    const other = () => spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', cwd: import.meta.dirname })
    expect(other().stdout.trim()).toBe('LOCKED')
    store.close()
    expect(other().signal).toBe('SIGKILL')
    store = new Store(dir, owner)
    expect(store.hasFired(9)).toBe(true)
  })

  test('a disk that takes no more, and what was stored before is unharmed', () => {
    store.close()
    const script = `import { Store } from ${JSON.stringify(join(import.meta.dirname, 'store.ts'))}
      const store = new Store(${JSON.stringify(dir)}, ${JSON.stringify(owner)})
      store.fire(1)
      try { store.keepReport({ round: 1, salt: new Uint8Array(32), observations: new Uint8Array(1 << 20), item: new Uint8Array(1) }) } catch (error) { console.log(error.code) }`
    const limited = spawnSync('bash', ['-c', `trap '' XFSZ; ulimit -f 300; exec "$0" --input-type=module -e "$1"`, process.execPath, script], { encoding: 'utf8', cwd: import.meta.dirname })
    expect(limited.stdout.trim()).toBe('DISK')
    store = new Store(dir, owner)
    expect([store.hasFired(1), store.report(1)]).toEqual([true, undefined])
  })

  test('what a later version of this program wrote, which is left as it is; what one wrote before there were versions is taken', () => {
    const tell = (version?: number): unknown => {
      const db = new DatabaseSync(join(dir, 'checker.db'))
      try {
        if (version !== undefined) db.exec(`PRAGMA user_version = ${version}`)
        return db.prepare('PRAGMA user_version').get()
      } finally {
        db.close()
      }
    }
    store.fire(5)
    store.close()
    expect(tell()).toEqual({ user_version: 1 })
    tell(2)
    expect(() => new Store(dir, owner)).toThrow(expect.objectContaining({ code: 'NEWER', exit: 1, message: `the data folder ${dir} was written by a later version of this program` }))
    expect(tell()).toEqual({ user_version: 2 })
    tell(0)
    store = new Store(dir, owner)
    expect(store.hasFired(5)).toBe(true)
  })

  test('a path that is a file', () => {
    expect(() => new Store(join(dir, 'checker.db'), owner)).toThrow(expect.objectContaining({ code: 'DISK' }))
  })
})
