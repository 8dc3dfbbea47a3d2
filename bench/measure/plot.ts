/** Line plots as SVG text: logarithmic axes, a legend, nothing else. */

export type Line = { readonly name: string; readonly points: readonly (readonly [number, number])[] }
export type Axis = {
  readonly title: string
  readonly isLogarithmic: boolean
  readonly ticks?: readonly number[]
  format(value: number): string
}
export type Plot = {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
}

const WIDTH = 900
const HEIGHT = 460
const MARGIN = { left: 70, right: 262, top: 44, bottom: 56 }
/** Told apart by people who see colours differently, too: the dashes alternate. */
const COLOURS = [
  '#d62728',
  '#1f77b4',
  '#2ca02c',
  '#9467bd',
  '#8c564b',
  '#e377c2',
  '#7f7f7f',
  '#bcbd22',
  '#17becf',
]
const DASHES = ['', '6 3', '2 3']

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

type Scale = { readonly place: (value: number) => number; readonly ticks: readonly number[] }

/** 1, 10, 100 … or, for a narrow range, 1, 2, 5, 10 … */
const logarithmicTicks = (low: number, high: number): number[] => {
  const decades = Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low))
  const steps = decades > 3 ? [1] : [1, 2, 5]
  const first = Math.floor(Math.log10(low))
  return Array.from({ length: decades + 1 }, (_, at) => 10 ** (first + at))
    .flatMap((power) => steps.map((step) => power * step))
    .filter((tick) => tick >= low * 0.999 && tick <= high * 1.001)
}

const linearTicks = (low: number, high: number): number[] =>
  Array.from({ length: 6 }, (_, at) => low + ((high - low) * at) / 5)

const scaleOf = (axis: Axis, values: readonly number[], from: number, to: number): Scale => {
  const known = axis.isLogarithmic ? values.filter((value) => value > 0) : values
  const low = axis.isLogarithmic ? Math.min(...known) : Math.min(0, ...known)
  const high = Math.max(...known)
  const bend = (value: number): number => (axis.isLogarithmic ? Math.log10(value) : value)
  const span = bend(high) - bend(low) || 1
  const ticks = axis.ticks ?? (axis.isLogarithmic ? logarithmicTicks(low, high) : linearTicks(low, high))
  return { place: (value) => from + ((bend(value) - bend(low)) / span) * (to - from), ticks }
}

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`
const segment = (x1: number, y1: number, x2: number, y2: number, more: string): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${more}/>`

const styleOf = (at: number): string => {
  const dash = DASHES[Math.floor(at / COLOURS.length) % DASHES.length] ?? ''
  return `stroke="${COLOURS[at % COLOURS.length]}" stroke-width="${at === 0 ? 3.5 : 1.6}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`
}

/** Draws it; lines without a point are left out. The first line is drawn boldest. */
export const drawPlot = ({ title, x, y, lines }: Plot): string => {
  const shown = lines.filter(({ points }) => points.length > 0)
  const right = WIDTH - MARGIN.right
  const bottom = HEIGHT - MARGIN.bottom
  const all = shown.flatMap(({ points }) => points)
  const across = scaleOf(
    x,
    all.map(([value]) => value),
    MARGIN.left,
    right,
  )
  const up = scaleOf(
    y,
    all.map(([, value]) => value),
    bottom,
    MARGIN.top,
  )
  const grid = 'stroke="#ddd" stroke-width="1"'
  const parts = [
    ...across.ticks.flatMap((tick) => [
      segment(across.place(tick), MARGIN.top, across.place(tick), bottom, grid),
      text(across.place(tick), bottom + 18, x.format(tick), 'text-anchor="middle"'),
    ]),
    ...up.ticks.flatMap((tick) => [
      segment(MARGIN.left, up.place(tick), right, up.place(tick), grid),
      text(MARGIN.left - 8, up.place(tick) + 4, y.format(tick), 'text-anchor="end"'),
    ]),
    ...shown.map(({ points }, at) => {
      const path = points.map(([a, b]) => `${across.place(a).toFixed(1)},${up.place(b).toFixed(1)}`).join(' ')
      return `<polyline points="${path}" fill="none" ${styleOf(at)}/>`
    }),
    ...shown.flatMap(({ name }, at) => [
      segment(right + 16, MARGIN.top + 8 + at * 20, right + 44, MARGIN.top + 8 + at * 20, styleOf(at)),
      text(right + 50, MARGIN.top + 12 + at * 20, name),
    ]),
    text(MARGIN.left, 24, title, 'font-size="15" font-weight="bold"'),
    text((MARGIN.left + right) / 2, HEIGHT - 14, x.title, 'text-anchor="middle"'),
    text(
      0,
      0,
      y.title,
      `transform="translate(18 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle"`,
    ),
  ]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`
}
