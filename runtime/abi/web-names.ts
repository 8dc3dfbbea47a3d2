/** Where the script of the web classes leaves what it exports, until the kernel has taken it, before any guest code. */
export const WEB_GLOBAL = 'tollgateWeb'

/** The global names of the web classes, by the part of runtime/web that makes them. */
export const WEB_PARTS = Object.freeze({
  base: Object.freeze(['atob', 'btoa', 'crypto', 'structuredClone', 'DOMException']),
  encoding: Object.freeze(['TextEncoder', 'TextDecoder', 'TextEncoderStream', 'TextDecoderStream']),
  events: Object.freeze(['AbortController', 'AbortSignal', 'Event', 'EventTarget']),
  fetch: Object.freeze(['fetch', 'Request', 'Response', 'Headers', 'FormData', 'Blob', 'File']),
  streams: Object.freeze([
    'ReadableStream',
    'ReadableStreamDefaultReader',
    'WritableStream',
    'WritableStreamDefaultWriter',
    'TransformStream',
    'ByteLengthQueuingStrategy',
    'CountQueuingStrategy',
  ]),
  url: Object.freeze(['URL', 'URLSearchParams']),
} as const)
export type WebPart = keyof typeof WEB_PARTS
