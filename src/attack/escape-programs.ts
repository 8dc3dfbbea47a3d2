/** Guest programs that look for a way out; what they find they use to call `tools.report`, so that the host sees it. */
import { WEB_GLOBAL, WEB_PARTS } from '../../runtime/abi/web-names.ts'

/** From syntax and capabilities up every prototype, to every constructor, to code from text that calls the host. */
export const WALK_CONSTRUCTORS = `export default async (input, { tools }) => {
globalThis.found = (got) => void tools.report({ got })
const text = 'globalThis.found("code made from text"); return typeof process'
const failure = await tools.note({ data: 1n }).catch((error) => error)
const starts = [() => 1, async () => 1, function* () {}, async function* () {}, (function () {}).bind(null), class {}, { m() {} }.m,
  Object.getOwnPropertyDescriptor({ get g() { return 1 } }, 'g').get, new Proxy(function () {}, {}), [], {}, /x/, new Date(0), new Error('x'),
  failure, Promise.resolve(1), (function* () {})(), [][Symbol.iterator](), new Map().entries(), new Uint8Array(1), Object(1n), Symbol.prototype,
  tools, tools.note, tools.report, console, console.log, setTimeout, queueMicrotask, Date, ArrayBuffer, Math, Math.random, JSON, Reflect, Intl,
  Intl.DateTimeFormat, performance, input, import.meta, globalThis, await tools.note({ data: ['a result'] })]
let tries = 0
const use = (maker) => {
  if (typeof maker !== 'function') return
  for (const make of [() => maker(text), () => new maker(text), () => Reflect.construct(maker, [text]), () => maker.apply(null, ['a', text])]) {
    tries += 1
    try {
      const made = make()
      if (typeof made === 'function') made()
    } catch {}
  }
}
for (const start of starts) {
  for (let at = start; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
    use(at.constructor)
    use(at.constructor?.constructor)
  }
}
try { (0, eval)(text) } catch {}
await tools.note({ data: tries > 300 })
return 'searched'
}`

/** The program in a realm with every web class: they come where the text names them. */
export const withWebClasses = (program: string): string =>
  `// ${Object.values(WEB_PARTS).flat().join(' ')}\n${program}`

/** Names that would be a door by themselves. */
export const NAME_THE_HOST = `
const names = ['process', 'require', 'module', 'exports', 'global', 'Buffer', 'WebSocket', 'Worker', 'Deno', 'Bun', 'navigator', '__dirname',
  '__filename', 'importScripts', 'setImmediate', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'WeakRef', 'FinalizationRegistry', 'ShadowRealm',
  'gc', 'd8', 'print', 'quit', 'load', 'ivm', 'tollgateKernel', '${WEB_GLOBAL}']
for (const name of names) if (globalThis[name] !== undefined) await tools.report({ got: name })
for (const name of Reflect.ownKeys(globalThis)) if (/kernel|door|send|native|isolate/i.test(String(name))) await tools.report({ got: String(name) })
await tools.note({ data: names.length })
return 'searched'`

/** Crawls everything in reach and listens at patched built-ins for functions of the kernel; each is used as if it were the door. */
export const SEARCH_THE_DOOR = `export default async (input, { tools }) => {
const text = Function.prototype.toString, apply = Reflect.apply, keysOf = Reflect.ownKeys, describe = Reflect.getOwnPropertyDescriptor, up = Reflect.getPrototypeOf
const seen = new Set(), queue = [globalThis, tools, input, import.meta], scripted = new Set()
const isThing = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'
const overheard = []
for (const [holder, key] of [[Function.prototype, 'call'], [Function.prototype, 'apply'], [Function.prototype, 'bind'], [Promise.prototype, 'then'],
  [Array.prototype, 'push'], [Array.prototype, Symbol.iterator], [String.prototype, 'slice'], [Object.prototype, 'valueOf']]) {
  const real = holder[key]
  holder[key] = function (...all) {
    overheard[overheard.length] = this
    for (let i = 0; i < all.length; i += 1) overheard[overheard.length] = all[i]
    return apply(real, this, all)
  }
}
const failures = [await tools.note({ data: () => 1 }).catch((error) => error), await tools.note(5).catch((error) => error)]
setTimeout(() => undefined, 0)
console.log({ a: [1] }, failures)
const caller = (function () { try { return arguments.callee.caller } catch { return undefined } })()
queue.push(...failures, caller, ...overheard.filter(isThing))
while (queue.length > 0) {
  const at = queue.pop()
  if (!isThing(at) || seen.has(at)) continue
  seen.add(at)
  try { queue.push(up(at)) } catch {}
  for (const key of keysOf(at)) {
    const found = describe(at, key)
    if (found !== undefined) queue.push(found.value, found.get, found.set)
  }
  if (typeof at === 'function' && !apply(text, at, []).includes('[native code]')) scripted.add(at)
}
let tries = 0
// What looks like the door first: another part of a kernel, used wrongly, may end the run.
const likely = (one) => /^(call|send)/.test(String(one.name))
for (const one of [...scripted].sort((a, b) => likely(b) - likely(a))) {
  const name = String(one.name)
  if (/^(setTimeout|setInterval|queueMicrotask)$/.test(name)) continue
  for (const all of [[1, 99, 'tools.report', '{"got":"the raw door"}', '', 0], ['tools.report', () => ({ args: { got: 'the door' } })], ['tools.report', { got: 'the door' }]]) {
    tries += 1
    try { apply(one, undefined, all) } catch {}
  }
}
await tools.note({ data: seen.size > 500 && tries > 20 })
return 'searched'
}`

