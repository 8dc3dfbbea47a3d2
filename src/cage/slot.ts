import {
  ARGUMENTS_SIZE_MAX,
  CUT_MARK,
  ERROR_TEXT_SIZE_MAX,
  KEY_SIZE_MAX,
  LOG_LINE_SIZE_MAX,
  OP_NAME_SIZE_MAX,
  OUTPUT_SIZE_MAX,
} from '../../runtime/abi/crossing.ts'
import {
  LOG_LEVELS,
  type DeliverFrame,
  type Fault,
  type LogLevel,
  type Reuse,
  type StartFrame,
} from '../../runtime/abi/frames.ts'
import { OUT, TOOL_FILE, type Send } from '../../runtime/abi/inside.ts'
import type { Outbox } from './outbox.ts'
import type { Deployment, GuestRealm, SegmentEnd } from './realm.ts'

type ErrorText = { readonly name: string; readonly message: string; readonly stack: string }

const ERROR_JSON_SIZE_MAX = 3 * 6 * ERROR_TEXT_SIZE_MAX + 256

const MESSAGES = {
  timeout: 'The tool computed for longer than one stretch may take.',
  memory: 'The tool needed more memory than its isolate has.',
}

const cut = (text: string): string =>
  text.length > ERROR_TEXT_SIZE_MAX ? text.slice(0, ERROR_TEXT_SIZE_MAX - CUT_MARK.length) + CUT_MARK : text

/** What the engine says when it was asked to copy an object that has nothing of an error. */
const NO_ERROR = /^An object was thrown from supplied code/

/** An error that the engine copied out of the isolate. To its stack the engine adds frames of the cage; they stay here. */
const copiedError = (error: unknown): ErrorText => {
  if (!(error instanceof Error)) return { name: 'Error', message: cut(String(error)), stack: '' }
  const { name, message, stack = '' } = error
  if (NO_ERROR.test(message))
    return { name: 'Error', message: 'The tool threw an object that is no error.', stack: '' }
  const isOurs = (line: string): boolean => !line.startsWith('    at ') || line.includes(`${TOOL_FILE}:`)
  return { name: cut(name), message: cut(message), stack: cut(stack.split('\n').filter(isOurs).join('\n')) }
}

/** One run in its realm. */
export class Slot {
  readonly #start: StartFrame
  readonly #guest: GuestRealm
  readonly #outbox: Outbox
  #lastSeq = 0
  #logBytes = 0
  #loaded = false
  #over = false
  /** A value that is said once the stretch has ended: where the realm serves again, what the guest does after it counts too. */
  #held: string | undefined
  /** It ended by its value, and guest code ran to its end: the realm is fit for another run. */
  #isSound = false

  constructor(start: StartFrame, guest: GuestRealm, outbox: Outbox) {
    this.#start = start
    this.#guest = guest
    this.#outbox = outbox
    guest.onSend = (...sent) => this.#take(...sent)
  }

  get memoryMb(): number {
    return this.#start.memoryMb
  }

  get isOver(): boolean {
    return this.#over
  }

  /** What the run leaves for the next one, where it may. */
  get left(): { readonly realm: GuestRealm; readonly reuse: Reuse } | undefined {
    const { reuse } = this.#start
    return this.#isSound && reuse !== undefined ? { realm: this.#guest, reuse } : undefined
  }

