import { errorText } from './errors.ts'
import {
  ArrayIsArray,
  DateToISOString,
  ErrorIsError,
  isObject,
  JSONStringify,
  MapForEach,
  MapSize,
  ObjectHasOwn,
  ObjectKeys,
  ObjectPrototype,
  RegExpFlags,
  RegExpSource,
  ReflectGetOwnPropertyDescriptor,
  ReflectGetPrototypeOf,
  SetForEach,
  SetSize,
  StringOf,
  SymbolToString,
  TypedArrayByteLength,
  TypedArrayKind,
} from './primordials.ts'

const DEPTH_MAX = 4
const ENTRIES_MAX = 100

/** How much may still be written. Text past it would be cut anyway. */
type Room = { left: number }
type Shown = object & Record<PropertyKey, unknown>

/** The result of `read`, or undefined when it throws: that is how a class is told without asking the object. */
const attempt = <Value>(read: () => Value): Value | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

const spend = (text: string, room: Room): string => {
  room.left -= text.length
  return text
}

const inspectPrimitive = (value: unknown): string => {
  if (typeof value === 'string') return JSONStringify(value)
  if (typeof value === 'symbol') return SymbolToString(value)
  if (typeof value === 'bigint') return `${StringOf(value)}n`
  return value === 0 && 1 / value < 0 ? '-0' : StringOf(value)
}

/** What a data property holds; a missing one holds undefined, and an accessor nothing. */
const dataProperty = (holder: object, key: PropertyKey): { readonly value: unknown } | undefined => {
  const descriptor = ReflectGetOwnPropertyDescriptor(holder, key) as { value: unknown } | undefined
  if (descriptor === undefined) return { value: undefined }
  return ObjectHasOwn(descriptor, 'value') ? descriptor : undefined
}

/** An own property as it stands; a getter is shown, not run. */
const inspectProperty = (holder: Shown, key: PropertyKey, room: Room, depth: number): string => {
  const held = dataProperty(holder, key)
  return held === undefined ? '[getter]' : inspectValue(held.value, room, depth)
}

const inspectArray = (value: Shown & { length: number }, room: Room, depth: number): string => {
  let text = '['
  for (let i = 0; i < value.length; i += 1) {
    if (i >= ENTRIES_MAX || room.left <= 0) return `${text}, … ${value.length - i} more]`
    text += spend(i === 0 ? '' : ', ', room) + inspectProperty(value, i, room, depth)
  }
  return `${text}]`
}

const isWord = (key: string): boolean => {
  for (let i = 0; i < key.length && i < 64; i += 1) {
    const letter = key[i] as string
    const fits =
      (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter === '_' || letter === '$'
    if (!fits && !(i > 0 && letter >= '0' && letter <= '9')) return false
  }
  return key.length > 0 && key.length <= 64
}

const inspectProperties = (value: Shown, room: Room, depth: number): string => {
  const keys = ObjectKeys(value)
  let text = ''
  for (let i = 0; i < keys.length; i += 1) {
    if (i >= ENTRIES_MAX || room.left <= 0) return `{ ${text}, … ${keys.length - i} more }`
    const key = keys[i] as string
    const name = isWord(key) ? key : JSONStringify(key)
    text += spend(`${i === 0 ? '' : ', '}${name}: `, room) + inspectProperty(value, key, room, depth)
  }
  return text === '' ? '{}' : `{ ${text} }`
}

const inspectEntries = (
  visitAll: (visit: (value: unknown, key: unknown) => void) => void,
  isMap: boolean,
  room: Room,
  depth: number,
): string => {
  let text = ''
  let count = 0
  visitAll((value, key) => {
    count += 1
    if (count > ENTRIES_MAX || room.left <= 0) return
    if (text !== '') text += ', '
    if (isMap) text += `${inspectValue(key, room, depth)} => `
    text += inspectValue(value, room, depth)
  })
  return text === '' ? '{}' : `{ ${text} }`
}

/** Objects of the language's own classes; undefined for all others. */
const inspectBuiltIn = (value: Shown, room: Room, depth: number): string | undefined => {
  if (ErrorIsError(value)) return errorText(value)
  const kind = TypedArrayKind(value)
  if (kind !== undefined) return `${kind}(${TypedArrayByteLength(value)} bytes)`
  const mapSize = attempt(() => MapSize(value))
  if (mapSize !== undefined)
    return `Map(${mapSize}) ${inspectEntries((visit) => MapForEach(value, visit), true, room, depth)}`
  const setSize = attempt(() => SetSize(value))
  if (setSize !== undefined)
    return `Set(${setSize}) ${inspectEntries((visit) => SetForEach(value, (member) => visit(member, member)), false, room, depth)}`
  return (
    attempt(() => DateToISOString(value as unknown as Date)) ??
    attempt(() => `/${RegExpSource(value)}/${RegExpFlags(value)}`)
  )
}

const inspectObject = (value: Shown, room: Room, depth: number): string => {
  if (typeof value === 'function') {
    const name = dataProperty(value, 'name')?.value
    return typeof name === 'string' && name !== '' ? `[function ${name}]` : '[function]'
  }
  if (depth >= DEPTH_MAX) return ArrayIsArray(value) ? '[…]' : '{…}'
  if (ArrayIsArray(value)) return inspectArray(value as Shown & { length: number }, room, depth + 1)
  const prototype = ReflectGetPrototypeOf(value)
  const plain = prototype === ObjectPrototype || prototype === null
  const builtIn = plain ? undefined : inspectBuiltIn(value, room, depth + 1)
  return builtIn ?? inspectProperties(value, room, depth + 1)
}

const inspectValue = (value: unknown, room: Room, depth: number): string => {
  if (!isObject(value)) return spend(inspectPrimitive(value), room)
  return spend(inspectObject(value as Shown, room, depth), room)
}

/**
 * A value as one log line shows it: strings as they are, data by its own properties, getters and methods unrun. `sizeMax` stops
 * the work early; the caller still cuts. A Proxy answers through its traps, which is the guest's own code and time. May throw
 * what they throw.
 */
export const inspect = (value: unknown, sizeMax: number): string =>
  typeof value === 'string' ? value : inspectValue(value, { left: sizeMax }, 0)
