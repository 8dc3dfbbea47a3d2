import { JSON_DEPTH_MAX } from '../abi/crossing.ts'
import {
  ArrayIsArray,
  isObject,
  JSONStringify,
  NumberIsFinite,
  ObjectHasOwn,
  ObjectKeys,
  ObjectPrototype,
  ReflectGetPrototypeOf,
  TypedArrayKind,
} from './primordials.ts'

/** Why a value cannot cross: where it was found, and what it is. */
class Unpassable {
  readonly #message: string
  readonly #tooLarge: boolean

  constructor(message: string, tooLarge: boolean) {
    this.#message = message
    this.#tooLarge = tooLarge
  }

  static read(this: void, value: unknown): { message: string; tooLarge: boolean } | undefined {
    return isObject(value) && #message in value
      ? { message: value.#message, tooLarge: value.#tooLarge }
      : undefined
  }
}
const readUnpassable = Unpassable.read

const refuse = (message: string, tooLarge: boolean): never => {
  // oxlint-disable-next-line typescript/only-throw-error -- nobody but writeJson's caller sees it, and an Error would be made with a stack
  throw new Unpassable(message, tooLarge)
}

/** What went wrong, when `writeJson` threw it; undefined for any other error. */
export const unpassableOf = (error: unknown): { message: string; tooLarge: boolean } | undefined =>
  readUnpassable(error)

/** The way from the root to a value, as a linked list: an array would hand its writes to setters on Array.prototype. */
type Trail = {
  readonly holder: object
  readonly key: string | number
  readonly up: Trail | undefined
  readonly depth: number
}
type Budget = { left: number; readonly rootName: string }

const isPlainKey = (key: string): boolean => {
  for (let i = 0; i < key.length && i < 40; i += 1) {
    const letter = key[i] as string
    if (!(
      (letter >= 'a' && letter <= 'z') ||
      (letter >= 'A' && letter <= 'Z') ||
      (i > 0 && letter >= '0' && letter <= '9') ||
      letter === '_' ||
      letter === '$'
    ))
      return false
  }
  return key.length > 0 && key.length <= 40
}

const pathOf = (trail: Trail | undefined, budget: Budget): string => {
  let path = ''
  for (let step = trail; step !== undefined; step = step.up) {
    const { key } = step
    const piece =
      typeof key === 'number'
        ? `[${key}]`
        : isPlainKey(key)
          ? `.${key}`
          : `[${key.length > 40 ? '…' : JSONStringify(key)}]`
    path = piece + path
  }
  return budget.rootName + path
}

const fail = (trail: Trail | undefined, budget: Budget, what: string, tooLarge = false): never => {
  return refuse(`${pathOf(trail, budget)} ${what}`, tooLarge)
}

const spend = (size: number, trail: Trail | undefined, budget: Budget): void => {
  budget.left -= size
  if (budget.left < 0) fail(trail, budget, 'makes the value too large to cross', true)
}

/** What an object that is not plain data is, for the message; asks nothing of the object itself. */
const strangerName = (value: object): string => {
  if (typeof value === 'function') return 'is a function'
  const kind = TypedArrayKind(value)
  return kind === undefined ? 'is an object of a class; only plain objects and arrays cross' : `is a ${kind}`
}

const writePrimitive = (value: unknown, trail: Trail | undefined, budget: Budget): string => {
  let text = 'null'
  if (typeof value === 'string') {
    spend(value.length, trail, budget)
    budget.left += value.length
    text = JSONStringify(value)
  } else if (typeof value === 'number') {
    if (!NumberIsFinite(value)) fail(trail, budget, 'is not a finite number')
    text = `${value}`
  } else if (typeof value === 'boolean') text = value ? 'true' : 'false'
  else if (value !== null && value !== undefined) fail(trail, budget, `is a ${typeof value}`)
  spend(text.length, trail, budget)
  return text
}

/** Reads a property once; a getter or a trap that throws makes the value unpassable, whatever it threw. */
const readOnce = (holder: object, step: Trail, budget: Budget): unknown => {
  try {
    return (holder as Record<PropertyKey, unknown>)[step.key]
  } catch {
    return fail(step, budget, 'threw when it was read')
  }
}

const checkDepth = (value: object, trail: Trail | undefined, budget: Budget): void => {
  if ((trail?.depth ?? 0) < JSON_DEPTH_MAX) return
  for (let step = trail; step !== undefined; step = step.up)
    if (step.holder === value) fail(trail, budget, 'is part of a cycle')
  fail(trail, budget, `is nested deeper than ${JSON_DEPTH_MAX} levels`)
}

const writeArray = (value: readonly unknown[], trail: Trail | undefined, budget: Budget): string => {
  const depth = (trail?.depth ?? 0) + 1
  let text = '['
  for (let i = 0; i < value.length; i += 1) {
    const step: Trail = { holder: value, key: i, up: trail, depth }
    if (i > 0) text += ','
    spend(1, step, budget)
    text += ObjectHasOwn(value, i)
      ? write(readOnce(value, step, budget), step, budget)
      : writePrimitive(null, step, budget)
  }
  spend(2, trail, budget)
  return `${text}]`
}

const writeObject = (value: object, trail: Trail | undefined, budget: Budget): string => {
  const depth = (trail?.depth ?? 0) + 1
  const keys = ObjectKeys(value)
  let text = '{'
  for (let i = 0; i < keys.length; i += 1) {
    const key = keys[i] as string
    const step: Trail = { holder: value, key, up: trail, depth }
    const member = readOnce(value, step, budget)
    if (member === undefined) continue
    const name = JSONStringify(key)
    spend(name.length + 2, step, budget)
    text += `${text === '{' ? '' : ','}${name}:${write(member, step, budget)}`
  }
  spend(2, trail, budget)
  return `${text}}`
}

const isPlain = (value: object): boolean => {
  const prototype = ReflectGetPrototypeOf(value)
  return prototype === ObjectPrototype || prototype === null
}

const writeData = (value: object, trail: Trail | undefined, budget: Budget): string => {
  if (ArrayIsArray(value)) return writeArray(value, trail, budget)
  return isPlain(value) ? writeObject(value, trail, budget) : fail(trail, budget, strangerName(value))
}

/** Whatever a Proxy's traps or a getter throw is dropped: only our own reason goes on. */
const write = (value: unknown, trail: Trail | undefined, budget: Budget): string => {
  if (!isObject(value)) return writePrimitive(value, trail, budget)
  if (typeof value === 'function') return fail(trail, budget, strangerName(value))
  checkDepth(value, trail, budget)
  try {
    return writeData(value, trail, budget)
  } catch (error) {
    if (readUnpassable(error) !== undefined) throw error
    return fail(trail, budget, 'threw when it was read')
  }
}

/**
 * Writes plain data as JSON. Plain data is null, booleans, finite numbers, strings, arrays, and objects whose prototype is
 * Object.prototype or null; undefined counts as null, and as absent inside objects. Everything else is refused, not converted:
 * no toJSON, no toPrimitive, no iterator is asked, and each property is read once.
 *
 * `rootName` begins the path in messages; `sizeMax` bounds the text, in UTF-16 code units. Throws what {@link unpassableOf} reads.
 */
export const writeJson = (value: unknown, rootName: string, sizeMax: number): string => {
  return write(value, undefined, { left: sizeMax, rootName })
}
