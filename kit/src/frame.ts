// Frames on a byte stream: u32 little-endian length, then the bytes. A frame of length 0 is a sign of life and carries nothing.

/** A peer broke the rules of the channel; `code` is one of a closed list. */
export class ChannelAbuseError extends Error {
  override readonly name = 'ChannelAbuseError'
  readonly code: 'FRAME_TOO_LONG' | 'FRAME_TOO_SLOW' | 'FRAME_CUT' | 'IDLE' | 'STALLED'
  constructor(code: ChannelAbuseError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** The frame of a payload: 4 bytes of length and the payload. */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(4 + payload.length)
  new DataView(frame.buffer).setUint32(0, payload.length, true)
  frame.set(payload, 4)
  return frame
}

/** Cuts a byte stream into payloads. Holds no more than what arrived: a length that is only claimed costs no memory. */
export class FrameReader {
  readonly maxFrameBytes: number
  #parts: Uint8Array[] = []
  #held = 0

  constructor(maxFrameBytes: number) {
    this.maxFrameBytes = maxFrameBytes
  }

  /** Bytes that arrived and were not taken yet. */
  get heldBytes(): number {
    return this.#held
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#parts.push(bytes)
    this.#held += bytes.length
  }

  /** The next complete payload, or undefined until more arrives. Throws ChannelAbuseError FRAME_TOO_LONG on a length above the limit, before anything is copied. */
  next(): Uint8Array | undefined {
    if (this.#held < 4) return undefined
    const length = this.#peekLength()
    if (length > this.maxFrameBytes) throw new ChannelAbuseError('FRAME_TOO_LONG', `a frame of ${length} bytes was announced, the limit is ${this.maxFrameBytes}`)
    if (this.#held < 4 + length) return undefined
    return this.#take(4 + length).subarray(4)
  }

  #peekLength(): number {
    let length = 0
    let at = 0
    for (const part of this.#parts) {
      for (let i = 0; i < part.length && at < 4; i++, at++) length += part[i]! * 2 ** (8 * at)
      if (at === 4) break
    }
    return length
  }

  #take(count: number): Uint8Array {
    const out = new Uint8Array(count)
    let at = 0
    let used = 0
    while (at < count) {
      const part = this.#parts[used]!
      const size = Math.min(part.length, count - at)
      out.set(part.subarray(0, size), at)
      at += size
      if (size === part.length) used++
      else this.#parts[used] = part.subarray(size)
    }
    this.#parts.splice(0, used)
    this.#held -= count
    return out
  }
}

/** An allowance that refills with time: up to one second's worth may be used at once, and one use may run it into debt. */
export class Allowance {
  readonly perSecond: number
  #left: number
  #at: number

  /** `now` in ms of any monotonic clock */
  constructor(perSecond: number, now: number) {
    this.perSecond = perSecond
    this.#left = perSecond
    this.#at = now
  }

  take(amount: number, now: number): void {
    this.#refill(now)
    this.#left -= amount
  }

  /** ms until something may be taken again; 0 if it may be now. */
  waitMs(now: number): number {
    this.#refill(now)
    return this.#left > 0 ? 0 : Math.ceil((-this.#left / this.perSecond) * 1000) + 1
  }

  #refill(now: number): void {
    this.#left = Math.min(this.perSecond, this.#left + ((now - this.#at) / 1000) * this.perSecond)
    this.#at = now
  }
}