/** Takes stacks every way there is and hands them to the host, which reads them. */
export const TAKE_STACKS = `
const stacks = []
const keep = (stack) => { stacks[stacks.length] = typeof stack === 'string' ? stack : 'not a text: ' + typeof stack }
Error.prepareStackTrace = (error, sites) => { keep(sites); for (const site of sites) { keep(site.getThis?.()); keep(site.getFunction?.()) } return sites }
class Own extends Error { static prepareStackTrace(error, sites) { keep(sites); return sites } }
Error.stackTraceLimit = 200
const holder = {}
Error.captureStackTrace(holder)
const dive = () => dive()
const caught = (work) => { try { work() } catch (error) { return error } }
const failures = [new Error('x'), new Own('y'), holder, await tools.note({ data: 1n }).catch((error) => error), await tools.note(7).catch((error) => error),
  await import('node:fs').catch((error) => error), caught(dive), caught(() => null.x), caught(() => JSON.parse('{')), caught(() => setTimeout(1))]
for (const failure of failures) keep(failure?.stack)
const trap = { get a() { keep(new Error('inside').stack); return 1 } }
await tools.note({ data: trap })
;[2, 1].sort(() => { keep(new Error('compare').stack); return 0 })
await tools.note({ data: stacks })
return 'searched'`

/** Every way to ask for a module at run time. */
export const IMPORT_AT_RUN_TIME = `export default async (input, { tools }) => {
const names = ['node:fs', 'fs', 'node:child_process', 'isolated-vm', 'kernel', 'tool', './tool.js', 'entry.js', 'file:///etc/passwd', 'data:text/javascript,export default 1',
  'blob:x', 'https://127.0.0.1/x.js', '/cage/main.mjs', '']
for (const name of names) {
  for (const options of [undefined, { with: { type: 'json' } }, { with: { type: 'wasm' } }]) {
    const got = await import(name, options).catch(() => undefined)
    if (got !== undefined) await tools.report({ got: 'the module ' + name })
  }
}
for (const key of Reflect.ownKeys(import.meta)) await tools.report({ got: 'import.meta.' + String(key) })
if (typeof import.meta.resolve === 'function') await tools.report({ got: 'import.meta.resolve' })
await tools.note({ data: names.length })
return 'searched'
}`

/** Sends one request and notes one thing, after the realm was poisoned or not. */
export const POISON_AND_SEND = `export default (poisons, { http, tools }) => {
  let hits = 0
  const { post, get } = http, { note } = tools, define = Object.defineProperty, describe = Object.getOwnPropertyDescriptor
  const keysOf = Reflect.ownKeys, up = Reflect.getPrototypeOf, apply = Reflect.apply, then = Promise.prototype.then
  const site = poisons.site, isOn = poisons.isOn
  const body = { a: [1, 'two', { b: null, 'content-type': 'x' }], c: 'ü\\ud800' }, options = { headers: { 'X-Check': 'yes' } }, argument = { data: body }
  const settle = {}
  const end = new Promise((resolve) => { settle.resolve = resolve })
  define(end, 'constructor', { __proto__: null, value: undefined })
  define(end, 'then', { __proto__: null, value: then })
  if (isOn) {
    const sabotage = function () { hits += 1; throw 'sabotaged' }
    const keep = new Set([globalThis, Object, Function]), seen = new Set(), queue = [globalThis, (async () => 1), (function* () {})(), [][Symbol.iterator](), new Map().entries()]
    const jobs = []
    while (queue.length > 0) {
      const at = queue.pop()
      if ((typeof at !== 'object' && typeof at !== 'function') || at === null || seen.has(at)) continue
      seen.add(at)
      queue.push(up(at))
      for (const key of keysOf(at)) {
        const found = describe(at, key)
        queue.push(found.value, found.get, found.set)
        if (found.configurable && (found.get !== undefined || typeof found.value === 'function')) jobs.push([at, key])
      }
    }
    const traps = ['toJSON', 'headers', 'method', 'url', 'body', 'redirect', 'timeoutMs', 'idempotencyKey', 'text', 'base64', 'get', 'set', 'value', 'writable', 'args', 'options', 'data', 'a', 'key', '0', '1', '2', 'length']
    const lie = { __proto__: null, configurable: true, get: sabotage, set: sabotage }
    const holders = [Array.prototype, String.prototype, Function.prototype, Object.prototype]
    for (let i = 0; i < jobs.length; i += 1) try { define(jobs[i][0], jobs[i][1], { __proto__: null, configurable: true, writable: true, value: sabotage }) } catch {}
    for (let k = 0; k < holders.length; k += 1) for (let i = 0; i < traps.length; i += 1) try { define(holders[k], traps[i], lie) } catch {}
  }
  const quiet = (promise) => define(promise, 'constructor', { __proto__: null, value: undefined })
  const follow = (promise, next) => { quiet(promise); apply(then, promise, [next, next]) }
  follow(note(argument), () => follow(post(site + '/poison', body, options), () => follow(get(site + '/poison?x=1'), () => settle.resolve('sent'))))
  return end
}`
