// A decoder with a hidden fault, so that the fuzzer can show that it finds one: four bytes in a row that chance alone meets once in 2^32 tries.
import { MalformedError } from '@assay/protocol'

const refused = (): never => {
  throw new MalformedError('RULE', 'planted: not the right bytes')
}

/** Reads a length behind the four bytes `FUZZ`; a length above 200 makes it fail in a way that no contract names. @throws MalformedError */
export function decodePlanted(bytes: Uint8Array): number {
  if (bytes[0] !== 0x46) return refused()
  if (bytes[1] !== 0x55) return refused()
  if (bytes[2] !== 0x5a) return refused()
  if (bytes[3] !== 0x5a) return refused()
  const length = bytes[4] ?? refused()
  if (length > 200) throw new TypeError('planted: the hidden fault')
  return length
}
