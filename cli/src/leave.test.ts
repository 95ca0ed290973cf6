import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openKeys } from '@assay/checker/registration'
import { peerAddress } from '@assay/kit/channel'
import { lockFolder } from '@assay/kit/lock'
import { silentLog } from '@assay/kit/log'
import { fromHex, toHex, type Identity } from '@assay/protocol'
import { accountFromSecret, addItem, completeRequest, connectChain, createKeystore, createSender, cryptoReady, makeRequest, nextPeerOf, openKeystore, readBalance, readItem, toAddress, transfer, walletPayload, decodeRequest, type Keystore } from '@assay/runtime-bindings'
import { startDevchain, type Devchain } from '@assay/runtime-bindings/testing'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 }) // each of many commands opens keys, which is slow on purpose and slower on a busy machine
let root: string
let dev: Devchain
const stop = new AbortController()
const password = 'pw'
beforeAll(async () => {
  await cryptoReady()
  root = await mkdtemp(join(tmpdir(), 'assay-leaving-'))
  await writeFile(join(root, 'password'), `${password}\n`, { mode: 0o600 })
  await writeFile(join(root, 'wrong'), 'wrong\n', { mode: 0o600 })
})
afterAll(async () => {
  stop.abort()
  await dev?.close()
  await rm(root, { recursive: true, force: true })
})

/** Not in this process's way: the chain lives in it. */
async function assay(command: string, dataDir: string, ...more: string[]): Promise<{ status: number | null, stdout: string, stderr: string }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url)), ...(command === 'exit' || command.includes(' ') ? command.split(' ') : ['machine', command]), '--data-dir', dataDir, '--password-file', join(root, 'password'), ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { status, stdout, stderr }
}
/** What it said last, of several JSON objects. */
const last = ({ stdout }: { stdout: string }): unknown => JSON.parse(stdout.trimEnd().split('\n').at(-1)!)
async function machineIn(name: string): Promise<Keystore & { dataDir: string }> {
  const dataDir = join(root, name)
  return { dataDir, ...(await createKeystore({ dir: join(dataDir, 'machine'), password })) }
}

describe('assay machine retire', () => {
  it('empties the anchor, once; and refuses without a chain, with another password, without keys, or beside a running machine', async () => {
    const { account, dataDir } = await machineIn('retiring')
    dev = await startDevchain({ blocks: 'instant', fund: { [account.address]: 5n * 10n ** 18n } })
    const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    const at = ['--chain', dev.endpoint]

    const failures: [ReturnType<typeof assay>, number, string][] = [
      [assay('retire', dataDir, '--chain', 'ws://127.0.0.1:1'), 75, 'No chain answers'],
      [assay('retire', join(root, 'nowhere'), ...at), 1, 'There is no key file'],
    ]
    for (const [ran, status, said] of failures) expect(await ran).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(said) })
    expect(await assay('retire', dataDir, ...at, '--password-file', join(root, 'wrong'))).toMatchObject({ status: 1, stderr: expect.stringContaining('does not open') })
    const lock = await lockFolder(dataDir)
    expect(await assay('retire', dataDir, ...at)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(dataDir) })
    await lock.release()
    // `exit` may run beside the machine, but not for a network that is none: what it does cannot be undone.
    expect(await assay('exit', dataDir, ...at, '--network', account.address)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(`${account.address} holds no network on`) })
    expect(await readdir(dataDir)).toEqual(['machine'])

    await createSender({ chain, account, signal: stop.signal }).send(addItem(chain, 'assay/machine', new Uint8Array(32).fill(1)), { label: 'an anchor' })
    expect(await assay('retire', dataDir, ...at)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining(`${account.address} has left its network`) })
    expect(await readItem(chain, account.id, 'assay/machine')).toEqual(new Uint8Array())
    expect(last(await assay('retire', dataDir, ...at, '--json'))).toEqual({ event: 'retired', state: 'unchanged', machine: account.address, money: null })
    expect((await readdir(dataDir)).sort()).toEqual(['machine', 'retired'])
    expect(await assay('start', dataDir, '--network', toAddress(account.id), ...at)).toMatchObject({ status: 1, stderr: expect.stringMatching(/were retired\n {2}To bring them back, remove/) })
  })
  it('of a machine that never registered costs nothing', async () => {
    const { account, dataDir } = await machineIn('poor')
    const ran = await assay('retire', dataDir, '--chain', dev.endpoint)
    expect(ran).toMatchObject({ status: 0, stdout: expect.stringMatching(/was never registered[^]*names no owner[^]*--to 5…/) })
    expect(ran.stdout).toContain(account.address)
  })
  it('sends what is left to the owner, when somebody agreed to it, once', async () => {
    const { account, peer, dataDir } = await machineIn('leaving')
    const owner = accountFromSecret('//heir')
    const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    const helper = await openKeystore({ dir: join(root, 'retiring', 'machine'), password })
    await createSender({ chain, account: helper.account, signal: stop.signal }).send(transfer(chain, account.id, 10n ** 18n), { label: 'money' })
    const identity: Identity = { kind: 'machine', network: account.id, owner: owner.id, account: account.id, peer: peer.publicKey, addresses: [], evidence: [] }
    const { payload } = await makeRequest(dataDir, identity)
    await completeRequest(dataDir, { signature: owner.pair.sign(fromHex(payload)) })

    // Nobody can be asked: it is said, and stays.
    expect(await assay('retire', dataDir, '--chain', dev.endpoint)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/PEAQ are left on its account\. Run this again with --yes to send them to 5/) })
    expect((await readBalance(chain, owner.id)).free).toBe(0n)
    const sent = last(await assay('retire', dataDir, '--chain', dev.endpoint, '--yes', '--json')) as { money: { state: string, planck: string, to: string } }
    expect(sent.money).toEqual({ state: 'sent', planck: String((await readBalance(chain, owner.id)).free), to: owner.address })
    expect(BigInt(sent.money.planck)).toBeGreaterThan(9n * 10n ** 17n)
    expect((await readBalance(chain, account.id)).free).toBe(chain.features.existentialDeposit)
    expect(last(await assay('retire', dataDir, '--chain', dev.endpoint, '--yes', '--json'))).toMatchObject({ state: 'never registered', money: null })

    // To another, where one is named; an account that is none is refused before anything is done.
    expect(await assay('retire', dataDir, '--chain', dev.endpoint, '--to', '5Nobody')).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('is not an account') })
    const named = join(root, 'retiring')
    expect(last(await assay('retire', named, '--chain', dev.endpoint, '--to', owner.address, '--yes', '--json'))).toMatchObject({ money: { state: 'sent', to: owner.address } })
    await writeFile(join(named, 'owner.consent'), '{')
    expect(await assay('retire', named, '--chain', dev.endpoint)).toMatchObject({ status: 1, stdout: expect.stringContaining('had left already'), stderr: expect.stringContaining('owner.consent is damaged') })
  })
})

