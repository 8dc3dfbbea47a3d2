import * as z from 'zod'

/** The one op of this capability; `get`, `post` and the rest are sugar of the guest. */
export const HTTP_OP = 'http.request'

/** Methods that a policy can grant. CONNECT and TRACE are never sent. */
export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
export type Method = (typeof METHODS)[number]

/** Methods whose requests carry no body (RFC 9110, sections 9.3.1 and 9.3.2). */
export const isBodiless = (method: string): boolean => method === 'GET' || method === 'HEAD'

const body = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ base64: z.base64('must be base64 with padding') }),
])

/** Wire arguments of `http.request`. Whether they are allowed is not decided here. */
export const requestArguments = z.strictObject({
  method: z.string().min(1).max(32).default('GET'),
  url: z
    .string()
    .min(1)
    .max(64 * 1024),
  headers: z.record(z.string().max(256), z.string().max(16 * 1024)).optional(),
  body: body.optional(),
  /** `manual` hands the 3xx answer to the guest; `error` refuses to follow. */
  redirect: z.enum(['follow', 'manual', 'error']).default('follow'),
  /** Only ever shortens the timeout of the grant. */
  timeoutMs: z.int().min(1).max(600_000).optional(),
})

export type RequestArguments = z.output<typeof requestArguments>
export type RequestBody = z.output<typeof body>

/** What is judged, approved (by digest) and performed: one frozen object of JSON data. */
export type HttpRequest = {
  readonly method: Method
  /** Canonical: lower-case ASCII host, no userinfo, no fragment, no default port. */
  readonly url: string
  readonly scheme: 'https' | 'http'
  /** A host name in ASCII, an IPv4 address, or an IPv6 address in brackets. */
  readonly host: string
  readonly port: number
  /** Percent-encoded path, from the first slash. */
  readonly path: string
  /** `?name=value…`, or empty. */
  readonly query: string
  /** Lower-case names, sorted; what the guest set and the entry lets through. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: RequestBody | null
  readonly redirect: 'follow' | 'manual' | 'error'
  /** The shorter of the guest's wish and the grant's timeout. */
  readonly timeoutMs: number
  /** Position of the entry of allowed_domains that let it through. */
  readonly entry: number
}

/** What the guest receives. `{ text }` when the decoded bytes are text of their charset, else `{ base64 }`. */
export type HttpAnswer = {
  readonly url: string
  readonly status: number
  readonly statusText: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly redirected: boolean
  readonly body: RequestBody
}
