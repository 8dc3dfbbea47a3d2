import type { PolicyPath } from './path.ts'
import type { ProblemList } from './problem.ts'

/** JSON data. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Deepest nesting of a policy document. */
export const DOCUMENT_DEPTH_MAX = 32
/** Most values in one document, counted after aliases are followed. */
export const DOCUMENT_VALUES_MAX = 50_000

/** Keys that mean something to JavaScript itself and nothing to a policy. */
export const isForbiddenKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype'

/**
 * Copies plain data once, without running anything of its owner: later changes of the original change nothing.
 * Every getter, function, class instance, cycle, NaN and the like becomes a problem, and null in the copy.
 */
export const copyPlainData = (value: unknown, problems: ProblemList): Json => {
  let count = 0

  const refuse = (path: PolicyPath, message: string): null => {
    problems.add(path, message)
    return null
  }

  const copyList = (list: readonly unknown[], path: PolicyPath): Json => {
    if (Reflect.ownKeys(list).length !== list.length + 1)
      return refuse(path, 'is a list with holes or extra properties')
    return Array.from({ length: list.length }, (_, index) => copyProperty(list, index, [...path, index]))
  }

  const copyMapping = (mapping: object, path: PolicyPath): Json => {
    const prototype: unknown = Object.getPrototypeOf(mapping)
    if (prototype !== Object.prototype && prototype !== null)
      return refuse(path, 'must be plain data, not an instance of a class')
    const copied: Record<string, Json> = {}
    for (const key of Reflect.ownKeys(mapping)) {
      if (typeof key === 'symbol') refuse(path, 'has a symbol among its keys')
      else if (isForbiddenKey(key)) refuse([...path, key], 'is no key of a policy')
      else copied[key] = copyProperty(mapping, key, [...path, key])
    }
    return copied
  }

  // A getter is never called: what it would answer now says nothing about what it answers later.
  const copyProperty = (owner: object, key: string | number, path: PolicyPath): Json => {
    const property = Object.getOwnPropertyDescriptor(owner, key)
    if (property === undefined || !('value' in property))
      return refuse(path, 'must be a plain value, not a getter')
    return copy(property.value, path)
  }

  const copy = (one: unknown, path: PolicyPath): Json => {
    count += 1
    if (count > DOCUMENT_VALUES_MAX)
      return count === DOCUMENT_VALUES_MAX + 1
        ? refuse([], `has more than ${DOCUMENT_VALUES_MAX} values`)
        : null
    if (path.length > DOCUMENT_DEPTH_MAX) return refuse(path, 'is nested too deeply, or contains itself')
    if (one === null || typeof one === 'boolean' || typeof one === 'string') return one
    // Adding 0 makes a negative zero one that is written without a sign.
    if (typeof one === 'number')
      return Number.isFinite(one) ? one + 0 : refuse(path, `must be a finite number, not ${one}`)
    if (one === undefined) return refuse(path, 'is undefined; leave the key out, or write null')
    if (typeof one !== 'object') return refuse(path, `must be plain data, not a ${typeof one}`)
    return Array.isArray(one) ? copyList(one, path) : copyMapping(one, path)
  }

  return copy(value, [])
}
