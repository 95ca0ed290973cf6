// `assay machine rotate`: a new peer key in the place of one that others may know.
import { join } from 'node:path'
import type { Command } from 'commander'
import { Type } from 'typebox'
import { loadConfig } from '@assay/kit/config'
import { runMain } from '@assay/kit/lifecycle'
import { lockFolder } from '@assay/kit/lock'
import { providerConfig } from '@assay/provider/config'
import { makeRequest, openKeystore, prepareNextPeer, readConsent, takeNextPeer } from '@assay/runtime-bindings'
import { showOptions, type ShowOptions } from './handover.ts'
import { showRequest } from './owner-request.ts'
import { passwordOf } from './password.ts'
import { addConfigFile, addSettings } from './service-command.ts'

const { dataDir, passwordFile } = providerConfig.properties
const rotateConfig = Type.Object({ dataDir, passwordFile })

export function registerRotate(machine: Command): void {
  showOptions(addConfigFile(addSettings(machine.command('rotate').description('make a new peer key; where the owner’s key is elsewhere, ask the owner for it, and work on with the old one until it agreed'), rotateConfig)))
    .addHelpText('after', '\nStop the machine first, between rounds. The next start registers the new key. Until the registration has waited as all do (waitBlocks of the network) the machine is in no round.\n\nExample:\n  assay machine rotate --data-dir ~/assay --password-file ~/assay.password')
    .action(async ({ out, qr, json, config: file, ...flags }: ShowOptions & { config?: string } & Record<string, unknown>) => {
      await runMain(async (signal) => {
        const config = loadConfig(rotateConfig, { flags, env: process.env, file, fileMayHold: providerConfig })
        const dir = join(config.dataDir, 'machine')
        const password = await passwordOf(config.dataDir, { passwordFile: config.passwordFile, signal })
        const lock = await lockFolder(config.dataDir)
        try {
          const { account, peer } = await openKeystore({ dir, password })
          const consent = await readConsent(config.dataDir)
          const next = await prepareNextPeer({ dir, password })
          if (consent === null) {
            await takeNextPeer(dir, next.publicKey)
            const event = { event: 'rotated', old: peer.publicKey, peer: next.publicKey }
            process.stdout.write(json ? `${JSON.stringify(event)}\n` : `The peer key is now ${next.publicKey}; the old one is gone.\nNext: start the machine (assay machine start). It registers the new key.\n`)
            return
          }
          const request = await makeRequest(config.dataDir, { ...consent.identity, account: account.id, peer: next.publicKey })
          if (json !== true) process.stderr.write(`The new peer key needs the owner's consent. Until assay machine complete the machine works on with the old one.\n\n`)
          await showRequest({ dataDir: config.dataDir, request, options: { out, qr, json } })
        } finally {
          await lock.release()
        }
      })
    })
}
