const CLASSES = `// What follows is not exported.
export {}

// Beside the language: console, timers and these web classes. Where TypeScript's library "dom" is loaded, its types stand.
type IsDom = typeof globalThis extends { onmessage: any } ? true : false
type Own<Type> = IsDom extends true ? {} : Type
type BodyPart = string | ArrayBuffer | ArrayBufferView | Blob
type BodySource = BodyPart | URLSearchParams | FormData | ReadableStream<Uint8Array> | null
type HeaderSource = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>>

declare class GuestConsole {
  log(...parts: unknown[]): void; info(...parts: unknown[]): void; debug(...parts: unknown[]): void
  warn(...parts: unknown[]): void; error(...parts: unknown[]): void; trace(...parts: unknown[]): void
  dir(value?: unknown): void; dirxml(...parts: unknown[]): void; table(...parts: unknown[]): void
  assert(holds?: unknown, ...parts: unknown[]): void; clear(): void
  group(...parts: unknown[]): void; groupCollapsed(...parts: unknown[]): void; groupEnd(): void
  count(label?: string): void; countReset(label?: string): void
  time(label?: string): void; timeLog(label?: string, ...parts: unknown[]): void; timeEnd(label?: string): void
}
/** Virtual: it stands still while code runs. */
declare class GuestPerformance { now(): number; readonly timeOrigin: number }
/** Random numbers are virtual and no secrets. */
declare class GuestCrypto {
  getRandomValues<Data extends ArrayBufferView>(data: Data): Data
  randomUUID(): string
  readonly subtle: { digest(algorithm: string | { name: string }, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer> }
}
declare class GuestDOMException extends Error { constructor(message?: string, name?: string); readonly code: number }
declare class GuestEvent {
  constructor(type: string, init?: { bubbles?: boolean; cancelable?: boolean })
  readonly type: string; readonly target: EventTarget | null; readonly defaultPrevented: boolean; preventDefault(): void
}
declare class GuestEventTarget {
  addEventListener(type: string, listener: ((event: Event) => void) | null, options?: boolean | { once?: boolean }): void
  removeEventListener(type: string, listener: ((event: Event) => void) | null): void
  dispatchEvent(event: Event): boolean
}
declare class GuestAbortSignal extends GuestEventTarget {
  static abort(reason?: unknown): AbortSignal; static timeout(ms: number): AbortSignal
  static any(signals: Iterable<AbortSignal>): AbortSignal
  readonly aborted: boolean; readonly reason: any; onabort: ((event: Event) => void) | null; throwIfAborted(): void
}
declare class GuestAbortController { readonly signal: AbortSignal; abort(reason?: unknown): void }
declare class GuestBlob {
  constructor(parts?: Iterable<BodyPart>, options?: { type?: string })
  readonly size: number; readonly type: string; slice(from?: number, to?: number, type?: string): Blob
  text(): Promise<string>; bytes(): Promise<Uint8Array>; arrayBuffer(): Promise<ArrayBuffer>; stream(): ReadableStream<Uint8Array>
}
declare class GuestFile extends GuestBlob {
  constructor(parts: Iterable<BodyPart>, name: string, options?: { type?: string; lastModified?: number })
  readonly name: string; readonly lastModified: number
}
declare class GuestFormData {
  append(name: string, value: string | Blob, fileName?: string): void; set(name: string, value: string | Blob, fileName?: string): void
  get(name: string): string | File | null; getAll(name: string): (string | File)[]; has(name: string): boolean; delete(name: string): void
  forEach(visit: (value: string | File, name: string, form: FormData) => void): void
  entries(): Generator<[string, string | File]>; keys(): Generator<string>; values(): Generator<string | File>
  [Symbol.iterator](): Generator<[string, string | File]>
}
declare class GuestHeaders {
  constructor(init?: HeaderSource)
  append(name: string, value: string): void; set(name: string, value: string): void; get(name: string): string | null
  has(name: string): boolean; delete(name: string): void; getSetCookie(): string[]
  forEach(visit: (value: string, name: string, headers: Headers) => void): void
  entries(): Generator<[string, string]>; keys(): Generator<string>; values(): Generator<string>
  [Symbol.iterator](): Generator<[string, string]>
}
declare class GuestBody {
  readonly body: ReadableStream<Uint8Array> | null; readonly bodyUsed: boolean
  text(): Promise<string>; json(): Promise<any>; bytes(): Promise<Uint8Array>; arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>; formData(): Promise<FormData>
}
type GuestRequestInit = {
  method?: string; headers?: HeaderSource; body?: BodySource; redirect?: 'follow' | 'manual' | 'error'; signal?: AbortSignal | null
}
declare class GuestRequest extends GuestBody {
  constructor(input: string | URL | Request, init?: RequestInit)
  readonly method: string; readonly url: string; readonly redirect: string; readonly headers: Headers
  readonly signal: AbortSignal; clone(): Request
}
declare class GuestResponse extends GuestBody {
  constructor(body?: BodySource, init?: { status?: number; statusText?: string; headers?: HeaderSource })
  static json(data: unknown, init?: { status?: number; statusText?: string; headers?: HeaderSource }): Response
  static error(): Response; static redirect(url: string | URL, status?: number): Response
  readonly status: number; readonly ok: boolean; readonly statusText: string; readonly headers: Headers
  readonly url: string; readonly redirected: boolean; readonly type: string; clone(): Response
}
declare class GuestURLSearchParams {
  constructor(init?: string | Readonly<Record<string, string>> | Iterable<readonly [string, string]>)
  append(name: string, value: string): void; set(name: string, value: string): void; get(name: string): string | null
  getAll(name: string): string[]; has(name: string, value?: string): boolean; delete(name: string, value?: string): void
  sort(): void; readonly size: number; forEach(visit: (value: string, name: string, params: URLSearchParams) => void): void
  entries(): IterableIterator<[string, string]>; keys(): IterableIterator<string>; values(): IterableIterator<string>
  [Symbol.iterator](): IterableIterator<[string, string]>; toString(): string
}
declare class GuestURL {
  constructor(url: string | URL, base?: string | URL)
  static canParse(url: string | URL, base?: string | URL): boolean; static parse(url: string | URL, base?: string | URL): URL | null
  href: string; readonly origin: string; protocol: string; username: string; password: string; host: string; hostname: string
  port: string; pathname: string; search: string; readonly searchParams: URLSearchParams; hash: string
  toString(): string; toJSON(): string
}
declare class GuestTextEncoder { readonly encoding: string; encode(text?: string): Uint8Array; encodeInto(text: string, into: Uint8Array): { read: number; written: number } }
declare class GuestTextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  readonly encoding: string; readonly fatal: boolean; readonly ignoreBOM: boolean
  decode(data?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string
}
declare class GuestTextEncoderStream { readonly encoding: string; readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<string> }
declare class GuestTextDecoderStream {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  readonly encoding: string; readonly readable: ReadableStream<string>; readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>
}
type Strategy<Chunk> = { highWaterMark?: number; size?: (chunk: Chunk) => number }
type Pair<In, Out> = { readonly readable: ReadableStream<Out>; readonly writable: WritableStream<In> }
type ReadableControl<Chunk> = { readonly desiredSize: number | null; enqueue(chunk: Chunk): void; close(): void; error(reason?: unknown): void }
type TransformControl<Chunk> = { readonly desiredSize: number | null; enqueue(chunk: Chunk): void; terminate(): void; error(reason?: unknown): void }
type Later = void | PromiseLike<void>
declare class GuestReadableStream<Chunk = any> {
  constructor(source?: { start?(control: ReadableControl<Chunk>): Later; pull?(control: ReadableControl<Chunk>): Later; cancel?(reason?: unknown): Later }, strategy?: Strategy<Chunk>)
  readonly locked: boolean; cancel(reason?: unknown): Promise<void>; getReader(): ReadableStreamDefaultReader<Chunk>
  pipeThrough<Out>(pair: Pair<Chunk, Out>): ReadableStream<Out>; pipeTo(to: WritableStream<Chunk>, options?: { signal?: AbortSignal; preventClose?: boolean }): Promise<void>
  tee(): [ReadableStream<Chunk>, ReadableStream<Chunk>]; values(options?: { preventCancel?: boolean }): AsyncIterableIterator<Chunk>
  [Symbol.asyncIterator](options?: { preventCancel?: boolean }): AsyncIterableIterator<Chunk>
}
declare class GuestReadableStreamDefaultReader<Chunk = any> {
  constructor(stream: ReadableStream<Chunk>)
  readonly closed: Promise<void>; cancel(reason?: unknown): Promise<void>; releaseLock(): void
  read(): Promise<{ done: false; value: Chunk } | { done: true; value: Chunk | undefined }>
}
declare class GuestWritableStream<Chunk = any> {
  constructor(sink?: { start?(): Later; write?(chunk: Chunk): Later; close?(): Later; abort?(reason?: unknown): Later }, strategy?: Strategy<Chunk>)
  readonly locked: boolean; abort(reason?: unknown): Promise<void>; close(): Promise<void>; getWriter(): WritableStreamDefaultWriter<Chunk>
}
declare class GuestWritableStreamDefaultWriter<Chunk = any> {
  constructor(stream: WritableStream<Chunk>)
  readonly closed: Promise<void>; readonly ready: Promise<void>; readonly desiredSize: number | null
  write(chunk?: Chunk): Promise<void>; close(): Promise<void>; abort(reason?: unknown): Promise<void>; releaseLock(): void
}
declare class GuestTransformStream<In = any, Out = any> {
  constructor(transformer?: { start?(control: TransformControl<Out>): Later; transform?(chunk: In, control: TransformControl<Out>): Later; flush?(control: TransformControl<Out>): Later })
  readonly readable: ReadableStream<Out>; readonly writable: WritableStream<In>
}
declare class GuestQueuingStrategy { constructor(init: { highWaterMark: number }); readonly highWaterMark: number; readonly size: (chunk: any) => number }`

