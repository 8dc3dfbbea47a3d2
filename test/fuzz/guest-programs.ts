/** Tools as an attacker writes them, each with what must come of it. */
import fc from 'fast-check'
import { guestValue, jsonOf, type GuestValue } from './guest-values.ts'

/** A tool, and what is certain to come of it. */
export type Program = {
  readonly code: string
  /** The arguments that must arrive, in order. */
  readonly arrives: readonly string[]
  /** Arguments that may arrive beside them: calls that race with the end. */
  readonly mayArrive: readonly string[]
  /** `any`: a documented code or a value, nobody knows which. */
  readonly ends: { readonly value: string } | { readonly code: string } | 'any'
}

/**
 * What a tool does to its own realm before anything else. `breaks`: the tool's own code stumbles over it afterwards, so that its
 * value is not foretold; what arrives is all the same.
 */
type Poison = { readonly source: string; readonly breaks?: true }

const evil = '() => "evil"'
const POISONS: readonly Poison[] = [
  ...['Object', 'Array', 'String', 'Number', 'Boolean'].map((name) => ({
    source: `${name}.prototype.toJSON = ${evil}`,
  })),
  { source: `JSON.stringify = ${evil}; JSON.parse = ${evil}` },
  { source: `Array.isArray = () => false` },
  { source: `Object.keys = Reflect.ownKeys = Object.getOwnPropertyNames = () => ["evil"]` },
  { source: `Object.getPrototypeOf = Reflect.getPrototypeOf = () => Object.prototype` },
  { source: `Number.isFinite = isFinite = () => true` },
  { source: `Object.hasOwn = Object.prototype.hasOwnProperty = () => false` },
  {
    source: `String.prototype.charCodeAt = () => 65; String.prototype.slice = String.prototype.indexOf = ${evil}`,
  },
  { source: `Function.prototype.call = Function.prototype.apply = Function.prototype.bind = ${evil}` },
  { source: `Reflect.apply = Reflect.construct = ${evil}` },
  { source: `Array.prototype[Symbol.iterator] = function* () { yield "evil" }` },
  { source: `Array.prototype.push = Array.prototype.join = Array.prototype.map = ${evil}` },
  { source: `Object.defineProperty(Array.prototype, 0, { get: ${evil}, set() {} })` },
  { source: `Object.defineProperty(Object.prototype, "idempotencyKey", { get: ${evil} })` },
  { source: `Object.prototype.then = function (resolve) { resolve("evil") }`, breaks: true },
  { source: `Promise.prototype.then = function (resolve) { resolve("evil"); return this }`, breaks: true },
  { source: `Object.defineProperty(Promise.prototype, "constructor", { get() { throw 1 } })`, breaks: true },
  { source: `Object.defineProperty(Promise, Symbol.species, { get() { throw 1 } })`, breaks: true },
  { source: `globalThis.Promise = globalThis.Array = globalThis.JSON = undefined` },
  { source: `delete globalThis.Object; delete globalThis.Reflect` },
  { source: `Object.setPrototypeOf(Array.prototype, null)` },
  {
    source: `Object.setPrototypeOf(Array.prototype, new Proxy({}, { __proto__: null, get: ${evil}, has: () => true }))`,
  },
  { source: `Object.prototype.get = Object.prototype.set = () => "evil"` },
  { source: `Object.prototype.value = Object.prototype.code = Object.prototype.message = "evil"` },
  {
    source: `Object.prototype.writable = Object.prototype.enumerable = Object.prototype.configurable = "evil"`,
  },
  { source: `Error.prepareStackTrace = () => { throw 1 }` },
  { source: `Error.prepareStackTrace = (_, frames) => frames` },
  { source: `Object.defineProperty(Error, "stackTraceLimit", { get() { throw 1 } })` },
  { source: `Error.stackTraceLimit = -1; Error.captureStackTrace = undefined` },
  {
    source: `Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(Promise.prototype)`,
  },
  { source: `Object.preventExtensions(globalThis)` },
  { source: `Symbol.prototype[Symbol.toPrimitive] = undefined; delete Object.prototype.toString` },
]

type Step = {
  /** `name` is a variable that holds the value of the step. */
  source(name: string): string
  readonly value?: GuestValue
  /** Arguments that arrive. */
  readonly sends?: string
  readonly maySend?: string
  /** JSON of what the step adds to the tool's findings. */
  readonly finds?: string
}

