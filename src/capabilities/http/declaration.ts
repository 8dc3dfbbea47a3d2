import type { Declaration, DeclaredMember } from '../capability.ts'
import type { HttpEntry } from './entry.ts'
import { entrySentence, limitSentences } from './explain.ts'
import { isBodiless, METHODS, type Method } from './ops.ts'
import type { HttpSettings } from './settings.ts'

/** More hosts than these are told in words only. */
const HOSTS_MAX = 40

const ANSWER = `/** In the manner of a fetch Response, whole. */
export interface HttpAnswer {
  readonly url: string
  readonly status: number
  readonly statusText: string
  readonly ok: boolean
  readonly redirected: boolean
  readonly headers: { get(name: string): string | null; has(name: string): boolean; entries(): [string, string][] }
  text(): Promise<string>
  json(): Promise<any>
  bytes(): Promise<Uint8Array>
}`

const SITE =
  'export type HttpSite<Origin extends string> = Origin | `${Origin}/${string}` | `${Origin}?${string}`'

const BODY = `/** Text and bytes as they are; other data as JSON. */
export type HttpBody = string | number | boolean | null | object`

const optionsType = ({
  timeoutMs,
}: HttpSettings): string => `export interface HttpOptions extends CallOptions {
  headers?: Readonly<Record<string, string>>
  redirect?: 'follow' | 'manual' | 'error'
  /** Shorter than ${timeoutMs}. */
  timeoutMs?: number
}`

const GLOBAL_FETCH: DeclaredMember = {
  says: ['Another way to write http.request: judged, counted and refused alike.'],
  code: 'function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>',
}

/** `http` in TypeScript: the methods that some entry lets through, each with the hosts that it may go to. */
export function declareHttp(entries: readonly HttpEntry[], settings: HttpSettings): Declaration | undefined {
  const open = entries.filter(({ paths }) => paths?.length !== 0)
  const methods = METHODS.filter((method) => open.some((entry) => entry.methods.includes(method)))
  if (methods.length === 0) return undefined
  return {
    name: 'http',
    says: [
      ...open
        .filter((entry) => entry.methods.length > 0)
        .map((entry) => entrySentence(entry, 'a credential')),
      ...limitSentences(settings),
    ],
    members: [...methods.flatMap(verbOf), requestOf(methods), ONLY],
    types: [
      urlsType(open, methods),
      SITE,
      optionsType(settings),
      ...(methods.every(isBodiless) ? [] : [BODY]),
      ANSWER,
    ],
    globals: [GLOBAL_FETCH],
  }
}

const ONLY: DeclaredMember = {
  code: 'only(caveats?: Caveats & { domain?: string | readonly string[]; path?: string | readonly string[]; methods?: readonly (keyof HttpUrls)[] }): Weaker<Http>',
}

function verbOf(method: Method): readonly DeclaredMember[] {
  // There is no http.options.
  if (method === 'OPTIONS') return []
  const body = isBodiless(method) ? '' : ' body?: HttpBody,'
  const code = `${method.toLowerCase()}<const Url extends string>(url: Fits<Url, HttpUrls['${method}']>,${body} options?: HttpOptions): Promise<HttpAnswer>`
  return [{ code }]
}

const requestOf = (methods: readonly Method[]): DeclaredMember => {
  const hasGet = methods.includes('GET')
  const type = `Method extends keyof HttpUrls${hasGet ? " = 'GET'" : ''}`
  const body = methods.every(isBodiless) ? '' : '; body?: HttpBody'
  const asked = `{ method${hasGet ? '?' : ''}: Method; url: Fits<Url, HttpUrls[Method]>${body} }`
  return {
    code: `request<const Url extends string, ${type}>(asked: HttpOptions & ${asked}): Promise<HttpAnswer>`,
  }
}

function urlsType(entries: readonly HttpEntry[], methods: readonly Method[]): string {
  const written = new Map<string, Method>()
  const rows = methods.map((method) => {
    const urls = urlsOf(entries.filter((entry) => entry.methods.includes(method)))
    const same = written.get(urls)
    written.set(urls, same ?? method)
    return `  ${method}: ${same === undefined ? urls : `HttpUrls['${same}']`}`
  })
  return `/** Where each method may go. */\nexport interface HttpUrls {\n${rows.join('\n')}\n}`
}

/** Hosts of a policy are canonical, so that nothing in them ends a literal. */
function urlsOf(entries: readonly HttpEntry[]): string {
  const origins = new Set(
    entries.map(({ pattern: { scheme, text } }) => {
      const place = scheme === 'https' ? `https://${text}` : text
      return place.replace('*.', '${string}.')
    }),
  )
  if (origins.size > HOSTS_MAX) return 'string'
  return `HttpSite<${[...origins].map((origin) => `\`${origin}\``).join(' | ')}>`
}
