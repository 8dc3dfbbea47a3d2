/** Values as guest code writes them, each with its meaning as plain data. */
import fc from 'fast-check'
import { JSON_DEPTH_MAX } from '../../runtime/abi/crossing.ts'
import { anyText } from './wire.ts'

/** A value: the expression that makes it, and the JSON that it means; undefined when it must not cross. */
export type GuestValue = {
  readonly source: string
  readonly json: string | undefined
  /** Arrays and objects inside each other. */
  readonly depth: number
  /** It is `undefined`: left out of objects, null elsewhere. */
  readonly isAbsent?: boolean
}

const plain = (source: string, json: string, depth = 0): GuestValue => ({ source, json, depth })
const stranger = (source: string): GuestValue => ({ source, json: undefined, depth: 0 })

/** The JSON of a value that stands alone, with the bound on depth. */
export const jsonOf = ({ json, depth }: GuestValue): string | undefined =>
  depth > JSON_DEPTH_MAX ? undefined : json

const numbers = fc
  .oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer(),
    fc.constantFrom(-0, 1e21, 5e-324, 2 ** 53),
  )
  .map((one) => plain(Object.is(one, -0) ? '-0' : String(one), JSON.stringify(one)))
const texts = fc
  .oneof(
    { weight: 8, arbitrary: anyText() },
    { weight: 1, arbitrary: fc.nat({ max: 20_000 }).map((size) => '\u2028'.repeat(size)) },
  )
  .map((one) => plain(JSON.stringify(one), JSON.stringify(one)))
const words = fc.constantFrom(
  plain('null', 'null'),
  plain('true', 'true'),
  plain('false', 'false'),
  { ...plain('undefined', 'null'), isAbsent: true },
  plain('void 0 ?? 7', '7'),
)

/** Nothing of this may cross, wherever it stands. */
const strangers = fc
  .constantFrom(
    'NaN',
    '-Infinity',
    '10n',
    'Symbol("s")',
    'Symbol.iterator',
    '(() => 1)',
    '(class {})',
    'async function* f() {}',
    'new Map([[1, 2]])',
    'new Set([1])',
    'new Date(0)',
    '/x/g',
    'new (class A { a = 1 })()',
    'new Uint8Array(3)',
    'new DataView(new ArrayBuffer(8))',
    'new ArrayBuffer(8)',
    'new Error("e")',
    'new WeakMap()',
    'Object(1)',
    'Object("s")',
    'Object(1n)',
    'Object.create({ a: 1 })',
    'Object.create(Array.prototype)',
    'new Proxy(() => 1, {})',
    'new Proxy({}, { ownKeys() { throw 1 } })',
    'new Proxy({ a: 1 }, { get() { throw new Error("no") } })',
    'new Proxy({}, { getPrototypeOf() { throw undefined } })',
    '(({ prototype }) => new Proxy({}, { getPrototypeOf: () => prototype }))(Map)',
    'new Proxy([1], { get() { throw null } })',
    '(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy })()',
    '(() => { const { proxy, revoke } = Proxy.revocable([], {}); revoke(); return proxy })()',
    '({ get a() { throw { toString() { throw 1 } } } })',
    '({ toJSON() { return 1 } })',
    '({ valueOf() { return 1 } })',
    '({ then() {} })',
    '(() => { const a = []; a.push(a); return a })()',
    '(() => { const a = {}; a.b = { a }; return a })()',
    '(() => { const a = {}; a.b = new Proxy({}, { get: () => a, ownKeys: () => ["x"], getOwnPropertyDescriptor: () => ({ __proto__: null, value: 1, enumerable: true, configurable: true }) }); return a })()',
    '({ get a() { return this } })',
    'globalThis',
    'console',
  )
  .map(stranger)

