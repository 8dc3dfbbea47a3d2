/** What a crawl found: the path of everything that can be reached by properties and prototypes. */
export type Crawled = {
  /** Functions of the engine, as path and name. */
  readonly natives: readonly string[]
  /** Functions that are JavaScript, as path. */
  readonly scripted: readonly string[]
  /** Objects, functions included. */
  readonly count: number
  /** Own keys of the global object. */
  readonly globals: readonly string[]
  /** Paths of functions that make functions from text. */
  readonly generators: readonly string[]
  /** Paths of objects whose chain of prototypes ends outside the realm. */
  readonly strangers: readonly string[]
}

/**
 * The source of a function `crawl(roots)`, to be run in any realm: from the global object and the given roots it follows every
 * own property, accessor and prototype, and what syntax alone gives (functions of each kind, iterators, errors, promises).
 * Accessors are called too, on their holder.
 */
export const CRAWL = String.raw`
const crawl = (roots) => {
  const seen = new Map()
  const queue = []
  const isThing = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'
  const visit = (value, path) => {
    if (!isThing(value) || seen.has(value)) return
    seen.set(value, path)
    queue.push(value)
  }
  visit(globalThis, 'globalThis')
  const text = Function.prototype.toString
  const syntax = {
    asyncFunction: async () => 1, generator: function* () {}, asyncGenerator: async function* () {},
    generated: (function* () {})(), asyncGenerated: (async function* () {})(),
    arrayIterator: [][Symbol.iterator](), mapIterator: new Map().entries(), setIterator: new Set().values(),
    stringIterator: ''[Symbol.iterator](), matches: 'a'.matchAll(/a/g), array: [1], error: new Error('x'),
    promise: Promise.resolve(1), regexp: /x/, date: new Date(0), bound: (function () {}).bind(null), proxied: new Proxy(function () {}, {}),
    args: (function () { return arguments })(1), typed: new Uint8Array(2), view: new DataView(new ArrayBuffer(2)), symbol: Object(Symbol('x')),
    bigint: Object(1n), lazy: [1].values().map((x) => x), tag: ((x) => x)${'`'}a${'`'}, classy: class A { static { this.made = new this() } },
  }
  for (const key of Object.keys(syntax)) visit(syntax[key], 'syntax.' + key)
  for (const key of Object.keys(roots)) visit(roots[key], key)
  while (queue.length > 0) {
    const holder = queue.pop()
    const path = seen.get(holder)
    let keys = []
    try { keys = Reflect.ownKeys(holder) } catch {}
    for (const key of keys) {
      const name = path + '.' + String(key)
      let descriptor
      try { descriptor = Reflect.getOwnPropertyDescriptor(holder, key) } catch {}
      if (descriptor === undefined) continue
      visit(descriptor.value, name)
      visit(descriptor.get, name + '[get]')
      visit(descriptor.set, name + '[set]')
      if (descriptor.get !== undefined) try { visit(holder[key], name + '()') } catch {}
    }
    visit(Reflect.getPrototypeOf(holder), path + '.[[Prototype]]')
  }
  const natives = [], scripted = [], generators = [], strangers = []
  for (const [value, path] of seen) {
    let top = value
    try { for (let up = top; up !== null; up = Reflect.getPrototypeOf(up)) top = up } catch { continue }
    if (top !== Object.prototype && Reflect.getPrototypeOf(top) === null && typeof top === 'object' && Reflect.ownKeys(top).includes('hasOwnProperty')) strangers.push(path)
    if (typeof value !== 'function') continue
    let source = ''
    try { source = text.call(value) } catch {}
    if (source.includes('[native code]')) natives.push(path + ' ' + String(value.name))
    else scripted.push(path)
    if (!/Function$/.test(value.name)) continue
    try { if (typeof value('return 1') === 'function') generators.push(path) } catch {}
  }
  return { natives, scripted, count: seen.size, globals: Reflect.ownKeys(globalThis).map(String), generators, strangers }
}
`
