import { styleText } from 'node:util'

export type Format = Parameters<typeof styleText>[0]

/** How text may look on one stream. */
export type Style = {
  readonly colours: boolean
  /** Characters on one line. */
  readonly columns: number
  /** The text in this format, or as it is where colours are off. */
  paint(format: Format, text: string): string
}

/** Columns where nobody said how wide the stream is. */
const COLUMNS_DEFAULT = 110
const COLUMNS_MIN = 60

/** Makes a style. `columns` below 60 count as 60: nothing readable fits into less. */
export const createStyle = (options: { colours?: boolean; columns?: number | undefined } = {}): Style => {
  const { colours = false, columns = COLUMNS_DEFAULT } = options
  return {
    colours,
    columns: Math.max(COLUMNS_MIN, columns),
    paint: (format, text) =>
      colours && text !== '' ? styleText(format, text, { validateStream: false }) : text,
  }
}

/** The style of a stream: colours only on a terminal, never where NO_COLOR is set (no-color.org) or TERM is `dumb`. */
export const styleOf = (
  stream: { isTTY?: boolean; columns?: number },
  env: Readonly<Record<string, string | undefined>>,
): Style =>
  createStyle({
    colours: stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    columns: stream.isTTY === true ? stream.columns : undefined,
  })
