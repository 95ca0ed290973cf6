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

const [PLOT, HEIGHT, LEFT, TOP, BOTTOM] = [580, 420, 70, 44, 52]
// Widths are guessed: an SVG does not know its reader's letters.
const [LETTER, LINE] = [7, 15]
const COLOURS = ['#2a78d6', '#1f9d6b', '#c98500', '#d1495b', '#7a5cc7', '#0e9aa7', '#8a8a8a', '#b0562e', '#4c6b22', '#a03e99', '#5b7fa6']

/** A line chart of a few lines, their names beside their ends. */
export function plot(lines: readonly Line[], { title, x, y, logarithmic = false }: PlotOptions): string {
  const shown = lines.map((line) => ({ ...line, points: line.points.filter(([, value]) => !logarithmic || value > 0) })).filter(({ points }) => points.length > 0)
  const xs = shown.flatMap(({ points }) => points.map(([at]) => at))
  const ys = shown.flatMap(({ points }) => points.map(([, value]) => (logarithmic ? Math.log10(value) : value)))
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)]
  const [y0, y1] = logarithmic ? [Math.floor(Math.min(...ys)), Math.ceil(Math.max(...ys))] : [0, Math.max(...ys) * 1.05 || 1]
  const right = LEFT + PLOT
  const width = right + 16 + LETTER * Math.max(...shown.map(({ name }) => name.length))
  const px = (at: number): number => LEFT + ((at - x0) / (x1 - x0 || 1)) * PLOT
  const py = (value: number): number => HEIGHT - BOTTOM - (((logarithmic ? Math.log10(value) : value) - y0) / (y1 - y0 || 1)) * (HEIGHT - TOP - BOTTOM)
  const ticks = logarithmic ? Array.from({ length: y1 - y0 + 1 }, (_, i) => 10 ** (y0 + i)) : roundNumbers(y0, y1)
  const marks = roundNumbers(x0, x1)
  const text = (at: number, down: number, label: string, rest = ''): string => `<text x="${at.toFixed(1)}" y="${down.toFixed(1)}" ${rest}>${label}</text>`
  // Names keep a line's height of distance, from the top down, and then from the bottom up, so that none leaves the plot.
  const ends = shown.map(({ name, points }, i) => ({ name, colour: COLOURS[i % COLOURS.length]!, at: py(points.at(-1)![1]) })).toSorted((a, b) => a.at - b.at)
  for (const [i, end] of ends.entries()) if (i > 0) end.at = Math.max(end.at, ends[i - 1]!.at + LINE)
  for (let i = ends.length - 1, floor = HEIGHT - BOTTOM; i >= 0; i--, floor -= LINE) ends[i]!.at = Math.min(ends[i]!.at, floor)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" role="img" aria-label="${title}" font-family="system-ui, sans-serif" font-size="12" fill="#777">`,
    text(LEFT, 22, title, 'font-size="15" font-weight="600"'),
    ...ticks.map((tick) => `<line x1="${LEFT}" x2="${right}" y1="${py(tick).toFixed(1)}" y2="${py(tick).toFixed(1)}" stroke="#999" stroke-opacity="0.25"/>${text(LEFT - 8, py(tick) + 4, logarithmic ? tick.toExponential(0) : String(tick), 'text-anchor="end"')}`),
    ...marks.map((mark) => text(px(mark), HEIGHT - BOTTOM + 18, String(mark), 'text-anchor="middle"')),
    text((LEFT + right) / 2, HEIGHT - 12, x, 'text-anchor="middle"'),
    text(16, (TOP + HEIGHT - BOTTOM) / 2, y, `text-anchor="middle" transform="rotate(-90 16 ${(TOP + HEIGHT - BOTTOM) / 2})"`),
    ...shown.map(({ points }, i) => `<polyline fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="2" points="${points.map(([at, value]) => `${px(at).toFixed(1)},${py(value).toFixed(1)}`).join(' ')}"/>`),
    ...ends.map(({ name, colour, at }) => text(right + 8, at + 4, name, `fill="${colour}"`)),
    '</svg>',
    '',
  ].join('\n')
}

/** The multiples of 1, 2 or 5 times a power of ten between the two, four to eight of them. */
function roundNumbers(from: number, to: number): number[] {
  const power = 10 ** Math.floor(Math.log10((to - from || 1) / 4))
  const step = [1, 2, 5, 10].map((factor) => factor * power).findLast((size) => (to - from) / size >= 4) ?? power
  const [first, last] = [Math.ceil(from / step), Math.floor(to / step)]
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)))
}
