import { CODES } from '../../index.ts'
import type { Code, RunResult } from '../../index.ts'

/** Exit codes that no error code carries. */
export const EXIT_DONE = 0
export const EXIT_USAGE = 2
const EXIT_WAITING = 8
export const EXIT_AUDIT_BROKEN = 9
export const EXIT_CANCELLED = 130

/** The exit code of an error, from the one table of codes. */
export const exitOfCode = (code: Code): number => CODES[code].exit

/** The exit code of a run. */
export const exitOfRun = (result: RunResult): number => {
  switch (result.status) {
    case 'done':
      return EXIT_DONE
    case 'waiting':
      return EXIT_WAITING
    case 'cancelled':
      return EXIT_CANCELLED
    case 'failed':
      return exitOfCode(result.error?.code ?? 'INTERNAL_ERROR')
  }
}
