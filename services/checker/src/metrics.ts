// A checker's figures along a round's journey.
import { begun, createMetrics } from '@assay/kit/metrics'
import type { MetricsRegistry } from '@assay/kit/metrics'
import { VERSIONS } from '@assay/protocol'
import type { Load } from './shedding.ts'
import { Spoken } from './spoken.ts'

export type CheckerMetrics = ReturnType<typeof checkerMetrics>

/** One registry and the typed figures in it. */
export function checkerMetrics(registry: MetricsRegistry = createMetrics('checker', { process: true })) {
  const spoken = new Spoken()
  const versions = registry.gauge('machine_versions', 'machines with an open conversation, by the highest version of the protocol that they speak', ['highest'])
  const releases = registry.gauge('machine_releases', 'machines with an open conversation, by the release that they say they are', ['release'])
  return {
    text: () => {
      for (const gauge of [versions, releases]) gauge.reset()
      for (const [highest, machines] of Object.entries(spoken.versions(VERSIONS.highest))) versions.set({ highest }, machines)
      for (const [release, machines] of Object.entries(spoken.releases())) releases.set({ release }, machines)
      return registry.text()
    },
    /** of the machines with an open conversation */
    spoken,
    newerVersion: begun(registry.gauge('newer_version_blocks', 'blocks until a version of the protocol takes effect that this program does not know; -1: none is agreed on'), -1),
    bestBlock: registry.gauge('best_block', 'height of the best block'),
    ledgerBlock: registry.gauge('ledger_block', 'height of the confirmed ledger'),
    machines: registry.gauge('connected_machines', 'machines with an open channel'),
    refusals: registry.counter('channel_refusals_total', 'channels and messages refused, by code', ['code']),
    shed: registry.counter('shed_total', 'what was left out because it was more than this checker can do at once, by what', ['what'], ['newcomer', 'link', 'blob', 'evidence'] satisfies Load[]),
    observations: registry.counter('observations_total', 'observations reported, by outcome', ['outcome']),
    reports: registry.counter('reports_total', 'reports, by fate', ['fate'], ['landed', 'late', 'missed']),
    packages: registry.counter('packages_total', 'packages held completely, by whose', ['whose']),
    settlements: registry.counter('settlement_actions_total', 'what was done or seen for epochs, by result', ['result'], ['settled', 'disagreed', 'evidence_missing', 'pot_empty', 'inner_failure', 'failed']),
    fees: registry.counter('fees_nanopeaq_total', 'fees taken from this account in 10^9 planck, the treasury’s and stakers’ surplus with them, by what for', ['what']),
    fundsDays: begun(registry.gauge('funds_days', 'days that this account’s funds last, at the greatest fees seen; -1: not looked at yet'), -1),
    funds: begun(registry.gauge('funds_epochs', 'epochs that this account’s funds last, at the greatest fees seen; -1: not looked at yet'), -1),
    pot: begun(registry.gauge('pot_epochs', 'epochs after the one under way that the pot pays whole if nothing comes in; -1: not looked at yet'), -1),
  }
}
