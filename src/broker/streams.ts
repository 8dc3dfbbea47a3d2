import { FATAL_CODES } from '../../runtime/abi/codes.ts'
import { RESULT_BYTES_MAX } from '../../runtime/abi/crossing.ts'
import { redactFields } from '../audit/redact.ts'
import type { Chunks } from '../capabilities/capability.ts'
import { asTollgateError, toGuestError, TollgateError } from '../errors/tollgate-error.ts'
import type { BrokerRun, Call, ResultStreams } from './call.ts'
import type { Handle } from './handle.ts'
import { untilAborted } from './until-aborted.ts'

/** Results that one run may leave unread at once; the oldest gives way. */
const OPEN_MAX = 4
/** Chunks that one run may ask for; they are recorded, and count as no calls. */
const PULLS_MAX = 10_000

type Chunk = Awaited<ReturnType<Chunks['next']>>
type Stream = {
  readonly op: string
  readonly handle: Handle | undefined
  readonly chunks: Chunks
  isAsked: boolean
}

const NOTHING = { value: null, ingressBytes: 0, isLast: true }

/**
 * The results of one run that are larger than one answer. Their calls passed the broker; what follows is read under the same
 * judgement, chunk by chunk as the guest asks. A chunk is sealed, charged and recorded like an answer, and is no tool call.
 */
export class Streams implements ResultStreams {
  readonly #open = new Map<number, Stream>()
  #pulls = 0

  /** Keeps what follows the answer of a call. */
  open({ seq, op, handle }: Call, chunks: Chunks): void {
    const [oldest] = this.#open.keys()
    if (oldest !== undefined && this.#open.size >= OPEN_MAX) this.#close(oldest)
    this.#open.set(seq, { op, handle, chunks, isAsked: false })
  }

  /** Gives up all that is open; the run is over. */
  close(): void {
    for (const of of this.#open.keys()) this.#close(of)
  }

  /** Answers `{ of, end? }` of the guest. Never rejects. */
  async pull(seq: number, args: string, run: BrokerRun): Promise<void> {
    let op = ''
    try {
      this.#count()
      const { of, end } = readPull(args)
      if (end) this.#close(of)
      const stream = end ? undefined : this.#find(of)
      op = stream?.op ?? ''
      const { value, ingressBytes, isLast } = (await this.#next(of, stream, run.signal)) ?? NOTHING
      if (isLast) this.#close(of)
      const json = run.redactor.json(JSON.stringify(value) ?? 'null')
      if (Buffer.byteLength(json) > RESULT_BYTES_MAX)
        throw new TollgateError('LIMIT_RESPONSE_SIZE', 'A chunk is larger than what may cross.')
      if (stream !== undefined) run.usage.op(op).ingressBytes += ingressBytes
      run.journal.append('pull', `{"seq":${seq},"of":${of},"outcome":${json}}`, {
        seq,
        of,
        op,
        result_bytes: json.length,
        ingress_bytes: ingressBytes,
      })
      run.deliver(seq, { ok: true, json })
    } catch (cause) {
      refusePull(seq, op, cause, run)
    }
  }

  /** The next chunk; a stream that fails is over. Nobody waits for it past the end of the run. */
  async #next(of: number, stream: Stream | undefined, signal: AbortSignal): Promise<Chunk | undefined> {
    try {
      stream?.handle?.assertLive()
      return stream && (await untilAborted(stream.chunks.next(), signal))
    } catch (error) {
      this.#close(of)
      throw error
    } finally {
      if (stream !== undefined) stream.isAsked = false
    }
  }

  #count(): void {
    this.#pulls += 1
    if (this.#pulls > PULLS_MAX)
      throw new TollgateError('LIMIT_TOOL_CALLS', `A run may ask for ${PULLS_MAX} chunks of results.`, {
        hint: 'Ask for fewer rows.',
      })
  }

  /** The stream that may be asked now. */
  #find(of: number): Stream {
    const stream = this.#open.get(of)
    if (stream === undefined)
      throw new TollgateError('GUEST_ARGUMENTS', 'This result is over, or was left unread for others.', {
        hint: 'Read a result to its end before you begin many others.',
      })
    if (stream.isAsked) throw new TollgateError('GUEST_ARGUMENTS', 'The next part is asked for already.')
    stream.isAsked = true
    return stream
  }

  #close(of: number): void {
    this.#open.get(of)?.chunks.close()
    this.#open.delete(of)
  }
}

const PULL = /^\{"of":(\d{1,15})(,"end":true)?\}$/u

/** Exactly what a kernel writes. */
function readPull(args: string): { of: number; end: boolean } {
  const [, of, end] = PULL.exec(args) ?? []
  if (of === undefined)
    throw new TollgateError('GUEST_ARGUMENTS', 'A pull names the call whose result it continues.')
  return { of: Number(of), end: end !== undefined }
}

function refusePull(seq: number, op: string, cause: unknown, run: BrokerRun): void {
  const error = asTollgateError(cause).with({ gate: 'perform', op })
  const redacted = redactFields(error.toRecord(), run.redactor)
  const json = JSON.stringify(toGuestError(redacted))
  const { code, message } = redacted
  run.journal.append('pull', `{"seq":${seq},"outcome":${json}}`, { seq, op, code, message, verdict: 'deny' })
  run.refused(seq, redacted)
  if (FATAL_CODES.has(code)) run.end(redacted)
  else run.deliver(seq, { ok: false, json })
}
