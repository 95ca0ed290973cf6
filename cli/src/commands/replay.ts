// `assay replay`: an epoch recomputed by a stranger, from the chain and evidence that anybody may serve, or from a recording of both.
import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import { EXIT, mainSignal, OperatorError, runMain } from '@assay/kit/lifecycle'
import { createFetcher, writeDurably } from '@assay/kit/blobs'
import { explainEpoch, judgementOfEpoch, MalformedError, evidenceHolders, replayEpoch, type AccountId, type Explanation, type Ledger, type ReplayedEpoch } from '@assay/protocol'
import { compareWithChain, createRecorder, packRecording, RecordingError, replayRecording, tellEpoch, tellWitnessed, witnessRecording, type OnChain, type RecordedReplay, type Recorder, type Witnessed } from '@assay/replay'
import { bestBlock, cryptoReady, findNetwork, nodeCrypto, toAccountId, toAddress, type Chain } from '@assay/runtime-bindings'
import { withChain } from '../chain.ts'
import { readLedger } from '../ledger.ts'

interface Options {
  epoch?: string
  chain?: string
  network?: string
  from?: string[]
  save?: string
  recording?: string
  account?: string
  json?: boolean
}

interface Outcome {
  replayed: ReplayedEpoch
  onChain: OnChain
  /** What a node said of a recording's blocks, where one was asked. */
  witnessed?: Witnessed
}

/** Longest file of a recording that is read: what 256 MiB of nothing but noise pack into. */
const FILE_BYTES = 2 ** 28 + 2 ** 20

export function register(program: Command): void {
  program
    .command('replay')
    .description('recompute an epoch from the chain and evidence, or from a recording, and compare it with what was paid')
    .option('--epoch <n>', 'which epoch; of a recording, by default the one it was made for')
    .option('--chain <endpoint>', 'a peaq node: ws:// or wss:// address; with --recording the node that its blocks are held against, http:// and https:// too')
    .option('--network <address>', 'the network\'s account')
    .option('--from <urls...>', 'further places to ask for evidence, beside the checkers')
    .option('--save <file>', 'write all that this replay read into a recording')
    .option('--recording <file>', 'replay a recording instead, without any network but the node that --chain may name')
    .option('--account <address>', 'say why this machine or checker scored what it did, line by line')
    .option('--json', 'one JSON object on standard output')
    .addHelpText('after', '\nExit code 0: the statement on chain is the one computed here, or none is there yet; 1: it is another, or a recording is not of the node\'s chain; 75: the epoch is not over, evidence is not to be had now, or the node could not tell.\n\nExamples:\n  assay replay --epoch 0 --chain ws://127.0.0.1:9944 --network 5F… --account 5G…\n  assay replay --epoch 0 --chain ws://127.0.0.1:9944 --network 5F… --save epoch-0.assay\n  assay replay --recording epoch-0.assay\n  assay replay --recording epoch-0.assay --chain ws://127.0.0.1:9944')
    .action(async (options: Options) => {
      await runMain(async () => {
        const epoch = options.epoch === undefined ? undefined : Number(options.epoch)
        if (options.epoch !== undefined && !/^\d{1,9}$/.test(options.epoch)) throw new OperatorError('EPOCH', `${options.epoch} is not an epoch`, { advice: 'Give a whole number from 0.' })
        const account = options.account === undefined ? undefined : toAccountId(options.account)
        const { replayed, onChain, witnessed } = await (options.recording === undefined ? fromChain(options, epoch) : fromRecording(options, options.recording, epoch))
        const explanations = explainEpoch(replayed).filter(({ score }) => account === undefined || score.account === account || score.owner === account)
        if (account !== undefined && explanations.length === 0) throw new OperatorError('NO_ACCOUNT', `epoch ${replayed.epoch} says nothing of ${toAddress(account)}`, { advice: 'Check the address: it must be a machine, a checker or an owner of this network.' })
        process.stdout.write(options.json ? json(replayed, onChain, explanations, witnessed) : `${[...tellEpoch(replayed, onChain, explanations, account !== undefined), ...(witnessed?.kind === 'agrees' ? ['', tellWitnessed(witnessed)] : [])].join('\n')}\n`)
        if (witnessed !== undefined) refuse(witnessed) // says the rest, as an error
        if (onChain === 'mismatch') throw new OperatorError('MISMATCH', `the statement on chain is not what epoch ${replayed.epoch} comes to`, { advice: 'Show both to the network\'s checkers: the settlement committee paid something else than the rules give.' })
      })
    })
}

