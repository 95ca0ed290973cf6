// After how many rounds canaries expose a checker that says RAN whatever it saw, with 99 %. Exact, and quick: no machine is run.
//   node bench/calibration.ts [--json] [--checkers 16] [--committee 5] [--epoch-rounds 24]
import { parseArgs } from 'node:util'
import { type Exposed, roundsToExposure } from '@assay/protocol'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, checkers: { type: 'string', default: '16' }, committee: { type: 'string', default: '5' }, 'epoch-rounds': { type: 'string', default: '24' } } })
const network = { checkers: Number(values.checkers), committee: Number(values.committee), epochRounds: Number(values['epoch-rounds']) }
const SURE_PPM = 990_000
const MOST_EPOCHS = 60
const rows = [1, 2, 4, 8].flatMap((canaries) =>
  [32, 64, 128].map((mute) => {
    const rounds = (by: Exposed): number | null => roundsToExposure({ ...network, canaries, mute }, by, SURE_PPM, MOST_EPOCHS)
    return { canaries, perChecker: (canaries * Math.min(network.committee, network.checkers)) / network.checkers, mute, weightless: rounds('WEIGHTLESS'), beyondHonest: rounds('BEYOND_HONEST') }
  }),
)
if (values.json) console.log(JSON.stringify({ ...network, surePpm: SURE_PPM, rows }))
else {
  console.log(`${network.checkers} checkers, committees of ${network.committee}, epochs of ${network.epochRounds} rounds`)
  console.log('| canaries a round | of these a checker sees | mute | weight 0 after | interval beyond 1 % after |\n|---|---|---|---|---|')
  const shown = (rounds: number | null): string => (rounds === null ? `more than ${MOST_EPOCHS * network.epochRounds} rounds` : `${rounds} rounds`)
  for (const { canaries, perChecker, mute, weightless, beyondHonest } of rows) console.log(`| ${canaries} | ${perChecker.toFixed(2)} | ${mute}/256 | ${shown(weightless)} | ${shown(beyondHonest)} |`)
}
