// uPlot, in the page's colours. Fetched with the first plot.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { PlotProps } from './plot.tsx'

const HEIGHT = 200
const LEAST_WIDTH = 200
/** A plot of few values leaves room for those to come. */
const LEAST_STEPS = 5

/** Draws bars into `place`, as wide as it is, until the returned function is called. */
export function draw(place: HTMLElement, { along, x, y, tell, tone = 'gold' }: Omit<PlotProps, 'name'>): () => void {
  const style = getComputedStyle(place)
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  const axis = { stroke: colour('dim'), grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line'), width: 1, size: 4 }, font: `12px ${style.fontFamily}` }
  const [first, last] = [x[0] ?? 0, x.at(-1) ?? 0]
  const width = (): number => Math.max(LEAST_WIDTH, place.clientWidth)
  const plot = new uPlot({
    width: width(),
    height: HEIGHT,
    padding: [12, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: () => [first - 0.7, Math.max(last, first + LEAST_STEPS) + 0.7] }, y: { range: (_, _low, high) => [0, high > 0 ? high * 1.08 : 1] } },
    axes: [
      { ...axis, size: 30, grid: { show: false }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], values: (_, values) => values.map(String) },
      { ...axis, size: 78, values: (_, values) => values.map(tell), space: 44 },
    ],
    series: [{}, { stroke: colour(`${tone}Fill`), fill: colour(`${tone}Fill`), width: 0, paths: uPlot.paths.bars!({ size: [0.72, 44], radius: 0.12 }), points: { show: false } }],
    hooks: { setCursor: [tellHere] },
  }, [[...x], [...y]] as uPlot.AlignedData, place)
  const told = place.appendChild(document.createElement('p'))
  told.className = 'told'
  function tellHere({ cursor: { idx } }: uPlot): void {
    if (told === undefined) return
    const value = idx === null || idx === undefined ? null : (y[idx] ?? null)
    told.textContent = idx === null || idx === undefined ? '' : `${along} ${x[idx]}: ${value === null ? '–' : tell(value)}`
  }
  const watch = new ResizeObserver(() => {
    if (width() !== plot.width) plot.setSize({ width: width(), height: HEIGHT })
  })
  watch.observe(place)
  return () => {
    watch.disconnect()
    plot.destroy()
    told.remove()
  }
}
