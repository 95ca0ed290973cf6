// The small programs of the images, apart from any container: where a service is asked whether it lives, and how keys get from a secret into its folder.
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lockFolder } from '../kit/src/lock.ts'
import { accountFromSecret, createKeystore, cryptoReady, openKeystore, saveAccount } from '../runtime-bindings/src/index.ts'

interface Started { service: string; words: string[]; env: Record<string, string> }
const { placeOf } = createRequire(import.meta.url)('../ops/container/health.cjs') as { placeOf(started: Started): Promise<string> }

let dir: string
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), 'assay-ops-'))))
afterEach(() => rm(dir, { recursive: true, force: true }))

describe('a container asks its service for its health', () => {
  const indexer = (words: string[], env: Record<string, string> = {}): Promise<string> => placeOf({ service: 'indexer', words: ['indexer', 'start', ...words], env: { ASSAY_NETWORK: '5F', ASSAY_HTTP_PORT: '4630', ASSAY_HOST: '0.0.0.0', ...env } })

  it('where the environment says', async () => {
    expect(await indexer([])).toBe('http://127.0.0.1:4630/health')
    expect(await indexer(['--log-json'], { ASSAY_HOST: '::' })).toBe('http://127.0.0.1:4630/health')
    expect(await indexer([], { ASSAY_HOST: 'fd00::1' })).toBe('http://[fd00::1]:4630/health')
    expect(await placeOf({ service: 'provider', words: ['provider', 'start'], env: { ASSAY_OPS_HOST: '10.0.0.2', ASSAY_OPS_PORT: '1' } })).toBe('http://10.0.0.2:1/health')
  })

  it('where a flag or the file says, by the order that the service has', async () => {
    expect(await indexer(['--http-port', '5001'])).toBe('http://127.0.0.1:5001/health')
    const file = join(dir, 'assay.yaml')
    await writeFile(file, 'httpPort: 5003\nhost: 10.0.0.3\n')
    expect(await indexer([`--config=${file}`], { ASSAY_HTTP_PORT: '' })).toBe('http://127.0.0.1:5003/health')
    expect(await indexer([], { ASSAY_CONFIG: file, ASSAY_HTTP_PORT: '', ASSAY_HOST: '' })).toBe('http://10.0.0.3:5003/health')
    expect(await indexer([], { ASSAY_CONFIG: file })).toBe('http://127.0.0.1:4630/health')
    await expect(indexer(['--config', join(dir, 'none.yaml')])).rejects.toThrow('cannot be read (ENOENT)')
  })

  it('where it said in its folder, whatever it was told, for as long as it lives', async () => {
    const asked = { service: 'checker', words: ['checker', 'start', '--http-port', '0'], env: { ASSAY_DATA_DIR: dir, ASSAY_NETWORK: '5F', ASSAY_CHAIN: 'ws://a', ASSAY_HOST: '0.0.0.0' } }
    const lock = await lockFolder(dir)
    await lock.tell('http://0.0.0.0:40123')
    expect(await placeOf(asked)).toBe('http://127.0.0.1:40123/health')
    expect(await placeOf({ ...asked, words: [...asked.words, '--data-dir', join(dir, 'other')] })).toBe('http://127.0.0.1:0/health')
    await lock.release()
    expect(await placeOf(asked)).toBe('http://127.0.0.1:0/health')
  })
})

