import type { DecodedBody } from './decode-body.ts'
import type { Response } from './exchange.ts'
import type { Header } from './header-rules.ts'
import type { HttpAnswer, RequestBody } from './ops.ts'

/** Headers of an answer that the guest sees, at most; their bytes are bounded where they are read. */
const HEADERS_MAX = 100
const STATUS_TEXT_SIZE_MAX = 128

// Hop by hop (RFC 9110, section 7.6.1), or about cookies and other routes to the server, which a guest has none of.
const DROPPED = new Set([
  'alt-svc',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'set-cookie',
  'set-cookie2',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What the guest receives of an answer. `url` is that of the last hop. */
export function toAnswer(
  { status, statusText, headers }: Response,
  { bytes }: DecodedBody,
  place: { readonly url: string; readonly redirected: boolean },
): HttpAnswer {
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  return {
    url: place.url,
    status,
    statusText: shownStatusText(statusText),
    headers: shownHeaders(headers),
    redirected: place.redirected,
    body: toBody(bytes, type),
  }
}

/** Whole or not at all: what a cut leaves of a credential that is handed back in it, nobody would recognise. */
function shownStatusText(text: string): string {
  const plain = text.replaceAll(/[^\u0020-\u007e]/gu, '')
  return plain.length > STATUS_TEXT_SIZE_MAX ? '' : plain
}

function shownHeaders(headers: readonly Header[]): readonly Header[] {
  const named = new Set(
    headers
      .filter(([name]) => name === 'connection')
      .flatMap(([, value]) => value.toLowerCase().split(/[\s,]+/u)),
  )
  // The body was decoded: what these say is no longer true of it.
  if (headers.some(([name]) => name === 'content-encoding'))
    named.add('content-encoding').add('content-length')
  return headers.filter(([name]) => !DROPPED.has(name) && !named.has(name)).slice(0, HEADERS_MAX)
}

/** As text when every byte of it is text in its charset (UTF-8 unless it says another), else as base64. A byte order mark is dropped. */
function toBody(bytes: Uint8Array, contentType: string): RequestBody {
  const charset = /;\s*charset\s*=\s*"?([^\s";]{1,40})/iu.exec(contentType)?.[1] ?? 'utf-8'
  try {
    return { text: new TextDecoder(charset, { fatal: true }).decode(bytes) }
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') }
  }
}
