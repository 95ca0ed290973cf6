// Pictures of pages in few bytes: a page has few colours, so a palette and nothing else.
import { deflateSync, inflateSync, crc32 } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const TRUECOLOUR = 2
const WITH_ALPHA = 6
const PALETTE = 3
/** The most common colours, of which the palette is chosen. */
const CANDIDATES = 4000
/** Squared distance up to which two colours are one. */
const ALIKE = 260

/** The same picture with at most `colours` (2 to 256) of its colours: those that most pixels have, but none that is nearly one of them already; every other becomes the nearest. Takes 8-bit truecolour PNGs, as browsers write them. @throws Error for any other */
export function smaller(png: Uint8Array, colours: number): Buffer {
  const { width, height, pixels } = decode(Buffer.from(png))
  const counts = new Map<number, number>()
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1)
  const palette: number[] = []
  for (const [colour] of [...counts].toSorted(([, a], [, b]) => b - a).slice(0, CANDIDATES)) {
    if (palette.length === colours) break
    if (palette.every((one) => offBy(one, colour) > ALIKE)) palette.push(colour)
  }
  const places = new Map(palette.map((colour, i) => [colour, i]))
  const place = (colour: number): number => places.get(colour) ?? (places.set(colour, nearest(palette, colour)), places.get(colour)!)
  // A filter byte of 0 before each row.
  const rows = Buffer.alloc((width + 1) * height)
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = place(pixels[y * width + x]!)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, PALETTE, 0, 0, 0], 8)
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('PLTE', Buffer.from(palette.flatMap(channels))), chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', Buffer.alloc(0))])
}

const channels = (colour: number): [number, number, number] => [colour >> 16, (colour >> 8) & 255, colour & 255]

function offBy(one: number, other: number): number {
  const [[r, g, b], [s, h, c]] = [channels(one), channels(other)]
  return (r - s) ** 2 + (g - h) ** 2 + (b - c) ** 2
}

function nearest(palette: readonly number[], colour: number): number {
  let [best, distance] = [0, Infinity]
  for (const [i, one] of palette.entries()) {
    const off = offBy(one, colour)
    if (off < distance) [best, distance] = [i, off]
  }
  return best
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}

/** Pixels as 0xrrggbb, row by row. */
function decode(png: Buffer): { width: number, height: number, pixels: Uint32Array } {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('no PNG')
  const data: Buffer[] = []
  let [width, height, bytes] = [0, 0, 0]
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    const body = png.subarray(at + 8, at + 8 + length)
    const type = png.toString('latin1', at + 4, at + 8)
    if (type === 'IHDR') {
      ;[width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)]
      if (body[8] !== 8 || body[12] !== 0 || (body[9] !== TRUECOLOUR && body[9] !== WITH_ALPHA)) throw new Error(`a PNG of depth ${body[8]} and colour type ${body[9]}: not as browsers write them`)
      bytes = body[9] === TRUECOLOUR ? 3 : 4
    }
    if (type === 'IDAT') data.push(body)
    at += length + 12
  }
  const raw = inflateSync(Buffer.concat(data))
  const stride = width * bytes
  const lines = Buffer.alloc(stride * height)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]!
    for (let x = 0; x < stride; x++) {
      const left = x >= bytes ? lines[y * stride + x - bytes]! : 0
      const up = y > 0 ? lines[(y - 1) * stride + x]! : 0
      const corner = x >= bytes && y > 0 ? lines[(y - 1) * stride + x - bytes]! : 0
      lines[y * stride + x] = raw[y * (stride + 1) + 1 + x]! + [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!
    }
  }
  return { width, height, pixels: Uint32Array.from({ length: width * height }, (_, i) => (lines[i * bytes]! << 16) | (lines[i * bytes + 1]! << 8) | lines[i * bytes + 2]!) }
}

/** The predictor of PNG, section 9.4. */
function paeth(a: number, b: number, c: number): number {
  const p = a + b - c
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)]
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c
}
