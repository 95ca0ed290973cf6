import { concat, equalBytes } from '@assay/protocol'
import type { LyingProver } from '@assay/protocol/testing/prover'
import { type Attack, chance, junkRow, lyingMachine, numberOf } from '../attack.ts'

const half = (i: number): boolean => i % 2 === 1

/** A machine that made up half of its rows and lies when it has to open them. */
export const openings: Attack[] = [
  {
    name: 'opening edited after the coins',
    liar: 'makes up half of its rows and multiplies the asked ones when the coins are known',
    run: (trial) => {
      let prover: LyingProver | undefined
      const inputs = new Map<number, Int8Array>()
      return lyingMachine(trial, {
        lie: (t, i, own) => {
          prover = own
          if (!half(i)) return undefined
          inputs.set(numberOf({ t, i }), own.input(i))
          return junkRow(t, i)
        },
        opening: (_openings, cells) =>
          concat(
            ...cells.map((cell) => {
              const opened = prover!.open([cell])
              const input = inputs.get(numberOf(cell))
              return input === undefined ? opened : concat(new Uint8Array(prover!.product(input).buffer), opened.subarray(4 * prover!.n))
            }),
          ),
      })
    },
  },
  {
    name: 'another row opened',
    liar: 'makes up half of its rows and opens the good row beside each bad one',
    run: (trial) => {
      let prover: LyingProver | undefined
      return lyingMachine(trial, { lie: (t, i, own) => ((prover = own), half(i) ? junkRow(t, i) : undefined), opening: (_openings, cells) => prover!.open(cells.map(({ t, i }) => ({ t, i: i & ~1 }))) })
    },
  },
  {
    name: 'too few or too many openings',
    liar: 'leaves out openings, adds some, or bytes that are none',
    run: (trial) => {
      const draw = chance(`change of ${trial}`)
      const changes: ((blob: Uint8Array) => Uint8Array)[] = [
        (blob) => blob.subarray(0, draw(blob.length)),
        (blob) => blob.subarray(1 + draw(blob.length - 1)),
        (blob) => concat(blob, blob.subarray(0, 1 + draw(4096))),
        (blob) => concat(blob, new Uint8Array(1 << 20)),
      ]
      return lyingMachine(trial, { opening: (blob) => changes[draw(4)]!(blob) })
    },
  },
  {
    name: 'an opening twice',
    liar: 'opens one cell twice, in place of another',
    run: (trial) => {
      let prover: LyingProver | undefined
      return lyingMachine(trial, {
        lie: (_t, _i, own) => void (prover = own),
        opening: (_openings, cells) => {
          const [first] = cells
          const other = cells.findIndex((cell) => !equalBytes(prover!.open([cell]), prover!.open([first!])) && cell.t > 1 === first!.t > 1)
          return prover!.open(cells.map((cell, at) => (at === other ? first! : cell)))
        },
      })
    },
  },
  { name: 'silence after the coins', liar: 'makes up half of its rows and says nothing when it should open them', run: (trial) => lyingMachine(trial, { lie: (t, i) => (half(i) ? junkRow(t, i) : undefined), opens: false }) },
]
