// What docs/PROTOCOL.md promises of each attack; a test compares the two.

export interface Promised {
  /** What becomes of the liar. */
  expected: readonly string[]
  /** Least chance of that in a round. */
  atLeast: number
}

const always = (...expected: string[]): Promised => ({ expected, atLeast: 1 })

export const PROMISES = {
  'honest machine': always('PASS(OK)'),
  'lazy rows, 1 %': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.47 },
  'lazy rows, 2 %': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.72 },
  'lazy rows, 5 %': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.96 },
  'lazy rows, 10 %': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.998 },
  'lazy rows, 25 %': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.999999 },
  'lazy rows, 5 %, 128 opened': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.998 },
  '5 % crowded into the head': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.96 },
  '5 % crowded into the tail': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.96 },
  'bad rows diluted by a long tail': { expected: ['NO GAIN'], atLeast: 0.999 },
  'grinding the last step': { expected: ['FAIL(WRONG_PRODUCT)'], atLeast: 0.96 },
  'one flipped bit': { expected: ['PASS(OK)'], atLeast: 0.916 },
  'skipped steps': always('FAIL(WRONG_PRODUCT)'),
  'copied rows': always('FAIL(WRONG_PRODUCT)'),
  'truncated inner dimension': always('FAIL(WRONG_PRODUCT)'),
  '16-bit rounding': always('FAIL(WRONG_PRODUCT)'),
  'range: C + p': always('FAIL(OUT_OF_RANGE)'),
  'structured matrices': always('NO STRUCTURE'),
  'opening edited after the coins': always('FAIL(BAD_PATH)'),
  'another row opened': always('FAIL(BAD_PATH)'),
  'an opening twice': always('FAIL(BAD_PATH)'),
  'too few or too many openings': always('FAIL(BAD_LENGTH)', 'NOT_OPENED(NO_OPENINGS)'),
  'silence after the coins': always('NOT_OPENED(NO_OPENINGS)'),
  'openings signed by another key': always('NOT_OPENED(NO_OPENINGS)'),
  'commitment signed by another key': always('NO_QUORUM(NO_EVIDENCE)'),
  'two commitments': always('EQUIVOCATION(TWO_COMMITMENTS)'),
  'smaller matrices': always('FAIL(BAD_COMMITMENT)'),
  'more steps than allowed': always('FAIL(BAD_COMMITMENT)'),
  'proof of another round': always('FAIL(WRONG_PRODUCT)'),
  'proof of another machine': always('FAIL(WRONG_PRODUCT)'),
  'proof of another network': always('FAIL(WRONG_PRODUCT)'),
  'nonce that no checker signed': always('FAIL(BAD_COMMITMENT)'),
  'nonce of another round': always('FAIL(BAD_COMMITMENT)'),
  'nonce swapped afterwards': always('FAIL(WRONG_PRODUCT)'),
  'nonces folded late': always('NO GAIN'),
  'slow, then fast': always('NO GAIN'),
  'slow for one checker': always('NO GAIN'),
  'head start with one checker': always('NO GAIN'),
  'two names for one device': always('NO GAIN'),
  'four names in turns': always('NO GAIN'),
  'checker in league with a machine': always('NO GAIN'),
  'lazy checker: always RAN': always('UNPAID(WRONG_KEY)'),
  'lazy checker: never RAN': always('UNPAID(VOTED_OTHERWISE)'),
  'copied reading': always('UNPAID(NOT_FOLDED)'),
  'copied report': always('UNPAID(WRONG_ROOT)'),
  'reading too low or too high': always('UNPAID(OUT_OF_BAND)'),
  'framing: nonce withheld': always('PASS(OK)'),
  'framing: nonce delayed': always('PASS(OK)'),
  'framing: openings withheld': always('PASS(OK)'),
  'framing: package withheld': always('PASS(OK)'),
  'framing: made-up evidence': always('PASS(OK)'),
  'message cut off': always('REFUSED'),
  'message too long': always('REFUSED'),
  'message reordered': always('REFUSED', 'ANOTHER VALUE'),
  'message with a flipped bit': always('REFUSED', 'ANOTHER VALUE'),
  'length that lies': always('REFUSED', 'ANOTHER VALUE'),
} satisfies Record<string, Promised>

export type AttackName = keyof typeof PROMISES
