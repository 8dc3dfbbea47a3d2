import { decodeBase64, decodeUtf8, encodeUtf8 } from '../kernel/encoding.ts'
import {
  ArrayIsArray,
  define,
  isObject,
  JSONParse,
  ObjectCreate,
  ObjectFreeze,
  ObjectKeys,
  PromiseClass,
  StringPrototypeToLowerCase,
} from '../kernel/primordials.ts'

/** The answer of `http.request` as it crosses. */
export type HttpWire = {
  readonly url: string
  readonly status: number
  readonly statusText: string
  readonly redirected: boolean
  readonly headers: readonly (readonly [string, string])[]
  readonly body: { readonly text?: string; readonly base64?: string }
}

/** Names in lower case; values of a name that came several times, joined as RFC 9110, section 5.3 says. */
const gatherHeaders = (pairs: HttpWire['headers']): Record<string, string> => {
  const held = ObjectCreate(null) as Record<string, string>
  for (let i = 0; i < pairs.length; i += 1) {
    const pair = pairs[i] as readonly [string, string]
    const name = StringPrototypeToLowerCase(pair[0])
    const before = held[name]
    define(held, name, before === undefined ? pair[1] : `${before}, ${pair[1]}`, true)
  }
  return held
}

const makeHeaders = (pairs: HttpWire['headers']): object => {
  const held = gatherHeaders(pairs)
  const keyOf = (name: unknown): string => (typeof name === 'string' ? StringPrototypeToLowerCase(name) : '')
  const headers = {
    __proto__: null,
    get: ObjectFreeze((name: unknown): string | null => held[keyOf(name)] ?? null),
    has: ObjectFreeze((name: unknown): boolean => held[keyOf(name)] !== undefined),
    /** A new array of [name, value] pairs each time. */
    entries: ObjectFreeze((): [string, string][] => {
      const names = ObjectKeys(held)
      const list: [string, string][] = []
      for (let i = 0; i < names.length; i += 1) {
        const name = names[i] as string
        define(list, i, [name, held[name] as string], true)
      }
      return list
    }),
  }
  return ObjectFreeze(headers)
}

/** The body as text and as bytes. Text is made once; bytes are new each time, because the guest may change them. */
const makeBody = ({ text: given, base64 }: HttpWire['body']) => {
  let text = given
  const readBytes = (): Uint8Array =>
    given === undefined ? (decodeBase64(base64 ?? '') ?? encodeUtf8('')) : encodeUtf8(given)
  const readText = (): string => (text ??= decodeUtf8(readBytes()))
  return { readText, readBytes }
}

const settled = <Value>(read: () => Value): Promise<Value> => new PromiseClass((resolve) => resolve(read()))

/** What the guest receives for the wire answer of `http.request`: frozen, in the manner of a fetch Response. */
export const makeAnswer = (result: unknown): unknown => {
  if (!isObject(result)) return result
  const { url, status, statusText, redirected, headers, body } = result as HttpWire
  const { readText, readBytes } = makeBody({ __proto__: null, ...body } as HttpWire['body'])
  const answer = {
    url,
    status,
    statusText,
    ok: status >= 200 && status <= 299,
    redirected,
    headers: makeHeaders(ArrayIsArray(headers) ? headers : []),
    text: ObjectFreeze(() => settled(readText)),
    json: ObjectFreeze(() => settled(() => JSONParse(readText()) as unknown)),
    bytes: ObjectFreeze(() => settled(readBytes)),
  }
  return ObjectFreeze(answer)
}