const REFUSED = '"GUEST_UNPASSABLE"'
const argumentsOf = (value: GuestValue): string | undefined =>
  value.isAbsent === true ? '{}' : jsonOf(value)

const awaited = guestValue.map((value): Step => {
  const json = argumentsOf(value)
  return {
    value,
    source: (name) =>
      `let found_${name}; try { found_${name} = await tools.take(${name}) } catch (error) { found_${name} = error.code }`,
    finds: json ?? REFUSED,
    ...(json !== undefined && { sends: json }),
  }
})
const unawaited = guestValue.map((value): Step => {
  const json = argumentsOf(value)
  return { value, source: (name) => `tools.take(${name})`, ...(json !== undefined && { sends: json }) }
})
const logged = guestValue.map((value): Step => ({
  value,
  source: (name) => `console.log(${name}, "%s", ${name})`,
}))
const caught = guestValue.map((value): Step => ({
  value,
  source: (name) => `try { throw ${name} } catch {}`,
}))
const odd: fc.Arbitrary<Step> = fc.oneof(
  fc
    .constantFrom(
      'await null',
      'await new OwnPromise((resolve) => setTimeout(resolve, 1))',
      'setTimeout(() => { throw new Error("late") }, 0)',
      'queueMicrotask(() => { throw 1 })',
      'void (async () => { throw new Error("unheard") })()',
      'clearTimeout(setInterval(() => undefined, 1))',
      'console.error(new Error("told")); console.table([[1]]); console.group(); console.assert(false)',
      'try { tools.take = 1 } catch {}',
      'try { await tools.take.call(null, Symbol()) } catch {}',
      'try { await tools.missing() } catch {}',
      'try { (function f() { f() })() } catch {}',
      'try { new tools.take({}) } catch {}',
    )
    .map((source): Step => ({ source: () => source })),
  fc
    .uuid()
    .map((id): Step => ({ source: () => `queueMicrotask(() => tools.take("${id}"))`, maySend: `"${id}"` })),
  fc
    .uuid()
    .map((id): Step => ({ source: () => `setTimeout(() => tools.take("${id}"), 1)`, maySend: `"${id}"` })),
)

type End = {
  source(name: string): string
  readonly value?: GuestValue
  ends(found: GuestValue): Program['ends']
}

const unpassable: Program['ends'] = { code: 'GUEST_UNPASSABLE' }
const endsWith = (value: GuestValue): Program['ends'] => {
  const json = jsonOf(value)
  return json === undefined ? unpassable : { value: json }
}
const inObject = (value: GuestValue): string | undefined =>
  jsonOf({ ...value, depth: value.depth + 1, json: value.isAbsent === true ? '' : value.json })

const returned = guestValue.map((value): End => {
  const json = inObject(value)
  const told = json === '' ? '{}' : `{"v":${json}}`
  return {
    value,
    source: (name) => `return { v: ${name} }`,
    ends: () => (json === undefined ? unpassable : { value: told }),
  }
})
const threw: Program['ends'] = { code: 'GUEST_THREW' }
const thrown = guestValue.map((value): End => ({
  value,
  source: (name) => `throw ${name}`,
  ends: () => threw,
}))
const end: fc.Arbitrary<End> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<End>({ source: () => 'return got', ends: endsWith }) },
  { weight: 6, arbitrary: returned },
  { weight: 4, arbitrary: thrown },
  {
    weight: 1,
    arbitrary: fc.constantFrom<End>(
      { source: () => 'throw Object.create(null)', ends: () => threw },
      {
        source: () => 'throw { get stack() { throw 1 }, get message() { throw 2 }, name: Symbol() }',
        ends: () => threw,
      },
      {
        source: () => 'throw new Proxy(new Error("e"), { get() { throw 1 }, has() { throw 1 } })',
        ends: () => threw,
      },
      {
        source: () =>
          'throw Object.assign(new Error("m"), { code: "DENIED_DOMAIN", gate: "authorize", name: 7 })',
        ends: () => threw,
      },
      { source: () => 'await tools.take(Symbol())', ends: () => threw },
      {
        source: () => 'return { then(resolve) { resolve(1); resolve(2); throw 3 } }',
        ends: () => ({ value: '1' }),
      },
      { source: () => 'return { then() { throw new Error("no") } }', ends: () => threw },
      {
        source: () => 'return { v: [1, 2, { toString: 3, valueOf: 4 }] }',
        ends: () => ({ value: '{"v":[1,2,{"toString":3,"valueOf":4}]}' }),
      },
    ),
  },
)