describe('keys from a secret', () => {
  const from = (): string => join(dir, 'secret')
  const to = (): string => join(dir, 'data')
  const place = (...args: string[]) => spawnSync(process.execPath, [join(import.meta.dirname, '../ops/container/keys.cjs'), ...args], { encoding: 'utf8' })

  /** As Kubernetes mounts one: files behind links, readable to a group, which a service would refuse. */
  async function mount(files: Record<string, string>): Promise<void> {
    await rm(from(), { recursive: true, force: true })
    for (const [path, text] of Object.entries(files)) {
      const real = join(from(), '..2026_01_01', path)
      await mkdir(join(real, '..'), { recursive: true })
      await writeFile(real, text)
      await chmod(real, 0o440)
    }
    await symlink('..2026_01_01', join(from(), '..data'))
    for (const name of new Set(Object.keys(files).map((path) => path.split('/')[0]!))) await symlink(join('..data', name), join(from(), name))
  }

  async function made(secret: string, password: string): Promise<Record<'account.json' | 'peer.json', string>> {
    await cryptoReady()
    const at = await mkdtemp(join(dir, 'made-'))
    await createKeystore({ dir: at, secret, password })
    return { 'account.json': await readFile(join(at, 'account.json'), 'utf8'), 'peer.json': await readFile(join(at, 'peer.json'), 'utf8') }
  }

  it('come into the folder for the service alone, which then opens them; a second start changes nothing', async () => {
    const keys = await made('//one', 'first')
    await mount({ 'machine/account.json': keys['account.json'], 'machine/peer.json': keys['peer.json'], 'owner.consent': 'a line\n' })
    const { address } = accountFromSecret('//one')
    const first = place(from(), to())
    expect(first).toMatchObject({ status: 0, stderr: '' })
    expect(first.stdout).toContain(`machine/account.json (${address}) placed\n`)
    expect((await readdir(to(), { recursive: true })).sort()).toEqual(['machine', 'machine/account.json', 'machine/peer.json', 'owner.consent'])
    for (const [path, mode] of [['machine', 0o700], ['machine/account.json', 0o600], ['owner.consent', 0o600]] as const) expect((await stat(join(to(), path))).mode & 0o777).toBe(mode)
    expect((await openKeystore({ dir: join(to(), 'machine'), password: 'first' })).account.address).toBe(address)
    // A volume that was given to a group, too.
    await chmod(join(to(), 'machine/account.json'), 0o660)
    expect(place(from(), to()).stdout).toContain(`machine/account.json (${address}) is there\n`)
    expect((await stat(join(to(), 'machine/account.json'))).mode & 0o777).toBe(0o600)
  })

  it('with another password replace what was there; another key does not, and then nothing is written', async () => {
    const keys = await made('//one', 'first')
    await mount(keys)
    expect(place(from(), to()).status).toBe(0)
    const again = join(dir, 'again.json')
    await saveAccount(again, accountFromSecret('//one'), 'second')
    await mount({ ...keys, 'account.json': await readFile(again, 'utf8') })
    expect(place(from(), to()).stdout).toContain('replaced')
    const before = await readFile(join(to(), 'account.json'), 'utf8')
    expect(before).toBe(await readFile(again, 'utf8'))
    const others = await made('//two', 'first')
    await mount({ 'account.json': await readFile(again, 'utf8'), 'peer.json': others['peer.json'], 'new.json': others['account.json'] })
    const refused = place(from(), to())
    expect(refused).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('peer.json is the key ') })
    expect(await readFile(join(to(), 'peer.json'), 'utf8')).toBe(keys['peer.json'])
    expect((await readdir(to())).sort()).toEqual(['account.json', 'peer.json'])
    await writeFile(join(to(), 'account.json'), '')
    expect(place(from(), to())).toMatchObject({ status: 1, stderr: expect.stringContaining('account.json is no key file') })
  })

  it('that are none are refused in one sentence, which quotes nothing of them', async () => {
    await mount({ 'account.json': 'hunter2, my password' })
    const wrong = place(from(), to())
    expect(wrong).toMatchObject({ status: 1, stdout: '', stderr: `${join(from(), 'account.json')} is no key file. Put a file into the secret that assay keys create made.\n` })
    await mkdir(join(dir, 'empty'))
    expect(place(join(dir, 'empty'), to()).stderr).toContain('there are no key files in')
    expect(place(join(dir, 'none'), to()).stderr).toContain(`the keys cannot be placed (ENOENT at ${join(dir, 'none')})`)
    expect(place().stderr).toContain('usage')
    await expect(stat(to())).rejects.toThrow('ENOENT')
  })
})
