import type { Asked, Door } from '../kernel/door.ts'
import { bytesOf, encodeBase64 } from '../kernel/encoding.ts'
import { makeGuestError } from '../kernel/errors.ts'
import { ARGUMENTS_SIZE_MAX } from '../abi/crossing.ts'
import { unpassableOf, writeJson } from '../kernel/passable.ts'
import {
  define,
  isObject,
  ObjectCreate,
  ObjectKeys,
  StringPrototypeToLowerCase,
} from '../kernel/primordials.ts'
import type { StubTree } from '../kernel/stub.ts'
import { makeAnswer } from './http-answer.ts'

/** The op of the host that all of this is sugar for; its arguments are fixed by the host's http capability. */
export const HTTP_OP = 'http.request'

type Named = Readonly<Record<string, unknown>>
type Body = { text: string } | { base64: string }

const JSON_TYPE = 'application/json'
const OPTIONS = ['headers', 'redirect', 'timeoutMs', 'idempotencyKey'] as const
const REQUEST_OPTIONS = [
  'method',
  'url',
  'body',
  'headers',
  'redirect',
  'timeoutMs',
  'idempotencyKey',
] as const

/**
 * The options that the caller wrote, and nothing that a prototype adds. What nobody would read is refused: a misspelt option
 * must not be mistaken for one that holds.
 */
const ownOptions = (given: unknown, known: readonly string[], caller: string): Named => {
  const options = ObjectCreate(null) as Named
  if (given === undefined || given === null) return options
  if (!isObject(given)) throw makeGuestError('GUEST_ARGUMENTS', `The options of ${caller} are no object`)
  const names = ObjectKeys(given)
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i] as string
    let isKnown = false
    for (let k = 0; k < known.length; k += 1) isKnown ||= known[k] === name
    if (!isKnown) throw makeGuestError('GUEST_ARGUMENTS', `${caller} has no option ${name}`)
    define(options, name, (given as Named)[name], true)
  }
  return options
}

const jsonOf = (value: unknown): string => {
  try {
    return writeJson(value, 'body', ARGUMENTS_SIZE_MAX)
  } catch (error) {
    const reason = unpassableOf(error)?.message ?? 'body threw when it was read'
    const hint = 'A body is a string, an ArrayBuffer, a typed array, or plain data, which is sent as JSON.'
    throw makeGuestError('GUEST_UNPASSABLE', `The request did not leave: ${reason}.`, hint)
  }
}

/** The headers as an object of their own; whether they are allowed is not for the guest to say. */
const copyHeaders = (given: unknown): Record<string, unknown> => {
  const headers = ObjectCreate(null) as Record<string, unknown>
  if (given === undefined || given === null) return headers
  if (!isObject(given)) throw makeGuestError('GUEST_ARGUMENTS', 'headers are no object of names and values')
  const names = ObjectKeys(given)
  for (let i = 0; i < names.length; i += 1)
    define(headers, names[i] as string, (given as Named)[names[i] as string], true)
  return headers
}

const hasHeader = (headers: object, wanted: string): boolean => {
  const names = ObjectKeys(headers)
  for (let i = 0; i < names.length; i += 1)
    if (StringPrototypeToLowerCase(names[i] ?? '') === wanted) return true
  return false
}

/** A body as it crosses, and the content type that it has unless the caller names one. */
const bodyOf = (given: unknown): { body: Body | undefined; type: string | undefined } => {
  if (given === undefined || given === null) return { body: undefined, type: undefined }
  if (typeof given === 'string') return { body: { text: given }, type: undefined }
  const bytes = bytesOf(given)
  if (bytes !== undefined) return { body: { base64: encodeBase64(bytes) }, type: undefined }
  return { body: { text: jsonOf(given) }, type: JSON_TYPE }
}

const ask = (method: unknown, url: unknown, given: unknown, options: Named): Asked => {
  const headers = copyHeaders(options.headers)
  const { body, type } = bodyOf(given)
  if (type !== undefined && !hasHeader(headers, 'content-type')) define(headers, 'content-type', type, true)
  const { redirect, timeoutMs, idempotencyKey } = options
  const args = { __proto__: null, method, url, headers, body, redirect, timeoutMs }
  return { args, options: { __proto__: null, idempotencyKey } }
}

/** The `http` object of the guest. */
export const sweetenHttp = (door: Door): StubTree => {
  const send = (asked: () => Asked): Promise<unknown> => door.call(HTTP_OP, asked, makeAnswer)
  const bodiless =
    (method: string, caller: string) =>
    (url: unknown, options?: unknown): Promise<unknown> =>
      send(() => ask(method, url, undefined, ownOptions(options, OPTIONS, caller)))
  const bodied =
    (method: string, caller: string) =>
    (url: unknown, body?: unknown, options?: unknown): Promise<unknown> =>
      send(() => ask(method, url, body, ownOptions(options, OPTIONS, caller)))
  const request = (given: unknown): Promise<unknown> =>
    send(() => {
      const options = ownOptions(given, REQUEST_OPTIONS, 'http.request')
      const { method, url, body } = options
      return ask(method, url, body, options)
    })
  const http = {
    __proto__: null,
    get: bodiless('GET', 'http.get'),
    head: bodiless('HEAD', 'http.head'),
    post: bodied('POST', 'http.post'),
    put: bodied('PUT', 'http.put'),
    patch: bodied('PATCH', 'http.patch'),
    delete: bodied('DELETE', 'http.delete'),
    request,
  }
  return http as unknown as StubTree
}