/** Says what the realm is like before the tool does anything to it; the same in every run. */
const FINGERPRINT = `console.log([globalThis, Object, Object.prototype, Array, Array.prototype, Promise, Promise.prototype, JSON,
  String.prototype, Function.prototype, Error, Reflect, Symbol].map((one) => Reflect.ownKeys(one).map(String).join()).join("|").length,
  Object.isFrozen(Object.prototype), JSON.stringify([{ toJSON: 1 }]), [].concat(Object.getPrototypeOf(Array.prototype) === Object.prototype))`

const compose = (poisons: readonly Poison[], steps: readonly Step[], last: End): Program => {
  const parts = [...steps, last]
  const finding = steps.filter(({ finds }) => finds !== undefined)
  const found: GuestValue = {
    source: 'got',
    json: `[${finding.map(({ finds }) => finds).join(',')}]`,
    // A refused value is found as its code.
    depth:
      1 + Math.max(0, ...finding.map(({ sends, value }) => (sends === undefined ? 0 : (value?.depth ?? 0)))),
  }
  const breaks = poisons.some((one) => one.breaks === true)
  return {
    code: [
      FINGERPRINT,
      'const OwnPromise = Promise',
      ...parts.map(({ value }, at) => `const v${at} = ${value?.source ?? 'undefined'}`),
      ...poisons.map(({ source }) => `try { ${source} } catch {}`),
      'export default async (_, { tools }) => {',
      ...steps.map((one, at) => `  ${one.source(`v${at}`)}`),
      // A literal asks no prototype, whatever was done to it.
      `  const got = [${steps.flatMap(({ finds }, at) => (finds === undefined ? [] : `found_v${at}`)).join(', ')}]`,
      `  ${last.source(`v${steps.length}`)}`,
      '}',
    ].join('\n'),
    arrives: steps.flatMap(({ sends }) => sends ?? []),
    mayArrive: steps.flatMap(({ maySend }) => maySend ?? []),
    ends: breaks ? 'any' : last.ends(found),
  }
}

/** Tools with a known outcome: odd values as arguments, values, logs and errors, in a realm that the tool itself has spoilt. */
export const program: fc.Arbitrary<Program> = fc
  .tuple(
    fc.oneof(
      { weight: 1, arbitrary: fc.constant<Poison[]>([]) },
      { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...POISONS), { maxLength: 3 }) },
    ),
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: awaited },
        { weight: 3, arbitrary: unawaited },
        { weight: 2, arbitrary: logged },
        { weight: 1, arbitrary: caught },
        { weight: 3, arbitrary: odd },
      ),
      { maxLength: 6 },
    ),
    end,
  )
  .map(([poisons, steps, last]) => compose(poisons, steps, last))

const TOKENS =
  `await async function class extends return throw try catch finally if else for while of in new delete typeof void yield let const
  var import export default from this super null true false undefined ( ) [ ] { } ; , . ... => ? : ?. ?? = += ** << >>> ! ~ + - * / % & | ^ < >
  == === 1 0x 1n 'a' "b" \`c\` \`\${ } /x/ # @ \\u0061 <!-- --> // /* */ tools take tools.take({}) input got globalThis Object Promise Symbol Proxy
  eval Function arguments console.log async*() new.target import.meta import('x') __proto__ constructor with debugger label: break continue`
    .split(/\s+/)
    .filter((token) => token !== '')

/** Tokens in no order. Most of it does not parse; what does must end as everything else does. */
export const soup: fc.Arbitrary<Program> = fc
  .tuple(fc.array(fc.constantFrom(...TOKENS), { maxLength: 12 }), fc.boolean())
  .map(([tokens, isModule]) => ({
    code: isModule ? `export default async (_, { tools }) => { ${tokens.join(' ')} }` : tokens.join(' '),
    arrives: [],
    mayArrive: ['{}'],
    ends: 'any',
  }))
