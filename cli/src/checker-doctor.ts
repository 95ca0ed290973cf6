// `assay checker doctor`.
import type { Command } from 'commander'
import { type CheckerConfig, checkerConfig, checkReachable } from '@assay/checker/config'
import { holderOf } from '@assay/kit/lock'
import { checkerRoleId, ITEM_BYTES, reportKey, type AccountId, type Parameters } from '@assay/protocol'
import { type Chain, consentPath, createSender, formatAmount, fullFee, type Keystore, keystoreExists, nodeCrypto, openKeystore, ownerOf, putItem, readBalance, readConsent, registrationCost, rolesOf, toAccountId, toAddress, verifyOwnConsent } from '@assay/runtime-bindings'
import { diskCheck, failedCheck, portCheck, urlCheck, versionCheck, type Check } from './doctor.ts'
import { checkEndpoints, registerDoctor } from './doctor-command.ts'
import { passwordOf } from './password.ts'

const ASK_MS = 5_000

/** Under another name: `assay doctor checker`. */
export function registerCheckerDoctor(parent: Command, name = 'doctor'): void {
  registerDoctor(parent.command(name), 'checker', checkerConfig, async (config, signal) => {
    const running = await holderOf(config.dataDir)
    const checks: Check[] = [versionCheck(process.versions.node), await diskCheck(config.dataDir, () => performance.now())]
    const network = toAccountId(config.network)
    const keys = await keysIn(config, signal)
    checks.push(keys.check)
    if (keys.open) checks.push(await ownerCheck(config, network, keys.open))
    checks.push(...(await portChecks(config, running)))
    checks.push(...(await checkEndpoints(config.chain, network, signal, async (chain, parameters, blockSeconds) => (keys.open ? standingChecks(chain, { config, network, parameters, blockSeconds, keys: keys.open, signal }) : []))))
    return checks
  })
}

async function keysIn({ dataDir, passwordFile }: CheckerConfig, signal: AbortSignal): Promise<{ check: Check, open: Keystore | null }> {
  if (!(await keystoreExists(dataDir))) return { check: { name: 'keys', state: 'note', what: `there are none in ${dataDir}`, how: 'The first start makes them; or assay checker request, where the owner’s key is elsewhere.' }, open: null }
  try {
    const open = await openKeystore({ dir: dataDir, password: await passwordOf(dataDir, { passwordFile, signal }) })
    return { check: { name: 'keys', state: 'ok', what: `the password opens those of ${open.account.address}` }, open }
  } catch (error) {
    return { check: failedCheck('keys', error), open: null }
  }
}

async function ownerCheck(config: CheckerConfig, network: AccountId, keys: Keystore): Promise<Check> {
  const { checkerIdentity } = await import('@assay/checker/registration')
  try {
    const wanted = config.owner === undefined ? undefined : toAccountId(config.owner)
    const consent = await readConsent(config.dataDir)
    if (consent !== null) verifyOwnConsent(consent, checkerIdentity(config, network, keys))
    const owner = consent === null ? keys.account.id : ownerOf(consent)
    if (wanted === undefined || wanted === owner) return { name: 'owner', state: 'ok', what: `${toAddress(owner)}${consent === null ? ', the checker itself' : ', who agreed'}` }
    return { name: 'owner', state: 'mend', what: consent === null ? `${toAddress(wanted)} has not agreed yet` : `the consent in ${consentPath(config.dataDir)} is of ${toAddress(owner)}, not of ${toAddress(wanted)}`, how: 'Ask it: assay checker request, then assay checker complete.' }
  } catch (error) {
    return failedCheck('owner', error)
  }
}

