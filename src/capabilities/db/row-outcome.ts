import type { Chunks, Outcome } from '../capability.ts'
import type { AnswerParts } from './answer-parts.ts'
import type { DbRows } from './ops.ts'

/**
 * The outcome of a statement that reads: its first part, and how the rest is had. `read` makes rows of the text of a part, so
 * many at most, and throws what it refuses. Throws that, and what the parts were ended with.
 */
export async function rowOutcome(
  parts: AnswerParts,
  rowsMax: number,
  read: (text: string, rowsLeft: number) => DbRows,
  leave: () => void = () => undefined,
): Promise<Outcome> {
  let rowsLeft = rowsMax
  const next = async (): ReturnType<Chunks['next']> => {
    const { text, isLast } = await parts.next()
    const value = read(text, rowsLeft)
    rowsLeft -= value.rows.length
    return {
      value: isLast ? value : { ...value, more: true },
      ingressBytes: Buffer.byteLength(text),
      isLast,
    }
  }
  const { value, ingressBytes, isLast } = await next()
  // Of a result in parts, the records of its pulls tell the rest.
  const facts = { rows: rowsMax - rowsLeft, ...(!isLast && { more: true }) }
  const chunks: Chunks = { next, close: leave }
  return { value, ingressBytes, egressBytes: 0, facts, ...(!isLast && { chunks }) }
}
