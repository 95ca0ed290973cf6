// `assay checker`: keys first, because the network is made of the founders' accounts; then the service.
import type { Command } from 'commander'
import { Type } from 'typebox'
import { checkerConfig } from '@assay/checker/config'
import { createLog } from '@assay/kit/log'
import { registerCheckerDoctor } from '../checker-doctor.ts'
import { registerRetire } from '../leave.ts'
import { askingConfig, registerComplete, registerRequest } from '../owner-request.ts'
import { registerRotate } from '../rotate.ts'
import { serviceCommand } from '../service-command.ts'

const requestConfig = Type.Object({ ...askingConfig.properties, ...Type.Pick(checkerConfig, ['host', 'channelPort', 'httpPort', 'publicHost', 'evidenceUrl']).properties })

export function register(program: Command): void {
  const checker = program.command('checker').description('challenges machines, reports to the chain, settles epochs')
  registerStart(checker)
  registerRequest(checker, 'checker', {
    schema: requestConfig,
    service: checkerConfig,
    check: async (config, network) => void (await import('@assay/checker/registration')).checkerIdentity(config, network, NO_KEYS),
    identity: async (config, network, password) => {
      const { checkerIdentity, openKeys } = await import('@assay/checker/registration')
      const { nextPeerOf } = await import('@assay/runtime-bindings')
      const { account, peer } = await openKeys(config.dataDir, password, createLog({}))
      return checkerIdentity(config, network, { account, peer: { publicKey: (await nextPeerOf(config.dataDir)) ?? peer.publicKey } })
    },
    example: 'assay checker request --owner 5F… --network 5F… --public-host checker.example --data-dir ~/checker --password-file ~/checker.password --out request.txt',
  })
  registerComplete(checker, 'checker', checkerConfig)
  registerCheckerDoctor(checker)
  registerRotate(checker, 'checker')
  registerRetire(checker, 'checker')
}

const NO_KEYS = { account: { id: `0x${'00'.repeat(32)}` }, peer: { publicKey: `0x${'00'.repeat(32)}` } } as const

/** Under another name: `assay start checker`. */
export function registerStart(parent: Command, name = 'start'): void {
  serviceCommand(parent.command(name).description('run until stopped; the first start makes the keys and registers the checker'), { name: 'checker', schema: checkerConfig, run: async (config, context) => (await import('@assay/checker')).runChecker(config, context) }).addHelpText(
    'after',
    '\nExample:\n  assay checker start --chain ws://127.0.0.1:9944 --network 5F… --data-dir ~/checker --password-file ~/checker.password',
  )
}
