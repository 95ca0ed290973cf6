// Lines that go from a machine or checker to its owner and back: shown as text, as a QR code, in a file; read from any of them.
import { readFile, stat } from 'node:fs/promises'
import type { Command } from 'commander'
import { writeDurably } from '@assay/kit/blobs'
import { OperatorError } from '@assay/kit/lifecycle'
import type { Identity } from '@assay/protocol'
import { peerIdOf, toAddress } from '@assay/runtime-bindings'
import { qrCode } from './qr.ts'

export interface ShowOptions { json?: boolean | undefined, qr?: boolean | undefined, out?: string | undefined }

/** The names in an identity as people know them. */
export function namesOf({ kind, network, account, owner, peer, addresses, evidence }: Identity): { kind: string, network: string, machine?: string, checker?: string, owner: string, peer: string, peerId: string, addresses?: string[], evidence?: string[] } {
  return { kind, network: toAddress(network), [kind]: toAddress(account), owner: toAddress(owner), peer, peerId: peerIdOf(peer), ...(kind === 'checker' && { addresses, evidence }) }
}

/** What an owner agrees to by a signature, in words. */
export function describeIdentity(identity: Identity): string {
  const { network, owner, peer } = namesOf(identity)
  const places = [...identity.addresses.map((place) => `  listens at ${place}\n`), ...identity.evidence.map((place) => `  serves evidence at ${place}\n`)].join('')
  return `With the signature the owner agrees to this and nothing else; no money moves by it:
  the ${identity.kind} ${toAddress(identity.account)}
  works in the network ${network}
  and signs its work with the peer key ${peer}
${places}  what it earns is paid to the owner ${owner}
`
}

/** Gives a command the ways in which a line may be shown. */
export function showOptions(command: Command): Command {
  return command
    .option('--out <file>', 'write the line to this file, too')
    .option('--qr', 'show it as a QR code, also where the output is no terminal')
    .option('--json', 'one JSON object on standard output')
}

/**
 * Puts the line on standard output, alone there, so that it can be piped; what people read, and the QR code on a terminal, go to standard error.
 * Throws OperatorError DISK if the file cannot be written.
 */
export async function show(line: string, { words, json, options }: { words: string, json: Record<string, unknown>, options: ShowOptions }): Promise<void> {
  if (options.out !== undefined) await writeDurably(options.out, Buffer.from(`${line}\n`))
  if (options.json) return void process.stdout.write(`${JSON.stringify(json)}\n`)
  process.stderr.write(words)
  if (options.qr || process.stdout.isTTY) {
    const code = qrCode(line, options.qr ? Infinity : process.stdout.columns)
    process.stderr.write(code ?? '(The terminal is too narrow for the QR code; --qr shows it all the same.)\n')
  }
  process.stdout.write(`${line}\n`)
}

/** More than any line of ours has; a file is not read further. */
const MAX_BYTES = 65_536

/** The line itself, or what stands in a file, or on standard input (`-`). Throws OperatorError INPUT. */
export async function readLine(given: string, stdin: AsyncIterable<Uint8Array> = process.stdin): Promise<string> {
  if (/^assay-\w+:/.test(given.trim())) return given
  if (given === '-') {
    const parts: Uint8Array[] = []
    let bytes = 0
    for await (const part of stdin) {
      bytes += part.length
      if (bytes > MAX_BYTES) throw tooLong('standard input')
      parts.push(part)
    }
    return Buffer.concat(parts).toString('utf8')
  }
  const cannot = (cause: NodeJS.ErrnoException): never => {
    throw new OperatorError('INPUT', `${JSON.stringify(given.slice(0, 80))} is neither such a line nor a file that can be read (${cause.code ?? cause.message})`, { advice: 'Give the whole line, the name of a file that holds it, or - to read it from standard input.', cause })
  }
  if ((await stat(given).catch(cannot)).size > MAX_BYTES) throw tooLong(given)
  return readFile(given, 'utf8').catch(cannot)
}

const tooLong = (where: string): OperatorError => new OperatorError('INPUT', `${where} holds more than such a line (over ${MAX_BYTES} bytes)`, { advice: 'Give the line alone.' })
