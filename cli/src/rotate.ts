// `assay machine rotate` and `assay checker rotate`: a new peer key in the place of one that others may know. No static import of a service: the command is in the image of each, where the other is not.
import type { Command } from 'commander'
import { Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { runMain } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import type { Identity, IdentityKind } from '@assay/protocol'
import { keysFolder, makeRequest, openKeystore, prepareNextPeer, readConsent, takeNextPeer, type Keystore } from '@assay/runtime-bindings'
import { showOptions, type ShowOptions } from './handover.ts'
import { askingConfig, showRequest } from './owner-request.ts'
import { passwordOf } from './password.ts'
import { addConfigFile, addSettings } from './service-command.ts'
import { settingsOfAll } from './settings-of-all.ts'

const { dataDir, passwordFile } = askingConfig.properties
const rotateConfig = Type.Object({ dataDir, passwordFile })

export function registerRotate(parent: Command, kind: IdentityKind): void {
  showOptions(addConfigFile(addSettings(parent.command('rotate').description('make a new peer key; where the owner’s key is elsewhere, ask the owner for it, and work on with the old one until it agreed'), rotateConfig)))
    .addHelpText('after', `\nStop the ${kind} first, between rounds. The next start registers the new key. Until the registration has waited as all do (waitBlocks of the network) the ${kind} is in no round.\n\nExample:\n  assay ${kind} rotate --data-dir ~/assay --password-file ~/assay.password`)
    .action(async ({ out, qr, json, config: file, ...flags }: ShowOptions & { config?: string } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(rotateConfig, { flags, env: process.env, file, fileMayHold: await settingsOfAll() })
        const dir = keysFolder(config.dataDir, kind)
        const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal })
        const lock = await lockFolder(config.dataDir)
        try {
          const { account, peer } = await openKeystore({ dir, password })
          const consent = await readConsent(config.dataDir)
          const next = await prepareNextPeer({ dir, password })
          if (consent === null) {
            await takeNextPeer(dir, next.publicKey)
            const event = { event: 'rotated', old: peer.publicKey, peer: next.publicKey }
            process.stdout.write(json ? `${JSON.stringify(event)}\n` : `The peer key is now ${next.publicKey}; the old one is gone.\nNext: start the ${kind} (assay ${kind} start). It registers the new key.\n`)
            return
          }
          const request = await makeRequest(config.dataDir, { ...consent.identity, account: account.id, peer: next.publicKey, addresses: await addressesOf(consent.identity, next) })
          if (json !== true) process.stderr.write(`The new peer key needs the owner's consent. Until assay ${kind} complete the ${kind} works on with the old one.\n\n`)
          await showRequest({ dataDir: config.dataDir, request, options: { out, qr, json } })
        } finally {
          await lock.release()
        }
      })
    })
}

/** Where somebody listens who is there under another peer key: the addresses name the key. */
async function addressesOf({ addresses, peer }: Identity, next: Keystore['peer']): Promise<string[]> {
  if (addresses.length === 0) return []
  const { peerIdOf } = await import('@assay/kit/channel')
  return addresses.map((address) => address.replaceAll(String(peerIdOf(peer)), String(peerIdOf(next.publicKey))))
}
