import type { Readable } from 'node:stream'
import { ConnectionGone, type Connection } from './connections.ts'
import type { Deadline } from './deadline.ts'
import { ACCEPTED_ENCODINGS, readBody, readEncodings, tooLarge, type DecodedBody } from './decode-body.ts'
import type { Header } from './header-rules.ts'
import type { HttpRequest, RequestBody } from './ops.ts'
import { upstreamError } from './upstream-error.ts'

/** Sent unless the guest may set another: many servers refuse a request that does not say who asks. */
const USER_AGENT = 'tollgate'

/** What of a redirect's own body is read, so that its connection can be used again. */
const DISCARDED_BYTES_MAX = 16 * 1024

/** An answer whose headers are here and whose body is not. Read it, discard it, or end its connection. */
export type Response = {
  readonly connection: Connection
  readonly status: number
  readonly statusText: string
  /** Names in lower case, in the order of the wire; values as Latin-1. */
  readonly headers: readonly Header[]
  readonly body: Readable & { dump(options: { limit: number; signal: AbortSignal }): Promise<void> }
}

/** All headers that leave beside Host and Content-Length. What the host sets replaces what the guest set. */
export function headersToSend(
  { headers }: HttpRequest,
  credential: readonly Header[],
  idempotencyKey: string | undefined,
): readonly Header[] {
  const sent = new Map<string, string>([['user-agent', USER_AGENT], ...headers])
  sent.set('accept-encoding', ACCEPTED_ENCODINGS)
  if (idempotencyKey !== undefined) sent.set('idempotency-key', idempotencyKey)
  for (const [name, value] of credential) sent.set(name, value)
  return [...sent]
}

/**
 * Sends a request that was judged, and waits for the headers of its answer. Undefined when the connection had ended before:
 * then nothing was sent. Throws UPSTREAM_*; then the connection is closed, and how much was sent is unknown.
 */
export async function send(
  connection: Connection,
  request: HttpRequest,
  headers: readonly Header[],
  deadline: Deadline,
): Promise<Response | undefined> {
  try {
    const {
      statusCode,
      statusText,
      headers: raw,
      body,
    } = await connection.client.request({
      method: request.method,
      path: request.path + request.query,
      headers: headers.flat(),
      body: bytesOf(request.body),
      signal: deadline.signal,
      responseHeaders: 'raw',
    })
    // Until somebody reads the body: a body that fails unheard would end the process.
    body.on('error', () => undefined)
    // With `raw`, undici gives what its types do not say: names and values in turn.
    return { connection, status: statusCode, statusText, headers: inPairs(raw as unknown as string[]), body }
  } catch (cause) {
    await connection.end()
    if (cause instanceof ConnectionGone) return undefined
    throw upstreamError(cause, request.host, deadline)
  }
}

/** The bytes of a body as they are sent. */
export const bytesOf = (body: RequestBody | null): Buffer | null => {
  if (body === null) return null
  return 'text' in body ? Buffer.from(body.text, 'utf8') : Buffer.from(body.base64, 'base64')
}

function inPairs(flat: readonly string[]): Header[] {
  const headers: Header[] = []
  for (let at = 0; at + 1 < flat.length; at += 2)
    headers.push([(flat[at] ?? '').toLowerCase(), flat[at + 1] ?? ''])
  return headers
}

/** Reads and decodes the body of an answer. Throws LIMIT_RESPONSE_SIZE and UPSTREAM_*. */
export async function readResponse(
  { status, headers, body }: Response,
  { method, host }: HttpRequest,
  bytesMax: number,
  deadline: Deadline,
): Promise<DecodedBody> {
  const isEmpty = method === 'HEAD' || status === 204 || status === 304
  const encodings = isEmpty ? [] : readEncodings(headers)
  const announced = Number(headers.find(([name]) => name === 'content-length')?.[1] ?? 0)
  if (!isEmpty && encodings.length === 0 && announced > bytesMax) throw tooLarge(bytesMax)
  try {
    return await readBody(body, encodings, bytesMax, deadline.signal)
  } catch (cause) {
    throw upstreamError(cause, host, deadline)
  }
}

/** Reads the body of a redirect past; a long one costs the connection. Returns its bytes on the wire. Throws UPSTREAM_TIMEOUT. */
export async function discardResponse({ body }: Response, deadline: Deadline): Promise<number> {
  let bytes = 0
  body.on('data', (chunk: Buffer) => (bytes += chunk.length))
  await deadline.race(body.dump({ limit: DISCARDED_BYTES_MAX, signal: deadline.signal }))
  return bytes
}
