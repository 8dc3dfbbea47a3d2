/* oxlint-disable typescript/unbound-method -- taking methods off their objects is what this file is for */

/**
 * The built-ins that the kernel works with, captured before any guest code runs. After that the kernel calls nothing by
 * looking it up on an object that the guest can reach: every method is here, with `this` as its first parameter.
 */

type Method<This, Args extends unknown[], Result> = (self: This, ...args: Args) => Result
type Factory<Value> = (value: number) => Value

const call = Function.prototype.call
const bindCall = Function.prototype.bind.bind(call) as unknown as (method: unknown) => unknown

/** Turns a method into a function that takes `this` first. A bound function looks nothing up when it is called. */
export const uncurryThis = <This, Args extends unknown[], Result>(
  method: (this: This, ...args: Args) => Result,
): Method<This, Args, Result> => bindCall(method) as Method<This, Args, Result>

/** The getter of an accessor property, as a function that takes `this` first. */
const uncurryGetter = <Result>(holder: object, key: PropertyKey): ((self: unknown) => Result) =>
  uncurryThis((Object.getOwnPropertyDescriptor(holder, key) as { get: () => Result }).get)

export const GLOBAL: object = globalThis
export const ArrayIsArray = Array.isArray
export const ErrorClass = Error
export const TypeErrorClass = TypeError
export const RangeErrorClass = RangeError
export const PromiseClass = Promise
export const Uint8ArrayClass = Uint8Array
export const ArrayBufferClass = ArrayBuffer
export const ArrayBufferIsView = ArrayBuffer.isView
export const DateClass = Date
export const DateParse = Date.parse
export const DateUTC = Date.UTC
export const DatePrototype = Date.prototype
export const DateToString = uncurryThis(Date.prototype.toString)
export const DateToISOString = uncurryThis(Date.prototype.toISOString)
export const MathObject: object = Math
export const MathFloor = Math.floor
export const MathImul = Math.imul
export const NumberIsFinite = Number.isFinite
export const JSONParse = JSON.parse
export const JSONStringify = JSON.stringify as (value: string) => string
export const ObjectFreeze = Object.freeze
export const ObjectKeys = Object.keys
export const ObjectCreate = Object.create
export const ObjectHasOwn = Object.hasOwn
export const ObjectPrototype = Object.prototype
export const ObjectDefineProperty = Object.defineProperty
export const ReflectApply = Reflect.apply
export const ReflectConstruct = Reflect.construct
export const ReflectGetPrototypeOf = Reflect.getPrototypeOf
export const ReflectOwnKeys = Reflect.ownKeys
export const ReflectGetOwnPropertyDescriptor = Reflect.getOwnPropertyDescriptor
export const ReflectDeleteProperty = Reflect.deleteProperty
export const StringOf = String
export const NumberOf = Number
export const PromisePrototypeThen = uncurryThis(Promise.prototype.then) as (
  promise: unknown,
  onValue: (value: unknown) => void,
  onError: (error: unknown) => void,
) => Promise<unknown>
export const StringPrototypeSlice = uncurryThis(String.prototype.slice)
export const StringPrototypeCharCodeAt = uncurryThis(String.prototype.charCodeAt)
export const StringPrototypeIndexOf = uncurryThis(String.prototype.indexOf)
export const StringPrototypeToLowerCase = uncurryThis(String.prototype.toLowerCase)
export const StringFromCharCode = String.fromCharCode
export const SymbolAsyncIterator: typeof Symbol.asyncIterator = Symbol.asyncIterator
export const SymbolToString = uncurryThis(Symbol.prototype.toString)
export const MapForEach = uncurryThis(Map.prototype.forEach) as (
  map: unknown,
  visit: (value: unknown, key: unknown) => void,
) => void
export const SetForEach = uncurryThis(Set.prototype.forEach) as (
  set: unknown,
  visit: (value: unknown) => void,
) => void
/** Throws for what is no regular expression. */
export const RegExpSource = uncurryGetter<string>(RegExp.prototype, 'source')
export const RegExpFlags = uncurryGetter<string>(RegExp.prototype, 'flags')
/** Throws for what is no Map. */
export const MapSize = uncurryGetter<number>(Map.prototype, 'size')
/** Throws for what is no Set. */
export const SetSize = uncurryGetter<number>(Set.prototype, 'size')
/** Tells errors by their brand, without asking them. */
export const ErrorIsError = (Error as unknown as { isError(value: unknown): boolean }).isError
export const ErrorCaptureStackTrace = (Error as unknown as { captureStackTrace(target: object): void })
  .captureStackTrace

/** Base64 by the engine itself, ten times as fast as ours; undefined on an engine without it. */
type Base64Class = {
  readonly fromBase64?: (text: string) => Uint8Array
  readonly prototype: { readonly toBase64?: () => string }
}
const { fromBase64, prototype: base64Prototype } = Uint8Array as unknown as Base64Class
const { toBase64 } = base64Prototype
/** Throws for what is no base64; white space and missing padding are none of its business. */
export const Uint8ArrayFromBase64 = fromBase64?.bind(Uint8Array)
export const Uint8ArrayToBase64 = toBase64 && (uncurryThis(toBase64) as (bytes: Uint8Array) => string)

