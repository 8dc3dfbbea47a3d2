/** The prototypes of the host's own realm, which nothing that a guest or a cage sends may change. */
const PROTOTYPES: readonly object[] = [
  Object.prototype,
  Array.prototype,
  String.prototype,
  Function.prototype,
  Promise.prototype,
  Error.prototype,
]
const KEYS = PROTOTYPES.map((one) => new Set(Reflect.ownKeys(one)))

/** Throws when a prototype has got a property that it did not have, and takes it away again: whoever reports it needs a whole realm. */
export const mustBeUntouched = (): void => {
  const added = PROTOTYPES.flatMap((one, at) =>
    Reflect.ownKeys(one).filter((key) => KEYS[at]?.has(key) === false && Reflect.deleteProperty(one, key)),
  )
  if (added.length > 0)
    throw new Error(`a prototype of the host was changed: ${added.map(String).join(', ')}`)
}
