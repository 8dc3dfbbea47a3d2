/**
 * The built-ins that the kernel works with, captured before any guest code runs. After that the kernel calls nothing by
 * looking it up on an object that the guest can reach: every method is here, with `this` as its first parameter.
 */

type Method<This, Args extends unknown[], Result> = (self: This, ...args: Args) => Result

const call = Function.prototype.call
// eslint-disable-next-line -- bind is captured by this very line
const bindCall = Function.prototype.bind.bind(call) as unknown as (method: unknown) => unknown

/** Turns a method into a function that takes `this` first. A bound function looks nothing up when it is called. */
const uncurryThis = <This, Args extends unknown[], Result>(
  method: (this: This, ...args: Args) => Result,
): Method<This, Args, Result> => bindCall(method) as Method<This, Args, Result>

export const ArrayIsArray = Array.isArray
export const ErrorClass = Error
export const TypeErrorClass = TypeError
export const RangeErrorClass = RangeError
export const PromiseClass = Promise
export const Uint8ArrayClass = Uint8Array
export const ArrayBufferClass = ArrayBuffer
export const DateClass = Date
export const ObjectClass = Object
export const MathFloor = Math.floor
export const MathImul = Math.imul
export const NumberIsFinite = Number.isFinite
export const NumberIsInteger = Number.isInteger
export const JSONParse = JSON.parse
export const JSONStringify = JSON.stringify
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
export const PromisePrototypeThen = uncurryThis(Promise.prototype.then) as (
  promise: unknown, onValue: (value: unknown) => void, onError: (error: unknown) => void,
) => Promise<unknown>
export const StringPrototypeSlice = uncurryThis(String.prototype.slice)
export const StringPrototypeCharCodeAt = uncurryThis(String.prototype.charCodeAt)
export const StringPrototypeIndexOf = uncurryThis(String.prototype.indexOf)
export const StringPrototypeToLowerCase = uncurryThis(String.prototype.toLowerCase)
export const StringPrototypeToUpperCase = uncurryThis(String.prototype.toUpperCase)
export const StringFromCharCode = String.fromCharCode
export const EncodeURIComponent = encodeURIComponent
export const SymbolToString = uncurryThis(Symbol.prototype.toString)
export const BigIntToString = uncurryThis(BigInt.prototype.toString) as Method<bigint, [], string>
export const FunctionToString = uncurryThis(Function.prototype.toString)
const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype) as object
const getterOf = (holder: object, key: PropertyKey): (() => unknown) =>
  (Object.getOwnPropertyDescriptor(holder, key) as { get: () => unknown }).get
/** The species-free name of a typed array's class, undefined for anything else. */
export const TypedArrayKind = uncurryThis(getterOf(typedArray, Symbol.toStringTag)) as (value: unknown) => string | undefined
/** Throws for what is no typed array. */
export const TypedArrayLength = uncurryThis(getterOf(typedArray, 'length')) as (value: unknown) => number
/** Throws for what is no array buffer. */
export const ArrayBufferByteLength = uncurryThis(getterOf(ArrayBuffer.prototype, 'byteLength')) as (value: unknown) => number
export const ErrorCaptureStackTrace = (Error as unknown as { captureStackTrace(target: object): void }).captureStackTrace

/** Whether a value is an object or a function. */
export const isObject = (value: unknown): value is object =>
  (typeof value === 'object' && value !== null) || typeof value === 'function'

/** Defines an own data property; no setter on a prototype can see it. */
export const define = (target: object, key: PropertyKey, value: unknown, enumerable = false): void => {
  ObjectDefineProperty(target, key, { __proto__: null, value, writable: true, configurable: true, enumerable } as PropertyDescriptor)
}

/** A promise whose `constructor` is its own, so that no species lookup reaches the guest. Never handed to the guest. */
export const privatePromise = (executor: (resolve: (value: unknown) => void) => void): Promise<unknown> => {
  const promise = new PromiseClass(executor)
  define(promise, 'constructor', PromiseClass)
  return promise
}
