/** Public entry `tollgate/report`: a run as the CLI shows it, for programs that embed Tollgate. */
import type { AuditRecord, RunResult } from '../../index.ts'
import { resultLines } from './print-result.ts'
import { createStyle, styleOf } from './style.ts'

export type ReportOptions = {
  /** Default: as stdout and NO_COLOR say. */
  colours?: boolean
  /** Width in characters. Default: that of stdout, or 110. */
  columns?: number
}

/**
 * The result block of a run with its table of calls, as text without a last line feed. `records` are those of the run
 * (`gate.audit.read({ runId })`). Everything that came from the guest is made printable.
 */
export const formatReport = (
  result: RunResult,
  records: readonly AuditRecord[],
  options: ReportOptions = {},
): string => {
  const preset = styleOf(process.stdout, process.env)
  const style = createStyle({
    colours: options.colours ?? preset.colours,
    columns: options.columns ?? preset.columns,
  })
  return resultLines(result, records, style).join('\n')
}
