// How likely a committee of k of n checkers is captured if a third of them are in league, as a table for docs/PROTOCOL.md: counted, not measured.
//   node bench/capture.ts [--checkers 10,50,100,1000] [--committees 3,7,15,31,63] [--rounds 24,1000]
import { parseArgs } from 'node:util'
import { captureProbability, probabilityText, scaled, settlersCaptureOf, sufficientCommittee } from '@assay/protocol'

const { values } = parseArgs({ options: { checkers: { type: 'string', default: '10,50,100,1000' }, committees: { type: 'string', default: '3,7,15,31,63' }, rounds: { type: 'string', default: '24,1000' } } })
const [checkers, committees, rounds] = [values.checkers, values.committees, values.rounds].map((list) => list.split(',').map(Number)) as [number[], number[], number[]]

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
console.log(row(['n', 'in league', ...committees.map((k) => `k = ${k}`), ...rounds.map((count) => `least k, ${count} rounds`)]))
console.log(`|${'---|'.repeat(2 + committees.length + rounds.length)}`)
for (const n of checkers) {
  const malicious = Math.floor(n / 3)
  console.log(row([n, malicious, ...committees.map((k) => probabilityText(scaled(captureProbability(n, malicious, k)))), ...rounds.map((count) => sufficientCommittee(n, malicious, count) ?? 'none')]))
}

console.log(`\n${row(['n', 'in league', 'settlers', 'threshold', 'captured', 'stalled'])}`)
console.log(`|${'---|'.repeat(6)}`)
for (const n of checkers)
  for (const malicious of new Set([10, 5, 4, 3].map((part) => Math.floor(n / part)))) {
    const drawn = settlersCaptureOf(n, { termEpochs: 1 }, malicious)
    if (drawn !== null) console.log(row([n, malicious, drawn.settlers, drawn.threshold, probabilityText(drawn.captured), probabilityText(drawn.stalled)]))
  }