/** Classes by their name, with the parameters of their type. */
const NAMES: Readonly<Record<string, string>> = {
  DOMException: '',
  Event: '',
  EventTarget: '',
  AbortSignal: '',
  AbortController: '',
  Blob: '',
  File: '',
  FormData: '',
  Headers: '',
  Request: '',
  Response: '',
  URL: '',
  URLSearchParams: '',
  TextEncoder: '',
  TextDecoder: '',
  TextEncoderStream: '',
  TextDecoderStream: '',
  ReadableStream: '<R = any>',
  ReadableStreamDefaultReader: '<R = any>',
  WritableStream: '<W = any>',
  WritableStreamDefaultWriter: '<W = any>',
  TransformStream: '<I = any, O = any>',
  ByteLengthQueuingStrategy: '',
  CountQueuingStrategy: '',
}

const own = (name: string): string => `Guest${name.replace(/^(?:ByteLength|Count)/u, '')}`
const known = (name: string, type: string): string =>
  `typeof globalThis extends { onmessage: any; ${name}: infer Type } ? Type : ${type}`

const globalClass = ([name, parameters]: readonly [string, string]): string =>
  `  interface ${name}${parameters} extends Own<${own(name)}${parameters.replaceAll(' = any', '')}> {}
  var ${name}: ${known(name, `typeof ${own(name)}`)}`

const GLOBALS = `declare global {
${Object.entries(NAMES).map(globalClass).join('\n')}
  interface RequestInit extends Own<GuestRequestInit> {}
  var console: ${known('console', 'GuestConsole')}
  var performance: ${known('performance', 'GuestPerformance')}
  var crypto: ${known('crypto', 'GuestCrypto')}
  function atob(data: string): string
  function btoa(data: string): string
  function structuredClone<Value>(value: Value): Value
  function queueMicrotask(work: () => void): void
  function setTimeout<Arguments extends unknown[]>(work: (...args: Arguments) => void, ms?: number, ...args: Arguments): number
  function setInterval<Arguments extends unknown[]>(work: (...args: Arguments) => void, ms?: number, ...args: Arguments): number
  function clearTimeout(timer: number | undefined): void
  function clearInterval(timer: number | undefined): void
}`

/**
 * What is there beside the language and the capabilities, in TypeScript: console, timers and the web classes, as far as the guest
 * has them. Where the library `dom` is loaded, its own declarations stand instead, so the two do not meet.
 */
export const WEB_DECLARATION = `${CLASSES}\n\n${GLOBALS}`