const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype) as object
/** The name of a typed array's class, undefined for anything else. */
export const TypedArrayKind = uncurryGetter<string | undefined>(typedArray, Symbol.toStringTag)
/** The three that follow throw for what is no typed array. */
export const TypedArrayBuffer = uncurryGetter<ArrayBuffer>(typedArray, 'buffer')
export const TypedArrayByteOffset = uncurryGetter<number>(typedArray, 'byteOffset')
export const TypedArrayByteLength = uncurryGetter<number>(typedArray, 'byteLength')
/** The three that follow throw for what is no DataView. */
export const DataViewBuffer = uncurryGetter<ArrayBuffer>(DataView.prototype, 'buffer')
export const DataViewByteOffset = uncurryGetter<number>(DataView.prototype, 'byteOffset')
export const DataViewByteLength = uncurryGetter<number>(DataView.prototype, 'byteLength')
/** Throws for what is no array buffer. */
export const ArrayBufferByteLength = uncurryGetter<number>(ArrayBuffer.prototype, 'byteLength')

type DateFormat = Intl.DateTimeFormat
/** The Intl.DateTimeFormat class's own parts; `format` is a getter that makes a bound function. */
export const IntlObject: object = Intl
export const DateTimeFormatPrototype: DateFormat = Intl.DateTimeFormat.prototype
export const DateTimeFormatFormat = uncurryGetter<(date: unknown) => string>(
  Intl.DateTimeFormat.prototype,
  'format',
)
export const DateTimeFormatToParts = uncurryThis(Intl.DateTimeFormat.prototype.formatToParts) as (
  format: unknown,
  date: unknown,
) => unknown

/** Temporal as far as the clock needs it; older engines have none. */
type Moment = { toZonedDateTimeISO(zone: unknown): Zoned }
type Zoned = { toPlainDate(): unknown; toPlainTime(): unknown; toPlainDateTime(): unknown }
type TemporalNamespace = {
  Now: { timeZoneId(): string }
  Instant: { fromEpochMilliseconds: Factory<Moment>; prototype: Moment }
  ZonedDateTime: { prototype: Zoned }
}
/** The parts of Temporal that read no clock; undefined on an engine without Temporal. */
export type TemporalParts = {
  readonly now: object
  readonly timeZoneId: () => string
  readonly instantOf: Factory<Moment>
  readonly zoned: (instant: Moment, zone: unknown) => Zoned
  readonly plainDate: (zoned: Zoned) => unknown
  readonly plainTime: (zoned: Zoned) => unknown
  readonly plainDateTime: (zoned: Zoned) => unknown
}

/**
 * Captures Temporal, which must happen before any guest code runs as well. It is not done with the others, because the engine
 * makes Temporal only when it is first looked at, and that takes as long as all the rest of the kernel six times over.
 */
export const captureTemporal = (): TemporalParts | undefined => {
  const temporal = (globalThis as { Temporal?: TemporalNamespace }).Temporal
  if (temporal === undefined) return undefined
  return {
    now: temporal.Now,
    timeZoneId: temporal.Now.timeZoneId,
    instantOf: temporal.Instant.fromEpochMilliseconds,
    zoned: uncurryThis(temporal.Instant.prototype.toZonedDateTimeISO) as TemporalParts['zoned'],
    plainDate: uncurryThis(temporal.ZonedDateTime.prototype.toPlainDate),
    plainTime: uncurryThis(temporal.ZonedDateTime.prototype.toPlainTime),
    plainDateTime: uncurryThis(temporal.ZonedDateTime.prototype.toPlainDateTime),
  }
}

/** Whether a value is an object or a function. */
export const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

/** Defines an own data property; no setter on a prototype can see it. */
export const define = (target: object, key: PropertyKey, value: unknown, enumerable = false): void => {
  ObjectDefineProperty(target, key, {
    __proto__: null,
    value,
    writable: true,
    configurable: true,
    enumerable,
  } as PropertyDescriptor)
}

/** Defines an own property that cannot be written, hidden or removed. */
export const defineFixed = (target: object, key: PropertyKey, value: unknown, enumerable = false): void => {
  ObjectDefineProperty(target, key, {
    __proto__: null,
    value,
    writable: false,
    configurable: false,
    enumerable,
  } as PropertyDescriptor)
}

/** A promise without a constructor, so that `then` looks up no species that the guest could set. Never handed to the guest. */
export const privatePromise = (executor: (resolve: (value: unknown) => void) => void): Promise<unknown> => {
  const promise = new PromiseClass(executor)
  define(promise, 'constructor', undefined)
  return promise
}
