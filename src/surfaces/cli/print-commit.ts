import * as z from 'zod'
import type { Ticket } from '../../index.ts'
import { cut, printable } from './printable.ts'
import type { Format } from './style.ts'

const DIFF_LINES_MAX = 60
const FULL_DIFF_LINES_MAX = 4_000
const LINE_SIZE_MAX = 600
const PATH_SIZE_MAX = 400

/** One line of a ticket: its head and its text are formatted apart. */
export type Line = { readonly head?: string; readonly text: string; readonly format?: Format }

/** What of a commit of files a human is shown. */
const requestSchema = z.object({
  manifest: z.object({
    changes: z.number(),
    listed: z.array(
      z.object({
        path: z.string(),
        verb: z.string(),
        bytes: z.number().optional(),
        sha256: z.string().optional(),
        diff: z.string().optional(),
      }),
    ),
  }),
})

export type RenderedCommit = {
  readonly lines: readonly Line[]
  readonly wasCut: boolean
  /** Names and contents, for warnings. */
  readonly fields: readonly { readonly path: string; readonly text: string }[]
}

const formatOf = (line: string): Format | undefined =>
  line.startsWith('+') ? 'green' : line.startsWith('-') ? 'red' : line.startsWith('@') ? 'dim' : undefined

/**
 * The changes that a commit of files makes, with the lines that go and come. Undefined for any other ticket. Text of the guest
 * always stands behind four spaces and a sign. The digest covers what is not shown.
 */
export function renderCommit({ op, request }: Ticket, full: boolean): RenderedCommit | undefined {
  if (op !== 'fs.commit') return undefined
  const parsed = requestSchema.safeParse(request)
  if (!parsed.success) return undefined
  const { changes, listed } = parsed.data.manifest
  let left = full ? FULL_DIFF_LINES_MAX : DIFF_LINES_MAX
  let wasCut = false
  const lines = listed.flatMap(({ path, verb, bytes, sha256, diff }): Line[] => {
    const size = bytes === undefined ? '' : `, ${bytes} bytes, sha256 ${sha256}`
    const head: Line = {
      text: `  ${verb.replace('_', ' ')} ${cut(path, PATH_SIZE_MAX)}${size}`,
      format: 'bold',
    }
    if (diff === undefined)
      return bytes === undefined
        ? [head]
        : [head, { text: '    (not shown: no text, or too long)', format: 'dim' }]
    const all = diff.split('\n')
    const shown = all.slice(0, left)
    left -= shown.length
    if (shown.length < all.length) wasCut = true
    const rows = shown.map((line): Line => {
      const format = formatOf(line)
      return { text: `    ${printable(cut(line, LINE_SIZE_MAX))}`, ...(format !== undefined && { format }) }
    })
    const rest: Line[] =
      shown.length < all.length
        ? [{ text: `    (${all.length - shown.length} lines are not shown)`, format: 'yellow' }]
        : []
    return [head, ...rows, ...rest]
  })
  const more = changes - listed.length
  return {
    lines: [
      ...lines,
      ...(more > 0
        ? [{ text: `  (and ${more} more changes, which the digest covers)`, format: 'yellow' as const }]
        : []),
    ],
    wasCut,
    fields: listed.map(({ path, diff = '' }) => ({ path, text: diff })),
  }
}
