/** What a guest would love to change in the host. */
const HOLDERS: Readonly<Record<string, object>> = {
  Object,
  'Object.prototype': Object.prototype,
  'Array.prototype': Array.prototype,
  'Function.prototype': Function.prototype,
  'String.prototype': String.prototype,
  'Number.prototype': Number.prototype,
  'Promise.prototype': Promise.prototype,
  'Map.prototype': Map.prototype,
  'Error.prototype': Error.prototype,
  JSON,
  Reflect,
}

const shapeOf = (holder: object): ReadonlyMap<PropertyKey, unknown> =>
  new Map(
    Reflect.ownKeys(holder).map((key) => {
      const found = Reflect.getOwnPropertyDescriptor(holder, key)
      return [key, (found?.value as unknown) ?? found?.get]
    }),
  )

const differ = (before: ReadonlyMap<PropertyKey, unknown>, holder: object): boolean => {
  const after = shapeOf(holder)
  return after.size !== before.size || [...after].some(([key, value]) => before.get(key) !== value)
}

/** Remembers the built-ins of the host as they are; the returned function names those that have changed. */
export const rememberPrototypes = (): (() => readonly string[]) => {
  const before = Object.entries(HOLDERS).map(([name, holder]) => [name, holder, shapeOf(holder)] as const)
  return () => before.filter(([, holder, shape]) => differ(shape, holder)).map(([name]) => name)
}
