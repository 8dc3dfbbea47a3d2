/**
 * Canonical JSON: one text for one meaning. Keys are sorted by UTF-16 code unit, no white space, numbers as JSON.stringify
 * writes them (RFC 8785 without its number corner cases: only finite numbers pass). Digests are taken over it.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (isPlainObject(value)) {
    const keys = Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join(',')}}`
  }
  throw notJson(value)
}

const notJson = (value: unknown): TypeError =>
  new TypeError(`not JSON data: ${typeof value === 'object' ? 'an object with a class' : typeof value}`)

/** Whether a value is an object made of plain keys: no class, no array. */
const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

/** Throws a TypeError for what is not JSON data: the same as `canonicalJson`, which also writes it. */
export function assertJson(value: unknown): void {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return
  if (typeof value === 'number' && Number.isFinite(value)) return
  if (Array.isArray(value)) {
    for (const member of value as readonly unknown[]) assertJson(member)
    return
  }
  if (!isPlainObject(value)) throw notJson(value)
  for (const key of Object.keys(value)) if (value[key] !== undefined) assertJson(value[key])
}

/**
 * A copy of JSON data, frozen all the way down: what `canonicalJson` writes, read again, keys in their order, in half the time. Members that are
 * undefined are left out. Throws a TypeError for what is not JSON data.
 */
export function frozenCopy(value: unknown): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  // JSON knows one zero.
  if (typeof value === 'number' && Number.isFinite(value)) return value === 0 ? 0 : value
  if (Array.isArray(value)) return Object.freeze(Array.from(value, frozenCopy))
  if (!isPlainObject(value)) throw notJson(value)
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value).sort()) {
    const member = value[key]
    if (member === undefined) continue
    if (key === '__proto__') Object.defineProperty(copy, key, { value: frozenCopy(member), enumerable: true })
    else copy[key] = frozenCopy(member)
  }
  return Object.freeze(copy)
}

/** Freezes JSON data all the way down, and returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}

/** Whether JSON data is nested at most so deep; bounds what recursion over it costs. */
export function isShallow(value: unknown, depthMax: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (depthMax === 0) return false
  if (Array.isArray(value)) return value.every((inner) => isShallow(inner, depthMax - 1))
  return Object.keys(value).every((key) => isShallow((value as Record<string, unknown>)[key], depthMax - 1))
}
