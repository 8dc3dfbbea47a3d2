import { JSONStringify } from '../kernel/primordials.ts'
import { Body, forkBody, payloadOf } from './body.ts'
import { Headers, wireHeaders } from './headers.ts'

type Init = { readonly status?: unknown; readonly statusText?: string; readonly headers?: unknown }
type Origin = { readonly url: string; readonly redirected: boolean; readonly type: string }

/** Answers with these have no body (Fetch, section 2.2.3). */
const isNullBody = (status: number): boolean =>
  status === 101 || status === 103 || status === 204 || status === 205 || status === 304
const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308

/** An answer (Fetch, section 5.5). */
export class Response extends Body {
  #origin: Origin = { url: '', redirected: false, type: 'default' }
  #status: number
  readonly #statusText: string
  readonly #headers: Headers

  constructor(body?: unknown, init: Init = {}) {
    const status = Number(init.status ?? 200)
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new RangeError('The status of an answer is 200 to 599')
    if (body !== undefined && body !== null && isNullBody(status))
      throw new TypeError(`An answer with status ${status} has no body`)
    const payload = payloadOf(body)
    super(payload)
    this.#status = status
    this.#statusText = String(init.statusText ?? '')
    this.#headers = new Headers(init.headers instanceof Headers ? wireHeaders(init.headers) : init.headers)
    if (payload.type !== undefined && !this.#headers.has('content-type'))
      this.#headers.set('content-type', payload.type)
  }

  get status(): number {
    return this.#status
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299
  }

  get statusText(): string {
    return this.#statusText
  }

  get headers(): Headers {
    return this.#headers
  }

  get url(): string {
    return this.#origin.url
  }

  get redirected(): boolean {
    return this.#origin.redirected
  }

  get type(): string {
    return this.#origin.type
  }

  clone(): Response {
    const { source } = forkBody(this)
    const init = { status: this.#status, statusText: this.#statusText, headers: this.#headers }
    const copy = new Response(source, init)
    copy.#origin = this.#origin
    return copy
  }

  get [Symbol.toStringTag](): string {
    return 'Response'
  }

  static json(data: unknown, init: Init = {}): Response {
    const text = (JSONStringify as (value: unknown) => string | undefined)(data)
    if (text === undefined) throw new TypeError('The data has no JSON')
    const headers = new Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new Response(text, { ...init, headers })
  }

  static error(): Response {
    const failed = new Response()
    failed.#status = 0
    failed.#origin = { url: '', redirected: false, type: 'error' }
    return failed
  }

  static redirect(url: unknown, status: unknown = 302): Response {
    if (!isRedirect(Number(status)))
      throw new RangeError('The status of a redirect is 301, 302, 303, 307 or 308')
    return new Response(null, { status, headers: { location: String(url) } })
  }

  /** For our own: an answer that came from the host. */
  static received(this: void, body: unknown, init: Init, origin: Omit<Origin, 'type'>): Response {
    const isEmpty = isNullBody(Number(init.status))
    const response = new Response(isEmpty ? null : body, init)
    response.#origin = { ...origin, type: 'basic' }
    return response
  }
}

const { received } = Response
/** An answer that came from the host. */
export const receivedResponse: typeof received = (body, init, origin) => received(body, init, origin)
Reflect.deleteProperty(Response, 'received')
