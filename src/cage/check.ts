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
  FAULTS,
  LOG_LEVELS,
  type CageFrame,
  type CallFrame,
  type DoneFrame,
  type Fault,
  type LogFrame,
  type LogLevel,
  type ReadyFrame,
} from '../../runtime/abi/frames.ts'

type Header = Readonly<Record<string, unknown>>

const SLOT_MAX = 2 ** 32 - 1
const SEQ_MAX = 2 ** 31 - 1
const VERSION_MAX = 65_535
/** Name, message and stack, each escaped to at most six characters a piece. */
const ERROR_JSON_SIZE_MAX = 3 * 6 * ERROR_TEXT_SIZE_MAX + 256
const OP_NAME = /^[A-Za-z][A-Za-z0-9_.-]*$/
const PRINTABLE = /^[\x20-\x7e]+$/

const isInteger = (value: unknown, min: number, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max

const isText = (value: unknown, sizeMax: number, pattern: RegExp): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= sizeMax && pattern.test(value)

/** Whether the header has exactly these keys, beside `t` and `s`, and as many of the optional ones as it claims. */
const hasOnly = (header: Header, required: readonly string[], optional: readonly string[] = []): boolean => {
  let expected = required.length + 2
  for (const key of required) if (!Object.hasOwn(header, key)) return false
  for (const key of optional) if (Object.hasOwn(header, key)) expected += 1
  return Object.keys(header).length === expected
}

const checkReady = (header: Header, segments: readonly string[]): ReadyFrame | string => {
  if (!hasOnly(header, ['v']) || segments.length !== 0) return 'ready: wrong shape'
  if (!isInteger(header.v, 1, VERSION_MAX)) return 'ready: bad version'
  return { t: 'ready', v: header.v }
}

const checkCall = (header: Header, segments: readonly string[]): CallFrame | string => {
  const { slot, seq, handle, op, key } = header
  if (!hasOnly(header, ['slot', 'seq', 'handle', 'op'], ['key']) || segments.length !== 1)
    return 'call: wrong shape'
  if (!isInteger(slot, 0, SLOT_MAX)) return 'call: bad slot'
  if (!isInteger(seq, 1, SEQ_MAX)) return 'call: bad seq'
  if (!isInteger(handle, 0, SEQ_MAX)) return 'call: bad handle'
  if (!isText(op, OP_NAME_SIZE_MAX, OP_NAME)) return 'call: bad op'
  if ((segments[0] ?? '').length > ARGUMENTS_SIZE_MAX) return 'call: arguments too large'
  if (key === undefined) return { t: 'call', slot, seq, handle, op }
  if (!isText(key, KEY_SIZE_MAX, PRINTABLE)) return 'call: bad key'
  return { t: 'call', slot, seq, handle, op, key }
}

const checkLog = (header: Header, segments: readonly string[]): LogFrame | string => {
  const { slot, level } = header
  if (!hasOnly(header, ['slot', 'level']) || segments.length !== 1) return 'log: wrong shape'
  if (!isInteger(slot, 0, SLOT_MAX)) return 'log: bad slot'
  if (!LOG_LEVELS.includes(level as LogLevel)) return 'log: bad level'
  if ((segments[0] ?? '').length > LOG_LINE_SIZE_MAX + CUT_MARK.length) return 'log: line too long'
  return { t: 'log', slot, level: level as LogLevel }
}

const checkDone = (header: Header, segments: readonly string[]): DoneFrame | string => {
  const { slot, ok, fault, refused } = header
  if (!hasOnly(header, ['slot', 'ok'], ['fault', 'refused']) || segments.length !== 1)
    return 'done: wrong shape'
  if (!isInteger(slot, 0, SLOT_MAX)) return 'done: bad slot'
  const size = (segments[0] ?? '').length
  if (ok === true) {
    if (fault !== undefined || refused !== undefined) return 'done: a value and a fault'
    return size <= OUTPUT_SIZE_MAX ? { t: 'done', slot, ok } : 'done: value too large'
  }
  if (ok !== false || !FAULTS.includes(fault as Fault)) return 'done: bad fault'
  if (size > ERROR_JSON_SIZE_MAX) return 'done: error too large'
  if (refused === undefined) return { t: 'done', slot, ok, fault: fault as Fault }
  if (fault !== 'threw' || !isInteger(refused, 1, SEQ_MAX)) return 'done: bad refusal'
  return { t: 'done', slot, ok, fault, refused }
}

/**
 * Judges the header of a frame that a cage sent, and the number and size of its segments. Everything in it was written by an
 * attacker. Returns the frame, rebuilt from what was judged, or the reason why it is none; the text inside the segments is
 * judged by who reads it.
 */
export const checkCageFrame = (header: unknown, segments: readonly string[]): CageFrame | string => {
  if (typeof header !== 'object' || header === null || Array.isArray(header)) return 'header: not an object'
  const known = header as Header
  if (known.t === 'call') return checkCall(known, segments)
  if (known.t === 'log') return checkLog(known, segments)
  if (known.t === 'done') return checkDone(known, segments)
  if (known.t === 'turn')
    return hasOnly(known, []) && segments.length === 0 ? { t: 'turn' } : 'turn: wrong shape'
  if (known.t === 'ready') return checkReady(known, segments)
  return 'header: unknown kind'
}