describe('assay checker retire', () => {
  it('empties the checker’s anchor, from a copy of its keys', async () => {
    const dataDir = join(root, 'checker')
    const { account } = await createKeystore({ dir: dataDir, password })
    const chain = await connectChain({ endpoint: dev.endpoint, signal: stop.signal })
    const at = ['--chain', dev.endpoint]
    expect(last(await assay('checker retire', dataDir, ...at, '--json'))).toEqual({ event: 'retired', state: 'never registered', checker: account.address, money: null })
    await createSender({ chain, account: accountFromSecret('//heir'), signal: stop.signal }).send(transfer(chain, account.id, 10n ** 17n), { label: 'money' })
    await createSender({ chain, account, signal: stop.signal }).send(addItem(chain, 'assay/checker', new Uint8Array(32).fill(1)), { label: 'an anchor' })
    expect(await assay('checker retire', dataDir, ...at)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/has left its network[^]*names no owner/) })
    expect(await readItem(chain, account.id, 'assay/checker')).toEqual(new Uint8Array())
    expect(await assay('checker start', dataDir, '--network', account.address, ...at)).toMatchObject({ status: 1, stderr: expect.stringContaining('were retired') })
  })
})

describe('assay machine rotate', () => {
  it('with the owner’s key here, or none yet, changes the peer key at once', async () => {
    const { account, peer, dataDir } = await machineIn('rotating')
    const ran = await assay('rotate', dataDir, '--json')
    const { old, peer: made } = JSON.parse(ran.stdout) as { old: string, peer: string }
    expect(ran.status).toBe(0)
    expect(old).toBe(peer.publicKey)
    const now = await openKeystore({ dir: join(dataDir, 'machine'), password })
    expect([now.account.id, now.peer.publicKey]).toEqual([account.id, made])
    expect(made).not.toBe(old)
    expect((await readdir(join(dataDir, 'machine'))).sort()).toEqual(['account.json', 'peer.json'])
  })
  it('with the owner elsewhere asks for it, the same again; the old key stays until the owner agreed', async () => {
    const { account, peer, dataDir } = await machineIn('asking')
    const owner = accountFromSecret('//owner')
    const identity: Identity = { kind: 'machine', network: account.id, owner: owner.id, account: account.id, peer: peer.publicKey, addresses: [], evidence: [] }
    const { payload } = await makeRequest(dataDir, identity)
    await completeRequest(dataDir, { signature: owner.pair.sign(fromHex(payload)) })

    const ran = await assay('rotate', dataDir)
    expect(ran).toMatchObject({ status: 0, stdout: expect.stringMatching(/^assay-request:1:/), stderr: expect.stringContaining('works on with the old one') })
    expect((await assay('rotate', dataDir)).stdout).toBe(ran.stdout)
    const asked = decodeRequest(ran.stdout)
    expect(asked.peer).toBe(await nextPeerOf(join(dataDir, 'machine')))
    expect((await openKeystore({ dir: join(dataDir, 'machine'), password })).peer.publicKey).toBe(peer.publicKey)

    const signature = toHex(owner.pair.sign(fromHex(walletPayload(asked))))
    const taken = await assay('complete', dataDir, '--signature', signature)
    expect(taken.stderr).toContain('unknown option') // complete opens no key and takes no password
    expect(await completeRequest(dataDir, { signature: fromHex(signature) })).toMatchObject({ state: 'stored', rotated: true })
    expect((await openKeystore({ dir: join(dataDir, 'machine'), password })).peer.publicKey).toBe(asked.peer)
  })
  it('refuses without keys, beside a running machine, and with a damaged consent, and changes nothing', async () => {
    const { peer, dataDir } = await machineIn('refusing')
    await mkdir(join(root, 'empty'))
    expect(await assay('rotate', join(root, 'empty'))).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('There is no key file') })
    const lock = await lockFolder(dataDir)
    expect(await assay('rotate', dataDir)).toMatchObject({ status: 1, stdout: '' })
    await lock.release()
    await writeFile(join(dataDir, 'owner.consent'), '{')
    expect(await assay('rotate', dataDir)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining('owner.consent is damaged') })
    expect((await openKeystore({ dir: join(dataDir, 'machine'), password })).peer.publicKey).toBe(peer.publicKey)
    await expect(stat(join(dataDir, 'machine', 'peer.next.json'))).rejects.toThrow('ENOENT')
  })
})

