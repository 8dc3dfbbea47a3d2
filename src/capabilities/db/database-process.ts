import { TollgateError } from '../../errors/tollgate-error.ts'
import type { ChildPort, ChildPower } from '../capability.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import { AnswerParts } from './answer-parts.ts'
import type { Question } from './wire.ts'

/** How long the process may take to start and to open its file. */
const START_MS_MAX = 10_000

const gone = (): TollgateError =>
  new TollgateError('UPSTREAM_DB_UNAVAILABLE', 'The process of the database ended.', { hint: 'Try again.' })

/** The process of one database of one run: one question at a time, each with a deadline at which it is killed. */
export class DatabaseProcess {
  readonly #port: ChildPort
  readonly #reader: FrameReader
  readonly #answerBytesMax: number
  #parts: AnswerParts | undefined
  #isOver = false

  constructor(power: ChildPower, answerBytesMax: number) {
    this.#port = power.start('db')
    this.#answerBytesMax = answerBytesMax
    this.#reader = new FrameReader(answerBytesMax)
    this.#port.onData = (bytes) => this.#take(bytes)
    this.#port.onEnd = () => this.#fail(gone())
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether it works on an answer. */
  get isBusy(): boolean {
    return this.#parts?.isWhole === false
  }

  /**
   * Asks; the answer comes in parts. At the deadline, or when the signal fires before the first part, the process is killed: nothing
   * else stops a statement that runs. The parts end with UPSTREAM_TIMEOUT, UPSTREAM_DB_UNAVAILABLE or UPSTREAM_PROTOCOL then.
   */
  ask(question: Question, signal: AbortSignal, timeoutMs = START_MS_MAX): AnswerParts {
    if (this.#isOver) throw gone()
    const parts = new AnswerParts(this.#answerBytesMax)
    this.#parts = parts
    const late = (): void =>
      this.#fail(
        new TollgateError('UPSTREAM_TIMEOUT', 'The statement took longer than it may, and was killed.', {
          hint: 'Ask for less: fewer joined tables, a narrower condition.',
        }),
      )
    const timer = setTimeout(late, timeoutMs)
    const cancel = (): void => {
      if (!parts.isBegun) late()
    }
    signal.addEventListener('abort', cancel, { once: true })
    void parts.arrived.then(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
    })
    if (signal.aborted) late()
    else this.#port.write(encodeFrame(JSON.stringify(question)))
    return parts
  }

  /** SIGKILL; what waits is refused. Safe to repeat. */
  kill(): void {
    this.#fail(gone())
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return
    const texts = this.#reader.push(bytes)
    const areParts = texts?.every((text) => this.#parts?.push(text) === true)
    if (areParts !== true)
      this.#fail(new TollgateError('UPSTREAM_PROTOCOL', 'The process of the database broke its protocol.'))
  }

  #fail(error: TollgateError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#port.kill()
    this.#parts?.fail(error)
    this.#parts = undefined
  }
}
