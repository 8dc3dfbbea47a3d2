import { ReflectApply, ReflectGetOwnPropertyDescriptor } from '../kernel/primordials.ts'
import { Body, forkBody, payloadOf } from './body.ts'
import { AbortController, AbortSignal } from './events.ts'
import { Headers, wireHeaders } from './headers.ts'
import { URL } from './url.ts'

type Redirect = 'follow' | 'manual' | 'error'
type Init = {
  readonly method?: unknown
  readonly headers?: unknown
  readonly body?: unknown
  readonly redirect?: unknown
  readonly signal?: AbortSignal | null
}

const NORMAL = /^(delete|get|head|options|post|put)$/i
const FORBIDDEN = /^(connect|trace|track)$/i
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

const methodOf = (given: unknown): string => {
  const method = String(given)
  if (!TOKEN.test(method) || FORBIDDEN.test(method))
    throw new TypeError(`${method} is no method of a request`)
  return NORMAL.test(method) ? method.toUpperCase() : method
}
const redirectOf = (given: unknown): Redirect => {
  if (given === 'follow' || given === 'manual' || given === 'error') return given
  throw new TypeError(`${String(given)} is no way to treat redirects`)
}
const isSignal = (value: unknown): value is AbortSignal => value instanceof AbortSignal
/** The getter of the library's URL as it was before the guest could change it. */
const hrefGetter = ReflectGetOwnPropertyDescriptor(URL.prototype, 'href')?.get as () => unknown
const urlOf = (given: unknown): string => ReflectApply(hrefGetter, new URL(String(given)), []) as string

/** What a request is once it was read: plain facts. */
type Facts = {
  readonly method: string
  readonly url: string
  readonly redirect: Redirect
  readonly headers: Headers
  readonly signal: AbortSignal | undefined
}

/** A request that is to be sent (Fetch, section 5.3). Mode, credentials, cache and referrer mean nothing here. */
export class Request extends Body {
  readonly #facts: Facts
  #never: AbortSignal | undefined

  constructor(input: unknown, init: Init = {}) {
    const from = input instanceof Request ? input : undefined
    const base = from === undefined ? undefined : from.#facts
    const method = methodOf(init.method ?? base?.method ?? 'GET')
    const given = init.body
    const isBodiless = method === 'GET' || method === 'HEAD'
    if (isBodiless && given !== undefined && given !== null)
      throw new TypeError(`A request with method ${method} has no body`)
    const payload = given === undefined && from !== undefined ? forkBody(from) : payloadOf(given)
    super(payload)
    const { signal = base?.signal ?? null } = init
    if (signal !== null && !isSignal(signal)) throw new TypeError('signal is no AbortSignal')
    const headers = new Headers(init.headers ?? (base === undefined ? undefined : wireHeaders(base.headers)))
    if (payload.type !== undefined && !headers.has('content-type')) headers.set('content-type', payload.type)
    this.#facts = {
      method,
      url: base?.url ?? urlOf(input),
      redirect: redirectOf(init.redirect ?? base?.redirect ?? 'follow'),
      headers,
      signal: signal ?? undefined,
    }
  }

  get method(): string {
    return this.#facts.method
  }

  get url(): string {
    return this.#facts.url
  }

  get redirect(): string {
    return this.#facts.redirect
  }

  get headers(): Headers {
    return this.#facts.headers
  }

  /** One that never ends, where none was given. */
  get signal(): AbortSignal {
    return this.#facts.signal ?? (this.#never ??= new AbortController().signal)
  }

  clone(): Request {
    return new Request(this)
  }

  get [Symbol.toStringTag](): string {
    return 'Request'
  }

  /** For our own. */
  static read(this: void, request: Request): Facts {
    return request.#facts
  }
}

const { read } = Request
/** The facts of a request, whatever the guest has made of its getters. */
export const factsOf = (request: Request): Facts => read(request)
Reflect.deleteProperty(Request, 'read')
