/** A map that nobody can change: Object.freeze does not stop Map.prototype.set, so the map itself stays out of reach. */
export function frozenMap<K, V>(entries: Iterable<readonly [K, V]>): ReadonlyMap<K, V> {
  const map = new Map(entries)
  const view: ReadonlyMap<K, V> = {
    get size() {
      return map.size
    },
    get: (key) => map.get(key),
    has: (key) => map.has(key),
    keys: () => map.keys(),
    values: () => map.values(),
    entries: () => map.entries(),
    [Symbol.iterator]: () => map.entries(),
    forEach: (visit, self) => {
      for (const [key, value] of map) visit.call(self, value, key, view)
    },
  }
  return Object.freeze(view)
}