  /** Compiles the tool and runs it as far as it comes without an answer of the host. */
  run(deployment: Deployment, input: string): void {
    const { seed, atMs, segmentMs } = this.#start
    this.#loaded = this.#guest.isLoaded
    const readied = this.#guest.ready(deployment, segmentMs)
    if (readied.end === 'threw') return this.#fail('syntax', copiedError(readied.error))
    if (readied.end !== 'ended') return this.#failBy(readied.end)
    const { imports } = this.#guest
    if (imports.length > 0) return this.#fail('import', importError(imports))
    const prepared = this.#guest.prepare(...seed, atMs, input)
    if (prepared.end === 'threw' && !this.#guest.home.isDisposed) throw prepared.error
    if (prepared.end === 'threw') return this.#failBy('memory')
    if (prepared.end !== 'ended') return this.#failBy(prepared.end)
    if (!this.#loaded) this.#settle(this.#guest.load())
    if (!this.#over) this.#settle(this.#guest.begin())
  }

  deliver({ seq, ok, atMs }: DeliverFrame, text: string): void {
    if (!this.#over) this.#settle(this.#guest.deliver(seq, ok, atMs, text))
  }

  /** Ends the run from the host's side, and says that it is done. */
  stop(): void {
    if (!this.#over) this.#fail('stopped', { name: 'Error', message: 'The run was stopped.', stack: '' })
  }

  /** Judges how a stretch of guest code ended. An error of its own counts only until the tool is loaded. */
  #settle(segment: SegmentEnd): void {
    if (this.#over) return this.#rest(segment)
    if (segment.end === 'timeout' || segment.end === 'memory') return this.#failBy(segment.end)
    if (this.#loaded) return
    const probe = this.#guest.probe()
    if (this.#over) return this.#rest(probe)
    if (this.#loaded || probe.end === 'ended') return
    if (probe.end === 'threw') return this.#fail('threw', copiedError(probe.error))
    this.#failBy(probe.end)
  }

  /** The stretch in which the guest said its value has ended. */
  #rest({ end }: SegmentEnd): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    if (end === 'timeout' || end === 'memory') return this.#failBy(end)
    // Another realm of the isolate would be told what this one left; in this one nothing ever asks.
    this.#isSound = end === 'ended' && (this.#start.reuse === 'isolate' || this.#guest.isQuiet())
    this.#finishWithValue(held)
  }

  /**
   * What the kernel sends. It is called by guest code, so it throws nothing but what an empty stack throws by itself, and posts
   * as its last step: what throws was not taken.
   */
  #take(...[kind, number, textA, textB, textC, handle]: Parameters<Send>): void {
    if (this.#over) return
    if (kind === OUT.call) this.#takeCall(number, textA, textB, textC, handle)
    else if (kind === OUT.log) this.#takeLog(textA, textB)
    else if (kind === OUT.value) this.#end(textA)
    else if (kind === OUT.fault) this.#endWithFault(textA as Fault, textB, number)
    else if (kind === OUT.loaded) this.#loaded = this.#guest.isLoaded = true
  }

  #takeCall(seq: number, op: string, args: string, key: string, handle: number): void {
    if (
      seq !== this.#lastSeq + 1 ||
      !(Number.isInteger(handle) && handle >= 0 && handle < seq) ||
      args.length > ARGUMENTS_SIZE_MAX ||
      op.length > OP_NAME_SIZE_MAX ||
      key.length > KEY_SIZE_MAX
    )
      return this.#breach()
    const { slot } = this.#start
    this.#outbox.post({ t: 'call', slot, seq, handle, op, ...(key !== '' && { key }) }, [args])
    this.#lastSeq = seq
  }

  /** Counts before it drops: a flood costs the guest its own time, and the host one line. */
  #takeLog(level: string, text: string): void {
    const { slot, logBytesMax } = this.#start
    if (this.#logBytes > logBytesMax) return
    if (text.length > LOG_LINE_SIZE_MAX + CUT_MARK.length || !LOG_LEVELS.includes(level as LogLevel))
      return this.#breach()
    // Each line costs something, the empty one too; the host counts the same.
    this.#logBytes += Buffer.byteLength(text) + 1
    const isLast = this.#logBytes > logBytesMax
    this.#outbox.post({ t: 'log', slot, level: isLast ? 'warn' : (level as LogLevel) }, [
      isLast ? CUT_MARK : text,
    ])
    // At once: a tool that then computes without end is killed with what it had to say.
    this.#outbox.flush()
  }

  #end(json: string): void {
    if (json.length > OUTPUT_SIZE_MAX) return this.#breach()
    this.#over = true
    if (this.#start.reuse === undefined) this.#finishWithValue(json)
    else this.#held = json
  }

  #finishWithValue(json: string): void {
    this.#finish(() => this.#outbox.post({ t: 'done', slot: this.#start.slot, ok: true }, [json]))
  }

  #endWithFault(fault: Fault, errorJson: string, refused = 0): void {
    if (errorJson.length > ERROR_JSON_SIZE_MAX) return this.#breach()
    const { slot } = this.#start
    this.#finish(() =>
      this.#outbox.post({ t: 'done', slot, ok: false, fault, ...(refused > 0 && { refused }) }, [errorJson]),
    )
  }

  #fail(fault: Fault, error: ErrorText): void {
    this.#endWithFault(fault, JSON.stringify(error))
  }

  #failBy(limit: keyof typeof MESSAGES): void {
    this.#fail(limit, { name: 'Error', message: MESSAGES[limit], stack: '' })
  }

  /** The kernel does none of this; whoever does it is not the kernel any more. */
  #breach(): void {
    this.#fail('threw', {
      name: 'Error',
      message: 'The run was ended because its kernel broke the rules.',
      stack: '',
    })
  }

  /** The reply leaves before the isolate is torn down, and what else the guest still does is cut short; unless it serves again. */
  #finish(post: () => void): void {
    this.#over = true
    post()
    this.#outbox.flush()
    if (!this.#isSound) this.#guest.home.dispose()
  }
}

const importError = (imports: readonly string[]): ErrorText => {
  const names = imports.map((name) => `'${cut(name)}'`).join(', ')
  return {
    name: 'Error',
    message: cut(
      `The tool imports ${names}, and there is no module to import inside. Put all code into one file.`,
    ),
    stack: '',
  }
}
