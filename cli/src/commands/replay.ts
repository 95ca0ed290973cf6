// `assay replay`: an epoch recomputed by a stranger, from the chain and from evidence that anybody may serve.
import type { Command } from 'commander'
import { EXIT, mainSignal, OperatorError, runMain } from '@assay/kit/lifecycle'
import { createFetcher } from '@assay/kit/blobs'
import {
  concat,
  equalBytes,
  explainEpoch,
  judgementOfEpoch,
  registeredCheckers,
  replayEpoch,
  statementsOnChain,
  type AccountId,
  type Explanation,
  type ObservationVerdict,
  type Score,
  type Ledger,
  type ReplayedEpoch,
} from '@assay/protocol'
import { bestBlock, connectChain, findNetwork, formatAmount, nodeCrypto, toAccountId, toAddress, type Chain } from '@assay/runtime-bindings'
import { readLedger } from '../ledger.ts'

interface Options {
  epoch: string
  chain: string
  network: string
  from?: string[]
  account?: string
  json?: boolean
}

type OnChain = 'match' | 'mismatch' | 'not yet'

export function register(program: Command): void {
  program
    .command('replay')
    .description('recompute an epoch from the chain and evidence, and compare it with what was paid')
    .requiredOption('--epoch <n>', 'which epoch')
    .requiredOption('--chain <endpoint>', 'a peaq node: ws:// or wss:// address')
    .requiredOption('--network <address>', 'the network\'s account')
    .option('--from <urls...>', 'further places to ask for evidence, beside the checkers')
    .option('--account <address>', 'say why this machine or checker scored what it did, line by line')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExit code 0: the statement on chain is the one computed here, or none is there yet; 1: it is another; 75: the epoch is not over, or evidence is not to be had now.\n\nExample:\n  assay replay --epoch 0 --chain ws://127.0.0.1:9944 --network 5F… --account 5G…')
    .action(async (options: Options) => {
      await runMain(async () => {
        const epoch = Number(options.epoch)
        if (!/^\d{1,9}$/.test(options.epoch)) throw new OperatorError('EPOCH', `${options.epoch} is not an epoch`, { advice: 'Give a whole number from 0.' })
        const network = toAccountId(options.network)
        const account = options.account === undefined ? undefined : toAccountId(options.account)
        const stop = new AbortController()
        const signal = AbortSignal.any([mainSignal(), stop.signal])
        const chain = await connectChain({ endpoint: options.chain, signal })
        try {
          const ledger = await ledgerFor(chain, network, epoch, signal)
          const urls = [...(options.from ?? []), ...registeredCheckers(ledger).flatMap(({ identity }) => identity.evidence)]
          const fetchFrom = createFetcher({ timeoutMs: 30_000, signal })
          const replayed = await replayEpoch(nodeCrypto, ledger, epoch, (id, maxBytes) => fetchFrom(urls, id, maxBytes))
          if (replayed.kind === 'early') throw new OperatorError('EARLY', `epoch ${epoch} can be judged from block ${replayed.readyAt ?? 'unknown'} on, and the chain is at ${ledger.head?.number}`, { advice: 'Ask again then.', exit: EXIT.again })
          if (replayed.kind === 'missing') throw new OperatorError('MISSING', `evidence of epoch ${replayed.epoch} is not to be had now: ${replayed.blobs.join(', ')}`, { advice: 'Ask again later, or name further places with --from.', exit: EXIT.again })
          const onChain = compare(ledger, replayed)
          const explanations = explainEpoch(replayed).filter(({ score }) => account === undefined || score.account === account || score.owner === account)
          if (account !== undefined && explanations.length === 0) throw new OperatorError('NO_ACCOUNT', `epoch ${epoch} says nothing of ${toAddress(account)}`, { advice: 'Check the address: it must be a machine, a checker or an owner of this network.' })
          process.stdout.write(options.json ? json(replayed, onChain, explanations) : text(replayed, onChain, explanations, account !== undefined))
          if (onChain === 'mismatch') throw new OperatorError('MISMATCH', `the statement on chain is not what epoch ${epoch} comes to`, { advice: 'Show both to the network\'s checkers: the settlement committee paid something else than the rules give.' })
        } finally {
          stop.abort()
          await chain.close()
        }
      })
    })
}

