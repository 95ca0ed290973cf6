// `assay machine request` and `assay machine complete`.
import type { Command } from 'commander'
import { createLog } from '@assay/kit/log'
import { providerConfig } from '@assay/provider/config'
import { machineIdentity, openOrMakeMachine } from '@assay/provider/registration'
import { keysFolder, nextPeerOf } from '@assay/runtime-bindings'
import { askingConfig, registerComplete, registerRequest } from './owner-request.ts'

export function registerMachineRequest(machine: Command): void {
  registerRequest(machine, 'machine', {
    schema: askingConfig,
    service: providerConfig,
    identity: async ({ dataDir }, network, password) => {
      const { account, peer } = await openOrMakeMachine({ dataDir, password, log: createLog({}) })
      return machineIdentity({ network, account: account.id, peer: (await nextPeerOf(keysFolder(dataDir, 'machine'))) ?? peer.publicKey })
    },
    example: 'assay machine request --owner 5F… --network 5F… --data-dir ~/assay --password-file ~/assay.password --out request.txt',
  })
  registerComplete(machine, 'machine', providerConfig)
}
