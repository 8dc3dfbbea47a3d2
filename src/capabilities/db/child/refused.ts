import type { Refusal, RefusedAnswer } from '../wire.ts'

/** A refusal on its way to the host. */
export class Refused extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal, detail: string) {
    super(detail)
    this.refusal = refusal
  }
}

/** Primary result codes of SQLite that say what is wrong with the file, the disk or the lock, and not with the statement. */
const CODES: Readonly<Record<number, Refusal>> = {
  5: 'busy',
  6: 'busy',
  7: 'memory',
  8: 'unavailable',
  10: 'unavailable',
  11: 'unavailable',
  13: 'unavailable',
  14: 'unavailable',
  15: 'unavailable',
  18: 'bytes',
  19: 'constraint',
  23: 'name',
  26: 'unavailable',
}

/** What an error of the engine means by its code; undefined where only its text says more. */
export function refusalOf(error: unknown): Refusal | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? CODES[errcode & 0xff] : undefined
}

const HOT_JOURNAL = 776
const MOVED = 1032
/** What is wrong with the file or its disk, by primary result code. */
const TROUBLES: Readonly<Record<number, string>> = {
  8: 'it can only be read',
  10: 'its file cannot be read or written, or is a folder',
  11: 'its file is damaged',
  13: 'its disk is full',
  14: 'its file is not there, or cannot be opened',
  26: 'its file is no SQLite database',
}
/** Kinds of constraints by extended result code. */
const CONSTRAINTS: Readonly<Record<number, string>> = {
  275: 'CHECK',
  787: 'FOREIGN KEY',
  1299: 'NOT NULL',
  1555: 'PRIMARY KEY',
  1811: 'TRIGGER',
  2067: 'UNIQUE',
}

/** What may be told of an error of the engine beside its code. */
export function detailOf(error: unknown): string | undefined {
  const { errcode } = error as { errcode?: number }
  if (errcode === HOT_JOURNAL) return 'a writer was killed; it must be opened once with the right to write'
  if (errcode === MOVED) return 'its file was removed or replaced meanwhile'
  return CONSTRAINTS[errcode ?? 0] ?? TROUBLES[(errcode ?? 0) & 0xff]
}

/** The answer for whatever was thrown. Texts of the engine about the real database stay here: they tell of what is not granted. */
export function refusedAnswer(error: unknown): RefusedAnswer {
  if (error instanceof Refused) return { ok: false, refusal: error.refusal, detail: error.message }
  return {
    ok: false,
    refusal: refusalOf(error) ?? 'sql',
    detail: detailOf(error) ?? 'the statement failed while it ran',
  }
}
