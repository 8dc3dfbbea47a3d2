import type { GuestError } from '../abi/frames.ts'
import { CUT_MARK, ERROR_TEXT_SIZE_MAX } from '../abi/crossing.ts'
import {
  define,
  ErrorCaptureStackTrace,
  ErrorClass,
  isObject,
  JSONStringify,
  ObjectFreeze,
  StringOf,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  TypeErrorClass,
} from './primordials.ts'
import type { Code } from '../abi/codes.ts'
import { errorHeader } from './stacks.ts'

const MADE_BY_THE_DOOR = {}

/**
 * The error that a refused or failed call rejects with, in the guest's own realm. Only the door makes one: the private field
 * proves it, so a look-alike that a tool builds never passes for a refusal.
 */
class CallError extends ErrorClass {
  readonly #seq: number

  constructor(token: unknown, message: string, seq: number) {
    if (token !== MADE_BY_THE_DOOR) throw new TypeErrorClass('Illegal constructor')
    super(message)
    this.#seq = seq
  }

  /** The call whose outcome this error is; 0 when it never crossed or was not made by the door. */
  static seqOf(this: void, error: unknown): number {
    return isObject(error) && #seq in error ? error.#seq : 0
  }
}
const seqOf = CallError.seqOf
delete (CallError as { seqOf?: unknown }).seqOf
define(CallError.prototype, 'name', 'CallError')
ObjectFreeze(CallError)
ObjectFreeze(CallError.prototype)

/** The call that this very error refused, or 0. */
export const refusedSeq = (error: unknown): number => seqOf(error)

/** Remembers where the tool made a call, so that its failure can show that line. */
export const markOrigin = (): object => {
  const origin = { __proto__: null }
  ErrorCaptureStackTrace(origin)
  return origin
}

const linesOf = (origin: object | undefined): string => {
  const stack = origin === undefined ? '' : (origin as { stack?: unknown }).stack
  if (typeof stack !== 'string') return ''
  const lineEnd = StringPrototypeIndexOf(stack, '\n')
  return lineEnd < 0 ? '' : StringPrototypeSlice(stack, lineEnd)
}

/** Makes the error of call `seq`. Never throws. */
export const makeCallError = (facts: Partial<GuestError>, seq: number, origin?: object): Error => {
  const { code, message, gate, hint, retryable } = facts
  const text = typeof message === 'string' ? message : 'The call failed.'
  const error = new CallError(MADE_BY_THE_DOOR, text, seq)
  define(error, 'code', typeof code === 'string' ? code : 'INTERNAL_ERROR', true)
  if (typeof gate === 'string') define(error, 'gate', gate, true)
  if (typeof hint === 'string') define(error, 'hint', hint, true)
  define(error, 'retryable', retryable === true, true)
  define(error, 'stack', `CallError: ${text}${linesOf(origin)}`)
  return error
}

/** An error about what the guest passed to the kernel itself; no call left. */
export const makeGuestError = (code: Code, message: string, hint?: string): Error => {
  const facts = { __proto__: null, code, message, gate: 'decode', hint, retryable: false }
  return makeCallError(facts as Partial<GuestError>, 0, markOrigin())
}

const bounded = (text: string): string =>
  text.length > ERROR_TEXT_SIZE_MAX
    ? StringPrototypeSlice(text, 0, ERROR_TEXT_SIZE_MAX - CUT_MARK.length) + CUT_MARK
    : text

/** Reads one property as text. What throws, or is no string, reads as the fallback; what loops ends with its segment. */
const textOf = (error: object, key: string, fallback: string): string => {
  try {
    const value = (error as Record<string, unknown>)[key]
    return typeof value === 'string' ? bounded(value) : fallback
  } catch {
    return fallback
  }
}

const primitiveText = (value: unknown): string => {
  try {
    return bounded(StringOf(value))
  } catch {
    return 'a value that cannot be shown'
  }
}

/** An uncaught error as the `done` frame carries it: name, message and stack, each bounded. Never throws. */
export const describeError = (error: unknown): { name: string; message: string; stack: string } => {
  if (!isObject(error)) return { name: 'Error', message: primitiveText(error), stack: '' }
  const name = textOf(error, 'name', 'Error')
  const message = textOf(error, 'message', 'The tool threw an object that is no error.')
  return { name, message, stack: textOf(error, 'stack', '') }
}

/** The same as JSON; written piece by piece, so that no toJSON on a prototype is asked. */
export const errorJson = ({
  name,
  message,
  stack,
}: {
  name: string
  message: string
  stack: string
}): string =>
  `{"name":${JSONStringify(name)},"message":${JSONStringify(message)},"stack":${JSONStringify(stack)}}`

/** Whether an error is V8's report of a buffer that did not fit into the memory limit. */
export const isAllocationFailure = (error: { name: string; message: string }): boolean =>
  error.name === 'RangeError' && error.message === 'Array buffer allocation failed'

/** One line for an error inside a log. */
export const errorText = (error: object): string => textOf(error, 'stack', errorHeader(error))
