import { CUT_MARK, LOG_LINE_SIZE_MAX } from '../abi/crossing.ts'
import type { LogLevel } from '../abi/frames.ts'
import type { Door } from './door.ts'
import { inspect } from './inspect.ts'
import { define, GLOBAL, ObjectCreate, StringOf, StringPrototypeSlice } from './primordials.ts'

const INDENT = '  '
const DEPTH_MAX = 20
const LABELS_MAX = 1_000

const cut = (text: string): string =>
  text.length > LOG_LINE_SIZE_MAX ? StringPrototypeSlice(text, 0, LOG_LINE_SIZE_MAX) + CUT_MARK : text

/** All arguments as one line, bounded. Never throws. */
const lineOf = (parts: readonly unknown[]): string => {
  let text = ''
  for (let i = 0; i < parts.length && text.length <= LOG_LINE_SIZE_MAX; i += 1) {
    if (i > 0) text += ' '
    try {
      text += inspect(parts[i], LOG_LINE_SIZE_MAX - text.length)
    } catch {
      text += '[unreadable]'
    }
  }
  return text
}

const labelOf = (label: unknown): string => {
  const text = typeof label === 'string' ? label : typeof label === 'number' ? StringOf(label) : 'default'
  return text.length > 100 ? StringPrototypeSlice(text, 0, 100) : text
}

/** Counters by label, and virtual milliseconds by label. */
const makeTallies = (write: (level: LogLevel, parts: readonly unknown[]) => void, nowMs: () => number) => {
  let counts = ObjectCreate(null) as Record<string, number>
  let starts = ObjectCreate(null) as Record<string, number>
  let labels = 0
  const remember = (): void => {
    labels += 1
    if (labels <= LABELS_MAX) return
    counts = ObjectCreate(null) as Record<string, number>
    starts = ObjectCreate(null) as Record<string, number>
    labels = 1
  }
  const elapsed = (label: unknown, ends: boolean): void => {
    const name = labelOf(label)
    const startMs = starts[name]
    if (startMs === undefined) return
    write('info', [`${name}: ${nowMs() - startMs} ms`])
    if (ends) delete starts[name]
  }
  return {
    restart: (): void => {
      counts = ObjectCreate(null) as Record<string, number>
      starts = ObjectCreate(null) as Record<string, number>
      labels = 0
    },
    count: (label?: unknown): void => {
      const name = labelOf(label)
      if (counts[name] === undefined) remember()
      counts[name] = (counts[name] ?? 0) + 1
      write('info', [`${name}: ${counts[name]}`])
    },
    countReset: (label?: unknown): void => void delete counts[labelOf(label)],
    time: (label?: unknown): void => {
      remember()
      starts[labelOf(label)] = nowMs()
    },
    timeLog: (label?: unknown): void => elapsed(label, false),
    timeEnd: (label?: unknown): void => elapsed(label, true),
  }
}

/** What stands outside the guest's own console, for the kernel to say something in the guest's log. */
export type Report = (error: unknown) => void
/** What the kernel keeps of the console: its own way to write, and how to make it ready for another run. */
export type ConsoleControls = { readonly report: Report; readonly restart: () => void }

/** Replaces the engine's console by one whose lines go through the door. Its methods never throw. */
export const installConsole = (log: Door['log'], nowMs: () => number): ConsoleControls => {
  let depth = 0
  const write = (level: LogLevel, parts: readonly unknown[]): void => {
    let indent = ''
    for (let i = 0; i < depth; i += 1) indent += INDENT
    log(level, cut(indent + lineOf(parts)))
  }
  const info = (...parts: unknown[]): void => write('info', parts)
  const group = (...parts: unknown[]): void => {
    if (parts.length > 0) write('info', parts)
    if (depth < DEPTH_MAX) depth += 1
  }
  const { restart, count, countReset, time, timeLog, timeEnd } = makeTallies(write, nowMs)
  const console = {
    log: info,
    info,
    dir: (value?: unknown): void => write('info', [value]),
    dirxml: info,
    table: info,
    debug: (...parts: unknown[]): void => write('debug', parts),
    trace: (...parts: unknown[]): void => write('debug', parts),
    warn: (...parts: unknown[]): void => write('warn', parts),
    error: (...parts: unknown[]): void => write('error', parts),
    assert: (holds?: unknown, ...parts: unknown[]): void => {
      if (!holds) write('error', ['Assertion failed', lineOf(parts)])
    },
    group,
    groupCollapsed: group,
    groupEnd: (): void => {
      if (depth > 0) depth -= 1
    },
    clear: (): void => undefined,
    count,
    countReset,
    time,
    timeLog,
    timeEnd,
  }
  define(GLOBAL, 'console', console)
  return {
    report: (error) => log('error', cut(`Uncaught in a callback: ${lineOf([error])}`)),
    restart: () => {
      depth = 0
      restart()
    },
  }
}
