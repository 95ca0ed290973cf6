// What came of asking a node, in words. Imports nothing, so that a page has it for nothing.
import type { BlockDifference, Witnessed } from './witness.ts'

/** Longest text of one side of a difference that is told; a document has thousands. */
const SHOWN = 300

/** The outcome in one sentence. */
export function tellWitnessed(witnessed: Witnessed): string {
  switch (witnessed.kind) {
    case 'agrees':
      return `All ${witnessed.blocks} blocks, ${witnessed.first} to ${witnessed.last}, are those of the node: nothing in them was left out, added or altered.`
    case 'differs':
      return `Block ${witnessed.difference.block} is not as the node has it. ${tellDifference(witnessed.difference)} The ${witnessed.blocks} blocks before it are the node’s.`
    case 'other chain':
      return `The node is of another chain: it begins with ${witnessed.found}, and the chain of this network with ${witnessed.expected}.`
    case 'unusable':
      return `Nothing follows from what the node said: ${witnessed.text} (${witnessed.code}). ${witnessed.blocks} blocks were the node’s until then.`
  }
}

const SUBJECTS: Record<BlockDifference['what'], string> = { begin: 'Where the history begins', hash: 'Its hash', parent: 'The block before it', 'relay root': 'Its relay parent’s storage root', event: 'What stands in it' }

function tellDifference({ what, at, recorded, chain }: BlockDifference): string {
  const subject = what === 'event' ? `${SUBJECTS.event}, entry ${at}` : SUBJECTS[what]
  return `${subject}: recorded is ${side(recorded)}; the node has ${side(chain)}.`
}

const side = (text: string | null): string => (text === null ? 'nothing' : text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
