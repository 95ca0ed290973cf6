import { spawn } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holderOf, lockFolder } from './lock.ts'

let root: string
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), 'assay-lock-'))))
afterAll(() => rm(root, { recursive: true }))

describe('lockFolder', () => {
  it('makes the folder, keeps a second taker out, and lets the next one in after release', async () => {
    const dir = join(root, 'a', 'b')
    const lock = await lockFolder(dir)
    await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'LOCKED', message: expect.stringContaining(`(${process.pid})`) })
    await lock.release()
    await (await lockFolder(dir)).release()
    expect(await readdir(dir)).toEqual([])
  })
  it('lets exactly one of many in', async () => {
    const dir = join(root, 'many')
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => lockFolder(dir)))
    expect(all.filter((one) => one.status === 'fulfilled').length).toBe(1)
  })
  it('takes over from a process that was killed, and from an older one whose number this process has', async () => {
    const dir = join(root, 'killed')
    const program = `import { lockFolder } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}; await lockFolder(${JSON.stringify(dir)}); console.log('held'); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await expect(lockFolder(dir)).rejects.toMatchObject({ code: 'LOCKED', message: expect.stringContaining(`(${child.pid})`) })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    await (await lockFolder(dir)).release()
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid: process.pid, started: '1', id: 'x' }))
    await (await lockFolder(dir)).release()
    await writeFile(join(dir, 'lock'), 'junk')
    const last = await lockFolder(dir)
    expect(JSON.parse(await readFile(join(dir, 'lock'), 'utf8')).pid).toBe(process.pid)
    await last.release()
  })
  it('says when the folder cannot be written', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(lockFolder(join(root, 'file', 'x'))).rejects.toMatchObject({ name: 'OperatorError', code: 'DATA_DIR' })
  })
})

describe('holderOf', () => {
  it('names the process that lives in a folder, and where it answers once it has said so', async () => {
    const dir = join(root, 'told')
    expect(await holderOf(dir)).toBeNull()
    const lock = await lockFolder(dir)
    expect(await holderOf(dir)).toEqual({ pid: process.pid, url: null })
    await lock.tell('http://127.0.0.1:4620')
    expect(await holderOf(dir)).toEqual({ pid: process.pid, url: 'http://127.0.0.1:4620' })
    await lock.release()
    expect(await holderOf(dir)).toBeNull()
    expect(await readdir(dir)).toEqual([])
  })
  it.runIf(process.platform === 'linux')('does not take one that has ended for alive because nobody has buried it', async () => {
    const dir = join(root, 'zombie')
    await (await lockFolder(dir)).release()
    // A shell that becomes `sleep` never looks at the child that it had, which ends after that.
    const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec sleep 60'])
    try {
      const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)))
      await expect.poll(() => readFile(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n')
      parent.stdin.end()
      await expect.poll(() => readFile(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /)
      const started = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')[19]
      await writeFile(join(dir, 'lock'), JSON.stringify({ pid, started, id: 'x' }))
      expect(await holderOf(dir)).toBeNull()
      await (await lockFolder(dir)).release()
    } finally {
      parent.kill('SIGKILL')
    }
  })
  it.each([-1, 0, 1.5, '1', null, 2 ** 60])('names nobody for a lock of process %s, for who is named may be sent a signal', async (pid) => {
    const dir = join(root, 'made up')
    await (await lockFolder(dir)).release()
    await writeFile(join(dir, 'lock'), JSON.stringify({ pid, started: null, id: 'x' }))
    expect(await holderOf(dir)).toBeNull()
  })
  it('does not take the word of a process before it, nor words that are none', async () => {
    const dir = join(root, 'before')
    const lock = await lockFolder(dir)
    await lock.tell('http://127.0.0.1:1')
    const word = await readFile(join(dir, 'operations'), 'utf8')
    await lock.release()
    const next = await lockFolder(dir)
    for (const left of [word, 'junk', JSON.stringify({ holder: await readFile(join(dir, 'lock'), 'utf8'), url: 'file:///etc/passwd' })]) {
      await writeFile(join(dir, 'operations'), left)
      expect(await holderOf(dir)).toEqual({ pid: process.pid, url: null })
    }
    await next.release()
  })
})
