// A checker's figures along a round's journey.
import { createMetrics } from '@assay/kit/metrics'
import type { MetricsRegistry } from '@assay/kit/metrics'

export type CheckerMetrics = ReturnType<typeof checkerMetrics>

/** One registry and the typed figures in it. */
export function checkerMetrics(registry: MetricsRegistry = createMetrics('checker', { process: true })) {
  return {
    text: () => registry.text(),
    bestBlock: registry.gauge('best_block', 'height of the best block'),
    ledgerBlock: registry.gauge('ledger_block', 'height of the confirmed ledger'),
    machines: registry.gauge('connected_machines', 'machines with an open channel'),
    refusals: registry.counter('channel_refusals_total', 'channels and messages refused, by code', ['code']),
    shed: registry.counter('shed_total', 'what was left out because it was more than this checker can do at once, by what', ['what']),
    observations: registry.counter('observations_total', 'observations reported, by outcome', ['outcome']),
    reports: registry.counter('reports_total', 'reports, by fate', ['fate']),
    packages: registry.counter('packages_total', 'packages held completely, by whose', ['whose']),
    settlements: registry.counter('settlement_actions_total', 'what was done or seen for epochs, by result', ['result']),
    fees: registry.counter('fees_nanopeaq_total', 'fees taken from this account in 10^9 planck, the treasury’s and stakers’ surplus with them, by what for', ['what']),
    fundsDays: registry.gauge('funds_days', 'days that this account’s funds last, at the greatest fees seen'),
    funds: registry.gauge('funds_epochs', 'epochs that this account’s funds last, at the greatest fees seen'),
    pot: registry.gauge('pot_epochs', 'epochs after the one under way that the pot pays whole if nothing comes in'),
  }
}
