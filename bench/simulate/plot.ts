// Lines in an SVG that reads in light and dark.

export interface Line {
  name: string
  points: readonly (readonly [x: number, y: number])[]
}

export interface PlotOptions {
  title: string
  x: string
  y: string
  /** A logarithmic y axis; points at or below 0 are left out. */
  logarithmic?: boolean
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [860, 420, 70, 210, 44, 52]
const COLOURS = ['#2a78d6', '#1f9d6b', '#c98500', '#d1495b', '#7a5cc7', '#0e9aa7', '#8a8a8a', '#b0562e', '#4c6b22', '#a03e99', '#5b7fa6']

/** A line chart of a few lines, their names beside their ends. */
export function plot(lines: readonly Line[], { title, x, y, logarithmic = false }: PlotOptions): string {
  const shown = lines.map((line) => ({ ...line, points: line.points.filter(([, value]) => !logarithmic || value > 0) })).filter(({ points }) => points.length > 0)
  const xs = shown.flatMap(({ points }) => points.map(([at]) => at))
  const ys = shown.flatMap(({ points }) => points.map(([, value]) => (logarithmic ? Math.log10(value) : value)))
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)]
  const [y0, y1] = logarithmic ? [Math.floor(Math.min(...ys)), Math.ceil(Math.max(...ys))] : [0, Math.max(...ys) * 1.05 || 1]
  const px = (at: number): number => LEFT + ((at - x0) / (x1 - x0 || 1)) * (WIDTH - LEFT - RIGHT)
  const py = (value: number): number => HEIGHT - BOTTOM - (((logarithmic ? Math.log10(value) : value) - y0) / (y1 - y0 || 1)) * (HEIGHT - TOP - BOTTOM)
  const ticks = logarithmic ? Array.from({ length: y1 - y0 + 1 }, (_, i) => 10 ** (y0 + i)) : Array.from({ length: 6 }, (_, i) => (y1 * i) / 5)
  const marks = Array.from({ length: 7 }, (_, i) => x0 + ((x1 - x0) * i) / 6)
  const text = (at: number, down: number, label: string, rest = ''): string => `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${rest}>${label}</text>`
  // Names keep a line's height of distance, from the top.
  const ends = shown.map(({ name, points }, i) => ({ name, colour: COLOURS[i % COLOURS.length]!, at: py(points.at(-1)![1]) })).toSorted((a, b) => a.at - b.at)
  for (const [i, end] of ends.entries()) if (i > 0) end.at = Math.max(end.at, ends[i - 1]!.at + 15)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}" font-family="system-ui, sans-serif" font-size="12" fill="#777">`,
    text(LEFT, 22, title, 'font-size="15" font-weight="600"'),
    ...ticks.map((tick) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(tick).toFixed(1)}" y2="${py(tick).toFixed(1)}" stroke="#999" stroke-opacity="0.25"/>${text(LEFT - 8, py(tick) + 4, logarithmic ? tick.toExponential(0) : tick.toPrecision(2), 'text-anchor="end"')}`),
    ...marks.map((mark) => text(px(mark), HEIGHT - BOTTOM + 18, String(Math.round(mark * 100) / 100), 'text-anchor="middle"')),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x, 'text-anchor="middle"'),
    text(16, (TOP + HEIGHT - BOTTOM) / 2, y, `text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})"`),
    ...shown.map(({ points }, i) => `<polyline fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2" points="${points.map(([at, value]) => `${px(at).toFixed(1)},${py(value).toFixed(1)}`).join(' ')}"/>`),
    ...ends.map(({ name, colour, at }) => text(WIDTH - RIGHT + 8, at + 4, name, `fill="${colour}"`)),
    '</svg>',
    '',
  ].join('\n')
}
