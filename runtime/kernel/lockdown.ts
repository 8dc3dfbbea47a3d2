import { PERMITTED_GLOBALS, PERMITTED_INTL } from '../permits.ts'
import {
  ArrayBufferClass,
  define,
  GLOBAL,
  IntlObject,
  isObject,
  ObjectCreate,
  ObjectDefineProperty,
  ObjectFreeze,
  RangeErrorClass,
  ReflectConstruct,
  ReflectDeleteProperty,
  ReflectGetPrototypeOf,
  ReflectOwnKeys,
  TypeErrorClass,
} from './primordials.ts'

type Constructor = new (...args: never[]) => object

/** Deletes every own property that is not in the list. */
const keepOnly = (holder: object, permitted: readonly PropertyKey[]): void => {
  const isPermitted = ObjectCreate(null) as Record<PropertyKey, boolean>
  for (let i = 0; i < permitted.length; i += 1) isPermitted[permitted[i] as PropertyKey] = true
  const keys = ReflectOwnKeys(holder)
  for (let i = 0; i < keys.length; i += 1) {
    const key = keys[i] as PropertyKey
    if (isPermitted[key] !== true && !ReflectDeleteProperty(holder, key))
      throw new TypeErrorClass('a part of the realm cannot be removed')
  }
}

const refuse = (): never => {
  throw new TypeErrorClass('Code generation from strings is closed')
}

/** A constructor that only throws; `instanceof` and the prototype chain work as before. */
const impostor = (original: Constructor, name: string, parent: object | undefined): void => {
  const closed = function (): never {
    return refuse()
  }
  ObjectDefineProperty(closed, 'name', { value: name })
  ObjectDefineProperty(closed, 'prototype', { value: original.prototype, writable: false })
  ObjectDefineProperty(original.prototype, 'constructor', {
    value: closed,
    writable: false,
    configurable: false,
  })
  if (parent !== undefined) Object.setPrototypeOf(closed, parent)
  ObjectFreeze(closed)
}

/** Closes eval and the four constructors that make functions from text. */
const closeCodeGeneration = (): void => {
  const kinds: readonly object[] = [async function () {}, function* () {}, async function* () {}]
  impostor(Function, 'Function', undefined)
  const closedFunction = Function.prototype.constructor
  define(GLOBAL, 'Function', closedFunction)
  for (let i = 0; i < kinds.length; i += 1) {
    const prototype = ReflectGetPrototypeOf(kinds[i] as object) as {
      constructor: Constructor & { name: string }
    }
    impostor(prototype.constructor, prototype.constructor.name, closedFunction)
  }
  const closedEval = { eval: (): never => refuse() }.eval
  define(GLOBAL, 'eval', ObjectFreeze(closedEval))
}

/** Buffers of a fixed size only: growing ones escape the engine's count of memory. */
const closeResizableBuffers = (): void => {
  const prototype = ArrayBufferClass.prototype
  const closed = function (this: unknown, length: unknown, options?: { maxByteLength?: unknown }): object {
    if (new.target === undefined) throw new TypeErrorClass("Constructor ArrayBuffer requires 'new'")
    if (isObject(options) && options.maxByteLength !== undefined)
      throw new RangeErrorClass('Resizable buffers are not available')
    return ReflectConstruct(ArrayBufferClass, [length], new.target) as object
  }
  const statics = ['isView', Symbol.species] as const
  for (let i = 0; i < statics.length; i += 1) {
    const key = statics[i] as PropertyKey
    ObjectDefineProperty(
      closed,
      key,
      Object.getOwnPropertyDescriptor(ArrayBufferClass, key) as PropertyDescriptor,
    )
  }
  ObjectDefineProperty(closed, 'name', { value: 'ArrayBuffer' })
  ObjectDefineProperty(closed, 'length', { value: 1 })
  ObjectDefineProperty(closed, 'prototype', { value: prototype, writable: false })
  define(prototype, 'constructor', closed)
  ReflectDeleteProperty(prototype, 'resize')
  ReflectDeleteProperty(prototype, 'resizable')
  ReflectDeleteProperty(prototype, 'maxByteLength')
  define(GLOBAL, 'ArrayBuffer', closed)
}

/**
 * Takes from the realm what the guest must not have: code from text, memory that is shared or not counted, finalisers (they
 * run outside any time limit) and every global that permits.ts does not list. Prototypes stay unfrozen on purpose: freezing
 * them breaks honest packages, and the kernel does not depend on them.
 */
export const lockdown = (): void => {
  keepOnly(GLOBAL, PERMITTED_GLOBALS)
  keepOnly(IntlObject, PERMITTED_INTL)
  closeCodeGeneration()
  closeResizableBuffers()
}