/** The ledger up to the newest confirmed block, in which the epoch must be judged. */
async function ledgerFor(chain: Chain, network: AccountId, epoch: number, signal: AbortSignal): Promise<Ledger> {
  const found = await findNetwork(chain, network)
  if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(network)} holds no network on ${chain.endpoint}`, { advice: 'Check the address and the chain.' })
  const { parameters } = found
  const last = (await bestBlock(chain)).number - parameters.confirmations
  if (last < judgementOfEpoch(parameters, epoch)) throw new OperatorError('EARLY', `epoch ${epoch} can be judged from block ${judgementOfEpoch(parameters, epoch)} on, and the chain is confirmed to ${last}`, { advice: 'Ask again then.', exit: EXIT.again })
  return readLedger(chain, network, parameters, signal)
}

function compare(ledger: Ledger, { epoch, statement }: ReplayedEpoch): OnChain {
  const posted = statementsOnChain(ledger).get(epoch)
  if (posted === undefined) return 'not yet'
  const bytes = concat(...[...posted.chunks].toSorted(([a], [b]) => a - b).map(([, chunk]) => chunk))
  return equalBytes(bytes, statement.bytes) ? 'match' : 'mismatch'
}

function json(replayed: ReplayedEpoch, onChain: OnChain, explanations: readonly Explanation[]): string {
  const value = { event: 'replayed', epoch: replayed.epoch, root: replayed.statement.root, onChain, paid: replayed.result.paid, carried: replayed.result.carried, explanations }
  return `${JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))}\n`
}

function text({ epoch, statement, result }: ReplayedEpoch, onChain: OnChain, explanations: readonly Explanation[], detailed: boolean): string {
  const lines = [
    `epoch ${epoch}: statement root ${statement.root}`,
    `on chain: ${onChain === 'match' ? 'the same' : onChain === 'mismatch' ? 'ANOTHER' : 'nothing yet'}`,
    `paid ${formatAmount(result.paid)}, carried ${formatAmount(result.carried)}`,
  ]
  for (const { score, sentence, payout, rounds } of explanations) {
    lines.push('', `${score.kind} ${toAddress(score.account)}: score ${score.score}, earned ${formatAmount(score.earned)}${score.reason === 'OK' ? '' : ` (${score.reason}: ${sentence})`}`)
    lines.push(payout === undefined ? `  owner ${toAddress(score.owner)} gets nothing` : `  owner ${toAddress(score.owner)}: paid ${formatAmount(payout.paid)}, carried ${formatAmount(payout.carriedOut)}`)
    lines.push(`  ${how(score)}`)
    for (const round of rounds) {
      if (round.kind === 'machine') {
        const { verdict } = round
        lines.push(`  round ${verdict.round}: ${verdict.outcome}${verdict.reason === 'OK' ? '' : ` (${verdict.reason}: ${round.sentence})`}, ${round.standing}, ${verdict.counted} of ${verdict.committee.length} checkers counted, median ${verdict.medianSteps} steps, proven ${verdict.provenSteps}, work ${verdict.work}`)
        if (detailed) for (const one of verdict.observations) lines.push(`    ${toAddress(one.checker)}: ${one.vote}, credited ${one.credited} steps${offText(one)}${one.paid ? ', paid' : ` (${one.reason})`}`)
      } else {
        lines.push(`  round ${round.verdict.round}: ${round.verdict.paidObservations} paid observations${round.verdict.reason === 'OK' ? '' : ` (${round.verdict.reason}: ${round.sentence})`}`)
        if (detailed) for (const one of round.observations) lines.push(`    ${toAddress(one.machine)}: ${one.observation.vote}, credited ${one.observation.credited} steps${offText(one.observation)}${one.observation.paid ? ', paid' : ` (${one.observation.reason}: ${one.sentence})`}`)
      }
    }
  }
  return `${lines.join('\n')}\n`
}

/** What a score is made of, beside its rounds. */
function how(score: Score): string {
  if (score.kind === 'checker') return `its word weighs ${percent(score.weight)} %; the score is its paid observations times that, in millionths`
  const { passed, asked } = score.availability
  return `passed ${passed} of ${asked} rounds; the score is its work, in part by its standing where the network enforces it, times that`
}

/** How far a reading lies from the committee's median. */
const offText = ({ offPpm }: ObservationVerdict): string => (offPpm === null || offPpm === 0 ? '' : `, ${offPpm > 0 ? '+' : '-'}${percent(Math.abs(offPpm))} % off the median`)

/** Millionths as percent, exactly. */
const percent = (ppm: number): string => `${Math.floor(ppm / 10_000)}.${String(ppm % 10_000).padStart(4, '0')}`.replace(/\.?0+$/, '')
