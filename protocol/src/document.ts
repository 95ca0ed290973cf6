// What the protocol reads of a DID document. PROTOCOL section 2.
import { equalBytes, fromHex, utf8 } from './bytes.ts'

/** Longest document that is read: what lies beyond is not ours. */
export const DOCUMENT_LIMIT = 16_384

const SERVICE = utf8('#assay')

/**
 * The bytes of the `#assay` service of a DID document; null if the value is no document or has no such service in the form we write (lower-case hex). Reads both encodings: protobuf, and its
 * ASCII hex without `0x` as SDK 0.7.2 writes it. Never throws: anyone may write any bytes as an attribute. If several services are called `#assay`, the first counts.
 *
 * A reader of our own for these few protobuf fields, because what it answers decides who is registered: it must be the same for everyone and total.
 */
export function documentIdentity(value: Uint8Array): Uint8Array | null {
  const services = documentFields(value)?.filter(({ field }) => field === 5)
  for (const service of services ?? []) {
    const parts = service.bytes && messageFields(service.bytes)
    if (!parts) return null
    const text = (field: number): Uint8Array | undefined => parts.findLast((part) => part.field === field)?.bytes ?? undefined // protobuf: the last one counts
    const id = text(1)
    if (!id || !equalBytes(id, SERVICE)) continue
    const data = text(4)
    return data && isHexText(data) ? bytesOfHex(data) : null
  }
  return null
}

/** The fields of a DID document in either encoding; null if the value is none. */
export function documentFields(value: Uint8Array): MessageField[] | null {
  if (value.length === 0 || value.length > DOCUMENT_LIMIT) return null
  return messageFields(isHexText(value) ? bytesOfHex(value) : value)
}

// Even number of lower-case hex digits. A protobuf document begins with 0x0a (field 1), which is none, so the two encodings cannot be taken for each other.
const isHexText = (bytes: Uint8Array): boolean => bytes.length > 0 && bytes.length % 2 === 0 && bytes.every((byte) => (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))

const bytesOfHex = (digits: Uint8Array): Uint8Array => fromHex(`0x${Array.from(digits, (digit) => String.fromCharCode(digit)).join('')}`)

export interface MessageField {
  field: number
  /** null for the wire types that carry no bytes */
  bytes: Uint8Array | null
}

/** The fields of a protobuf message of numbers, texts and messages, in order; null if the bytes are not one. Never throws. */
export function messageFields(bytes: Uint8Array): MessageField[] | null {
  const found: MessageField[] = []
  let at = 0
  const varint = (): number | null => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return null
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return null
  }
  while (at < bytes.length) {
    const tag = varint()
    if (tag === null || tag < 8) return null
    const field = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0:
        if (varint() === null) return null
        found.push({ field, bytes: null })
        break
      case 2: {
        const length = varint()
        if (length === null || at + length > bytes.length) return null
        found.push({ field, bytes: bytes.subarray(at, (at += length)) })
        break
      }
      default:
        return null // a document has only numbers and texts
    }
  }
  return found
}