/** Throws OperatorError unless the node has the recording's blocks. */
function refuse(witnessed: Witnessed): void {
  switch (witnessed.kind) {
    case 'agrees':
      return
    case 'differs':
    case 'other chain':
      throw new OperatorError('NOT_OF_THE_CHAIN', tellWitnessed(witnessed), { advice: 'Whoever made the recording, or this node, does not tell the chain as it is: ask another node.' })
    case 'unusable':
      throw new OperatorError('NODE', tellWitnessed(witnessed), { advice: 'Ask another node, one that keeps all blocks and states, or ask again later.', exit: EXIT.again })
  }
}

/** Replays from a file alone, and holds its blocks against a node if one is named. */
async function fromRecording({ chain, network, from, save }: Options, path: string, epoch: number | undefined): Promise<Outcome> {
  if ([network, from, save].some((given) => given !== undefined)) throw new OperatorError('OPTIONS', '--recording goes with none of --network, --from and --save', { advice: 'A recording holds the network and all its evidence; leave the others out.' })
  const file = await readFile(path).catch((cause: unknown) => {
    throw new OperatorError('RECORDING', `cannot read ${path} (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, { advice: 'Check the path.', cause })
  })
  if (file.length > FILE_BYTES) throw new OperatorError('RECORDING', `${path} has ${file.length} bytes, and no recording has more than ${FILE_BYTES}`, { advice: 'Check the path.' })
  await cryptoReady()
  let replay: RecordedReplay
  try {
    replay = await replayRecording(new Uint8Array(file), { crypto: nodeCrypto, epoch })
  } catch (cause) {
    if (cause instanceof MalformedError || cause instanceof RecordingError) throw new OperatorError('RECORDING', `${path} cannot be replayed: ${cause.message}`, { advice: 'Get the recording again, or make one from a chain with --save.', cause })
    throw cause
  }
  return chain === undefined ? replay : { ...replay, witnessed: await witnessRecording(replay.recording, replay.ledger, chain, { crypto: nodeCrypto, signal: mainSignal() }) }
}

/** Replays from a node and the places that serve evidence. */
async function fromChain({ chain: endpoint, network: address, from = [], save }: Options, epoch: number | undefined): Promise<Outcome> {
  if (epoch === undefined || endpoint === undefined || address === undefined) throw new OperatorError('OPTIONS', 'which epoch of what is to be replayed?', { advice: 'Give --epoch, --chain and --network, or a --recording.' })
  const network = toAccountId(address)
  return withChain(endpoint, async (chain, signal) => {
    const recorder = createRecorder(nodeCrypto, network)
    const ledger = await ledgerFor(chain, network, epoch, recorder, signal)
    const urls = [...from, ...evidenceHolders(ledger).flatMap(({ identity }) => identity.evidence)]
    const fetchFrom = createFetcher({ timeoutMs: 30_000, signal })
    const replayed = await replayEpoch(nodeCrypto, ledger, epoch, recorder.noting((id, maxBytes) => fetchFrom(urls, id, maxBytes)))
    if (replayed.kind === 'early') throw new OperatorError('EARLY', `epoch ${epoch} can be judged from block ${replayed.readyAt ?? 'unknown'} on, and the chain is at ${ledger.head?.number}`, { advice: 'Ask again then.', exit: EXIT.again })
    if (replayed.kind === 'missing') throw new OperatorError('MISSING', `evidence of epoch ${replayed.epoch} is not to be had now: ${replayed.blobs.join(', ')}`, { advice: 'Ask again later, or name further places with --from.', exit: EXIT.again })
    if (save !== undefined) await writeDurably(save, await packRecording(recorder.recording(ledger, epoch)))
    return { replayed, onChain: compareWithChain(nodeCrypto, ledger, replayed) }
  })
}

/** The ledger up to the newest confirmed block, in which the epoch must be judged; the recorder notes each block. */
async function ledgerFor(chain: Chain, network: AccountId, epoch: number, recorder: Recorder, signal: AbortSignal): Promise<Ledger> {
  const found = await findNetwork(chain, network)
  if (found === null) throw new OperatorError('NO_NETWORK', `${toAddress(network)} holds no network on ${chain.endpoint}`, { advice: 'Check the address and the chain.' })
  const parameters = found.prefix
  const last = (await bestBlock(chain)).number - parameters.confirmations
  if (last < judgementOfEpoch(parameters, epoch)) throw new OperatorError('EARLY', `epoch ${epoch} can be judged from block ${judgementOfEpoch(parameters, epoch)} on, and the chain is confirmed to ${last}`, { advice: 'Ask again then.', exit: EXIT.again })
  return readLedger(chain, network, parameters, signal, (block) => recorder.block(block))
}

function json(replayed: ReplayedEpoch, onChain: OnChain, explanations: readonly Explanation[], witnessed: Witnessed | undefined): string {
  const value = { event: 'replayed', epoch: replayed.epoch, root: replayed.statement.root, onChain, paid: replayed.result.paid, carried: replayed.result.carried, witnessed, explanations }
  return `${JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))}\n`
}