async function portChecks(config: CheckerConfig, running: Awaited<ReturnType<typeof holderOf>>): Promise<Check[]> {
  const { host, publicHost, evidenceUrl, channelPort, httpPort } = config
  try {
    checkReachable(config)
  } catch (error) {
    return [failedCheck('ports', error)]
  }
  const at = (port: number) => (publicHost === undefined || port === 0 ? null : { host: publicHost, port })
  const common = { host, taken: running !== null }
  const checks = [await portCheck('machines', { ...common, port: channelPort, announced: at(channelPort) }), await portCheck('evidence', { ...common, port: httpPort, announced: evidenceUrl === undefined ? at(httpPort) : null })]
  if (evidenceUrl !== undefined) checks.push(await urlCheck('evidence', evidenceUrl, running, (url) => fetch(url, { signal: AbortSignal.timeout(ASK_MS) }).then(({ ok }) => ok, () => false)))
  if (publicHost === undefined && evidenceUrl === undefined && /^(127\.|::1$|localhost$)/.test(host)) checks.push({ name: 'ports', state: 'note', what: `it listens on ${host}, where only this machine reaches it`, how: 'Give --host 0.0.0.0 and --public-host, unless the whole network is on this machine.' })
  return checks
}

interface Standing { config: CheckerConfig, network: AccountId, parameters: Parameters, blockSeconds: number | null, keys: Keystore, signal: AbortSignal }

/** What the chain says of this very checker: its place, its role, and how long its money lasts. Nothing is sent. */
async function standingChecks(chain: Chain, { config, network, parameters, blockSeconds, keys: { account, peer }, signal }: Standing): Promise<Check[]> {
  const { address, id } = account
  const { checkerIdentity } = await import('@assay/checker/registration')
  const checks: Check[] = []
  const sender = createSender({ chain, account, signal })
  const consent = await readConsent(config.dataDir).catch(() => null)
  const { usable } = await readBalance(chain, id)
  try {
    const { addresses, evidence } = checkerIdentity(config, network, { account, peer })
    const cost = await registrationCost({ chain, sender, account, owner: consent === null ? id : ownerOf(consent), peer, kind: 'checker', network, addresses, evidence })
    checks.push(
      cost.registered
        ? { name: 'registered', state: 'ok', what: 'as its settings say' }
        : cost.missing === 0n
          ? { name: 'registered', state: 'note', what: 'not yet, or not as its settings say', how: `The start does it; it takes ${formatAmount(cost.fee)} of fees at most, and holds ${formatAmount(cost.deposits)}.` }
          : { name: 'registered', state: 'mend', what: `not yet, or not as its settings say; ${address} lacks ${formatAmount(cost.missing)} for it`, how: `Send at least ${formatAmount(cost.missing)} to ${address}.` },
    )
  } catch (error) {
    // A port that any will do for: what is registered shows only when it listens.
    checks.push({ ...failedCheck('registered', error), state: 'note' })
  }
  const role = (await rolesOf(chain, network, id)).includes(checkerRoleId(nodeCrypto))
  checks.push(role ? { name: 'role', state: 'ok', what: 'it is a checker of the network' } : { name: 'role', state: 'mend', what: 'it lacks the network’s checker role', how: `The founders of ${toAddress(network)} must admit it: assay network admit ${address}, two thirds and one of them.` })
  const fee = fullFee((await sender.estimate(await putItem(chain, id, reportKey(network), new Uint8Array(ITEM_BYTES)))).fee)
  const { existentialDeposit } = chain.features
  const has = usable > existentialDeposit ? usable - existentialDeposit : 0n
  const rounds = blockSeconds === null ? null : BigInt(Math.ceil(86_400 / (blockSeconds * parameters.roundBlocks)))
  const [needs, unit] = rounds === null ? [fee * BigInt(parameters.epochRounds), 'epoch'] : [fee * rounds, 'day']
  const lasts = needs === 0n ? null : has / needs
  const what = `${address} has ${formatAmount(usable)}; its reports take ${formatAmount(needs)} at most a${unit === 'epoch' ? 'n' : ''} ${unit}${lasts === null ? '' : `, so it lasts ${lasts} ${unit}s`}`
  const how = `Send at least ${formatAmount(needs)} to ${address} for each ${unit}.`
  checks.push({ name: 'funds', state: lasts !== null && lasts < 1n ? 'mend' : lasts !== null && lasts < 30n ? 'note' : 'ok', what, how })
  return checks
}
