import { TollgateError } from '../../errors/tollgate-error.ts'
import type { ChildPort, ChildPower } from '../capability.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { Question } from './wire.ts'

/** How long the process may take to start and to open its file. */
const START_MS_MAX = 10_000

const gone = (): TollgateError =>
  new TollgateError('UPSTREAM_DB_UNAVAILABLE', 'The process of the database ended.', { hint: 'Try again.' })

/** The process of one database of one run: one question at a time, each with a deadline at which it is killed. */
export class DatabaseProcess {
  readonly #port: ChildPort
  readonly #reader: FrameReader
  #waiting: PromiseWithResolvers<string> | undefined
  #isOver = false

  constructor(power: ChildPower, answerBytesMax: number) {
    this.#port = power.start('db')
    this.#reader = new FrameReader(answerBytesMax)
    this.#port.onData = (bytes) => this.#take(bytes)
    this.#port.onEnd = () => this.#fail(gone())
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /**
   * Asks, and waits for the answer as text. At the deadline, or when the signal fires, the process is killed: nothing else stops a
   * statement that runs. UPSTREAM_TIMEOUT, UPSTREAM_DB_UNAVAILABLE, UPSTREAM_PROTOCOL.
   */
  async ask(question: Question, signal: AbortSignal, timeoutMs = START_MS_MAX): Promise<string> {
    if (this.#isOver) throw gone()
    const waiting = Promise.withResolvers<string>()
    this.#waiting = waiting
    const late = (): void =>
      this.#fail(
        new TollgateError('UPSTREAM_TIMEOUT', 'The statement took longer than it may, and was killed.', {
          hint: 'Ask for less: fewer joined tables, a narrower condition.',
        }),
      )
    const timer = setTimeout(late, timeoutMs)
    signal.addEventListener('abort', late, { once: true })
    try {
      if (signal.aborted) late()
      else this.#port.write(encodeFrame(JSON.stringify(question)))
      return await waiting.promise
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', late)
    }
  }

  /** SIGKILL; what waits is refused. Safe to repeat. */
  kill(): void {
    this.#fail(gone())
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return
    const texts = this.#reader.push(bytes)
    const waiting = this.#waiting
    if (texts?.length === 0) return
    if (texts?.length !== 1 || waiting === undefined)
      return this.#fail(
        new TollgateError('UPSTREAM_PROTOCOL', 'The process of the database broke its protocol.'),
      )
    this.#waiting = undefined
    waiting.resolve(texts[0] ?? '')
  }

  #fail(error: TollgateError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#port.kill()
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}
