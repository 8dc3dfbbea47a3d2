import type { HttpWire } from '../capabilities/http-answer.ts'
import { decodeBase64, encodeBase64 } from '../kernel/encoding.ts'
import { ObjectCreate, PromisePrototypeThen } from '../kernel/primordials.ts'
import { Blob, File } from './blob.ts'
import { Body, takeBody } from './body.ts'
import { followSignal } from './events.ts'
import { FormData } from './form-data.ts'
import { Headers, wireHeaders } from './headers.ts'
import type { SendRequest } from './powers.ts'
import { factsOf, Request } from './request.ts'
import { receivedResponse, Response } from './response.ts'

// What the guest could use to read a body twice is not its own.
Reflect.deleteProperty(Body, 'take')
Reflect.deleteProperty(Body, 'fork')

const open = (answer: unknown): Response => {
  const { url, status, statusText, redirected, headers, body } = answer as HttpWire
  const { text, base64 } = { __proto__: null, ...body } as HttpWire['body']
  const source = base64 === undefined ? (text ?? '') : decodeBase64(base64)
  const response = receivedResponse(source, { status, statusText }, { url, redirected })
  response.headers.delete('content-type')
  for (let i = 0; i < headers.length; i += 1) {
    const pair = headers[i] as readonly [string, string]
    response.headers.append(pair[0], pair[1])
  }
  return response
}

/** A body as it crosses; an empty one of a request without a body is none. */
const wireBody = (whole: string | Uint8Array): object | undefined => {
  if (typeof whole !== 'string') return { __proto__: null, base64: encodeBase64(whole) }
  return whole === '' ? undefined : { __proto__: null, text: whole }
}

/** The classes that belong to `fetch`, which sends through `send`. When its signal ends, it rejects; the host goes on with what it has begun. */
export const makeFetchClasses = (send: SendRequest): Readonly<Record<string, unknown>> => {
  const exchange = async (request: Request): Promise<unknown> => {
    const { method, url, headers, redirect } = factsOf(request)
    const body = wireBody(await takeBody(request))
    const args = { __proto__: null, method, url, headers: wireHeaders(headers), body, redirect }
    return send(() => args, open)
  }
  const fetch = (input: unknown, init?: object): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const request = new Request(input, init ?? (ObjectCreate(null) as object))
      const { signal } = factsOf(request)
      let isOver = false
      if (signal !== undefined)
        followSignal(signal, (reason) => {
          isOver = true
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the reason is whatever the caller gave
          reject(reason)
        })
      if (!isOver) void PromisePrototypeThen(exchange(request), resolve, reject)
    })
  return { fetch, Request, Response, Headers, FormData, Blob, File }
}