describe('assay checker rotate', () => {
  const checkerIn = async (name: string) => ({ dataDir: join(root, name), ...(await createKeystore({ dir: join(root, name), password })) })
  it('changes the peer key at once where the checker is paid itself', async () => {
    const { account, peer, dataDir } = await checkerIn('checker-rotating')
    const { old, peer: made } = JSON.parse((await assay('checker rotate', dataDir, '--json')).stdout) as { old: string, peer: string }
    const now = await openKeystore({ dir: dataDir, password })
    expect([old, now.account.id, now.peer.publicKey]).toEqual([peer.publicKey, account.id, made])
    expect(made).not.toBe(old)
  })
  it('with the owner elsewhere asks for it, for the addresses too, which name the key; a start after a crash in between takes it', async () => {
    const { account, peer, dataDir } = await checkerIn('checker-asking')
    const owner = accountFromSecret('//owner')
    const places = ['--public-host', 'checker.example', '--owner', owner.address, '--network', account.address]
    const first = decodeRequest((await assay('checker request', dataDir, ...places)).stdout)
    await completeRequest(dataDir, { signature: owner.pair.sign(fromHex(walletPayload(first))) })

    const asked = decodeRequest((await assay('checker rotate', dataDir)).stdout)
    expect(asked).toEqual({ ...first, peer: await nextPeerOf(dataDir), addresses: [peerAddress(asked.peer, 'checker.example', 4610)] })
    expect(asked.peer).not.toBe(peer.publicKey)
    // Asked again with all settings it is the same.
    expect(decodeRequest((await assay('checker request', dataDir, ...places)).stdout)).toEqual(asked)
    await cp(join(dataDir, 'peer.json'), join(root, 'old-peer.json'))
    await cp(join(dataDir, 'peer.next.json'), join(root, 'next-peer.json'))
    expect(await completeRequest(dataDir, { signature: owner.pair.sign(fromHex(walletPayload(asked))) })).toMatchObject({ state: 'stored', rotated: true })
    await rename(join(root, 'old-peer.json'), join(dataDir, 'peer.json'))
    await rename(join(root, 'next-peer.json'), join(dataDir, 'peer.next.json'))
    expect((await openKeys(dataDir, password, silentLog)).peer.publicKey).toBe(asked.peer)
  })
})
