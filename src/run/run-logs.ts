import { CUT_MARK, LOG_LINE_SIZE_MAX } from '../../runtime/abi/crossing.ts'
import type { LogLevel } from '../../runtime/abi/frames.ts'
import type { Redactor } from '../audit/redact.ts'
import type { LogLine } from './result.ts'

/** What the guest printed, bounded in bytes; the last line that is kept says that there was more. */
export class RunLogs {
  readonly lines: LogLine[] = []
  readonly #redactor: Redactor
  readonly #above: RunLogs | undefined
  #bytesLeft: number

  /** `above`: those of the run that started this one; what is printed here counts there, and stands there too. */
  constructor(bytesMax: number, redactor: Redactor, above?: RunLogs) {
    this.#above = above
    this.#bytesLeft = bytesMax
    this.#redactor = redactor
  }

  /** The run starts again, and says everything anew. */
  restart(): void {
    this.lines.length = 0
  }

  /** The line as it is kept, or undefined when the bound was passed before. */
  add(level: LogLevel, text: string): LogLine | undefined {
    if (this.#bytesLeft < 0) return undefined
    if (this.#above !== undefined) return this.#keep(this.#above.add(level, text))
    // Each line costs something, the empty one too.
    this.#bytesLeft -= Buffer.byteLength(text) + 1
    const line =
      this.#bytesLeft < 0
        ? { level: 'warn' as const, text: CUT_MARK }
        : { level, text: this.#redactor.text(text.slice(0, LOG_LINE_SIZE_MAX + CUT_MARK.length)) }
    return this.#keep(line)
  }

  #keep(line: LogLine | undefined): LogLine | undefined {
    if (line !== undefined) this.lines.push(line)
    return line
  }
}
