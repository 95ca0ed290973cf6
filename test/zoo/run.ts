// `npm run zoo`: tries every attack and prints what became of it. Exit code 1 if a promise of docs/PROTOCOL.md section 15 is not kept.
//   npm run zoo -- [--json] [--trials 100] [--only name] [--seed text]
// `--trials` is for attacks that are always caught; those that are caught by chance are tried six times as often. The same seed gives the same table.
import { parseArgs } from 'node:util'
import { attacks, measure, type Result, tableOf } from './zoo.ts'
import { PROMISES } from './promises.ts'

const { values } = parseArgs({ options: { json: { type: 'boolean' }, trials: { type: 'string', default: '100' }, only: { type: 'string' }, seed: { type: 'string', default: 'zoo' } } })
const trials = Number(values.trials)
if (!Number.isInteger(trials) || trials < 1) {
  console.error(`--trials is ${values.trials}; give a whole number from 1`)
  process.exit(1)
}
const chosen = attacks().filter(({ name }) => values.only === undefined || name.includes(values.only))
if (chosen.length === 0) {
  console.error(`no attack has ${values.only} in its name; see test/zoo/promises.ts`)
  process.exit(1)
}
const results: Result[] = []
for (const attack of chosen) {
  process.stderr.write(`${attack.name}\n`)
  results.push(await measure(attack, PROMISES[attack.name].atLeast === 1 ? trials : 6 * trials, values.seed))
}
console.log(values.json ? JSON.stringify(results, null, 2) : tableOf(results))
for (const { name, expected, others, kept } of results.filter((result) => !result.kept || result.atLeast === 1))
  if (!kept) console.error(`NOT KEPT: ${name}: expected ${expected.join(' or ')}, found ${Object.entries(others).map(([found, times]) => `${found} ${times} times`).join(', ')}`)
process.exit(results.every(({ kept }) => kept) ? 0 : 1)