/** What looks odd and is plain data all the same, read once. */
const oddities = fc.constantFrom(
  plain('Math', '{}', 1),
  plain('JSON', '{}', 1),
  plain('(function () { return arguments })(1, "x")', '{"0":1,"1":"x"}', 1),
  plain('[, 1, , undefined]', '[null,1,null,null]', 1),
  plain('Object.assign([1, 2], { extra: 3, [Symbol("s")]: 4 })', '[1,2]', 1),
  plain('new (class extends Array {})(1, 2, 3)', '[1,2,3]', 1),
  plain('({ [Symbol("s")]: 1, a: 2 })', '{"a":2}', 1),
  plain('Object.defineProperty({ a: 1 }, "hidden", { value: 2 })', '{"a":1}', 1),
  plain('({ toJSON: 1 })', '{"toJSON":1}', 1),
  plain('({ __proto__: null, a: 1 })', '{"a":1}', 1),
  plain('({ ["__proto__"]: { a: 1 } })', '{"__proto__":{"a":1}}', 2),
  plain(
    'JSON.parse(\'{"__proto__":1,"constructor":{"prototype":2}}\')',
    '{"__proto__":1,"constructor":{"prototype":2}}',
    2,
  ),
  plain(
    '(() => { let n = 0; return { get a() { n += 1; return n }, get b() { return n } } })()',
    '{"a":1,"b":1}',
    1,
  ),
  plain('({ get a() { delete this.b; this.c = 3; return 1 }, b: 2 })', '{"a":1}', 1),
  plain(
    '(() => { const a = [1, 2, 3]; Object.defineProperty(a, 0, { get() { a.length = 1; return 9 } }); return a })()',
    '[9]',
    1,
  ),
  plain('new Proxy({ a: 1, b: 2 }, { __proto__: null, get: (_, key) => key })', '{"a":"a","b":"b"}', 1),
  plain(
    '(() => { let n = 0; return new Proxy({ a: 0 }, { __proto__: null, get: () => (n += 1) }) })()',
    '{"a":1}',
    1,
  ),
  plain('new Proxy([1, 2], { __proto__: null })', '[1,2]', 1),
  plain(
    '(({ prototype }) => new Proxy(new Map(), { __proto__: null, getPrototypeOf: () => prototype }))(Object)',
    '{}',
    1,
  ),
  plain(
    'new Proxy({}, { __proto__: null, ownKeys: () => ["x"], getOwnPropertyDescriptor: () => ({ __proto__: null, value: 1, enumerable: true, configurable: true }), get: () => 5 })',
    '{"x":5}',
    1,
  ),
  plain('Object.freeze({ a: Object.freeze([]) })', '{"a":[]}', 2),
  plain('(() => { const a = { x: 1 }; return [a, a] })()', '[{"x":1},{"x":1}]', 2),
  plain('import.meta', '{}', 1),
)

const deep = fc
  .tuple(fc.integer({ min: 1, max: 80 }), fc.boolean())
  .map(([levels, isArray]) =>
    isArray
      ? plain(
          `${'['.repeat(levels)}${']'.repeat(levels)}`,
          `${'['.repeat(levels)}${']'.repeat(levels)}`,
          levels,
        )
      : plain(
          `(${'{a:'.repeat(levels)}1${'}'.repeat(levels)})`,
          `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`,
          levels,
        ),
  )

const deepest = (members: readonly GuestValue[]): number =>
  1 + Math.max(0, ...members.map(({ depth }) => depth))

const arrayOf = (members: readonly GuestValue[]): GuestValue => {
  const parts = members.map(({ json }) => json)
  return {
    source: `[${members.map(({ source }) => `(${source})`).join(', ')}]`,
    json: parts.includes(undefined) ? undefined : `[${parts.join(',')}]`,
    depth: deepest(members),
  }
}

const objectOf = (entries: readonly (readonly [string, GuestValue])[]): GuestValue => {
  const members = new Map(entries)
  // The order of keys is JavaScript's own: whole numbers first.
  const names = Object.keys(Object.fromEntries(entries.map(([name]) => [name, 0])))
  const told = names.flatMap((name) => {
    const member = members.get(name)
    return member === undefined || member.isAbsent === true ? [] : [[name, member.json] as const]
  })
  return {
    source: `({ ${entries.map(([name, { source }]) => `[${JSON.stringify(name)}]: (${source})`).join(', ')} })`,
    json: told.some(([, json]) => json === undefined)
      ? undefined
      : `{${told.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`,
    depth: deepest([...members.values()]),
  }
}

const keyName = fc.oneof(
  fc.constantFrom(
    'a',
    'v',
    '0',
    '10',
    '2',
    '__proto__',
    'constructor',
    'then',
    'toJSON',
    'length',
    'idempotencyKey',
    '',
  ),
  anyText(8),
)

const wrapped = (inner: GuestValue, how: string): GuestValue => {
  if (inner.depth === 0) return inner
  if (how === 'proxy') return { ...inner, source: `new Proxy(${inner.source}, { __proto__: null })` }
  // A frozen target holds a Proxy to the truth, and a getter to its place.
  const mayFreeze = inner.source.startsWith('[(') || inner.source.startsWith('({ [')
  return {
    ...inner,
    source: how === 'frozen' && mayFreeze ? `Object.freeze(${inner.source})` : `(0, ${inner.source})`,
  }
}

/** Any value that guest code can make; most mean plain data. */
export const guestValue: fc.Arbitrary<GuestValue> = fc.letrec<{ value: GuestValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: words },
    { weight: 3, arbitrary: numbers },
    { weight: 4, arbitrary: texts },
    { weight: 2, arbitrary: strangers },
    { weight: 3, arbitrary: oddities },
    { weight: 1, arbitrary: deep },
    { weight: 4, arbitrary: fc.array(tie('value'), { maxLength: 4 }).map(arrayOf) },
    {
      weight: 5,
      arbitrary: fc
        .uniqueArray(fc.tuple(keyName, tie('value')), { maxLength: 4, selector: ([name]) => name })
        .map(objectOf),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('value'), fc.constantFrom('proxy', 'frozen', 'comma'))
        .map(([one, how]) => wrapped(one, how)),
    },
  ),
})).value
