import { WEB_PARTS } from './abi/web-names.ts'

/**
 * Every global that the guest may see, by name. What is not listed is deleted before guest code runs, so an intrinsic that a
 * newer engine adds stays out until somebody has judged it.
 */
export const PERMITTED_GLOBALS: readonly string[] = [
  // Values and functions of the language.
  ['globalThis', 'Infinity', 'NaN', 'undefined', 'isFinite', 'isNaN', 'parseFloat', 'parseInt'],
  ['decodeURI', 'decodeURIComponent', 'encodeURI', 'encodeURIComponent', 'escape', 'unescape'],
  // Classes. Function, ArrayBuffer and Date are the kernel's own editions; eval only throws.
  ['Object', 'Function', 'Array', 'Number', 'Boolean', 'String', 'Symbol', 'BigInt', 'Date', 'Promise'],
  ['RegExp', 'Proxy', 'eval', 'Map', 'Set', 'WeakMap', 'WeakSet', 'Iterator'],
  ['DisposableStack', 'AsyncDisposableStack'],
  ['Error', 'AggregateError', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError'],
  ['URIError', 'SuppressedError'],
  ['ArrayBuffer', 'DataView', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array'],
  ['Int32Array', 'Uint32Array', 'BigInt64Array', 'BigUint64Array'],
  ['Float16Array', 'Float32Array', 'Float64Array'],
  // Namespaces. Temporal.Now, Math.random and the default date of Intl are virtual.
  ['Math', 'JSON', 'Reflect', 'Intl', 'Temporal'],
  // The kernel's own.
  ['console', 'performance', 'queueMicrotask'],
  ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'],
].flat()

/** Globals that come later, for a tool whose text names them: the web classes. None of them is native. */
export const PERMITTED_WEB: readonly string[] = Object.values(WEB_PARTS).flat()

/**
 * The same for the members of Intl. Missing on purpose: Segmenter and v8BreakIterator, whose memory the engine counts for
 * nobody.
 */
export const PERMITTED_INTL: readonly PropertyKey[] = [
  ['getCanonicalLocales', 'supportedValuesOf', 'Collator', 'DateTimeFormat', 'DisplayNames'],
  ['DurationFormat', 'ListFormat', 'Locale', 'NumberFormat', 'PluralRules', 'RelativeTimeFormat'],
  [Symbol.toStringTag],
].flat()
