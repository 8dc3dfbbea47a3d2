import {
  captureTemporal,
  DateClass,
  DateParse,
  DatePrototype,
  DateTimeFormatFormat,
  DateTimeFormatPrototype,
  DateTimeFormatToParts,
  DateToString,
  DateUTC,
  define,
  defineFixed,
  GLOBAL,
  MathFloor,
  ObjectDefineProperty,
  ReflectConstruct,
  ReflectDeleteProperty,
} from './primordials.ts'

/** Virtual time: it stands still while guest code runs, and moves only by what the host says. */
export type Clock = {
  /** Puts virtual time into Temporal, or takes Temporal away from a tool that does not name it. Before any guest code, once. */
  settleTemporal(isNamed: boolean): void
  /** Sets the beginning of the run, in milliseconds since 1970. */
  start(atMs: number): void
  /** Virtual milliseconds since 1970. */
  readonly now: () => number
  /** Moves on; time never goes back, whatever is said. */
  moveTo(atMs: number): void
}

type Now = () => number

/** A copy of a built-in function's face on one of ours. */
const named = <Made extends object>(made: Made, name: string, length: number): Made => {
  ObjectDefineProperty(made, 'name', { value: name, configurable: true })
  ObjectDefineProperty(made, 'length', { value: length, configurable: true })
  return made
}

const installDate = (now: Now): void => {
  const edition = function (this: unknown, ...parts: unknown[]): unknown {
    if (new.target === undefined) return DateToString(new DateClass(now()))
    return ReflectConstruct(DateClass, parts.length === 0 ? [now()] : parts, new.target)
  }
  named(edition, 'Date', 7)
  defineFixed(edition, 'prototype', DatePrototype)
  define(DatePrototype, 'constructor', edition)
  define(
    edition,
    'now',
    named(() => now(), 'now', 0),
  )
  define(edition, 'parse', DateParse)
  define(edition, 'UTC', DateUTC)
  define(GLOBAL, 'Date', edition)
}

/** Without a date, Intl.DateTimeFormat formats the real time; ours passes the virtual one. */
const installIntl = (now: Now): void => {
  const orNow = (date: unknown): unknown => (date === undefined ? now() : date)
  const getFormat = function (this: unknown): unknown {
    const format = DateTimeFormatFormat(this)
    return (date?: unknown): string => format(orNow(date))
  }
  const formatToParts = function (this: unknown, date?: unknown): unknown {
    return DateTimeFormatToParts(this, orNow(date))
  }
  ObjectDefineProperty(DateTimeFormatPrototype, 'format', {
    get: named(getFormat, 'get format', 0),
    configurable: true,
  })
  define(DateTimeFormatPrototype, 'formatToParts', named(formatToParts, 'formatToParts', 1))
}

const installTemporal = (now: Now): void => {
  const parts = captureTemporal()
  if (parts === undefined) return
  const { now: holder, instantOf, zoned, plainDate, plainTime, plainDateTime, timeZoneId } = parts
  const zonedNow = (zone: unknown) => zoned(instantOf(now()), zone === undefined ? timeZoneId() : zone)
  const methods = {
    instant: () => instantOf(now()),
    zonedDateTimeISO: (zone?: unknown) => zonedNow(zone),
    plainDateISO: (zone?: unknown) => plainDate(zonedNow(zone)),
    plainTimeISO: (zone?: unknown) => plainTime(zonedNow(zone)),
    plainDateTimeISO: (zone?: unknown) => plainDateTime(zonedNow(zone)),
  }
  define(holder, 'instant', methods.instant)
  define(holder, 'zonedDateTimeISO', methods.zonedDateTimeISO)
  define(holder, 'plainDateISO', methods.plainDateISO)
  define(holder, 'plainTimeISO', methods.plainTimeISO)
  define(holder, 'plainDateTimeISO', methods.plainDateTimeISO)
}

/** Puts virtual time in the place of every clock that the language has, but for Temporal: Date, performance and Intl. */
export const installClock = (): Clock => {
  let originMs = 0
  let nowMs = 0
  let isSettled = false
  const now: Now = () => nowMs
  installDate(now)
  installIntl(now)
  const performance = {
    now: (): number => nowMs - originMs,
    get timeOrigin(): number {
      return originMs
    },
  }
  define(GLOBAL, 'performance', performance)
  return {
    now,
    settleTemporal: (isNamed) => {
      if (isSettled) return
      isSettled = true
      if (isNamed) return installTemporal(now)
      ReflectDeleteProperty(GLOBAL, 'Temporal')
      ReflectDeleteProperty(DatePrototype, 'toTemporalInstant')
    },
    start: (atMs) => {
      originMs = nowMs = MathFloor(atMs)
    },
    moveTo: (atMs) => {
      if (atMs > nowMs) nowMs = MathFloor(atMs)
    },
  }
}
