import { afterAll, describe, expect, it } from 'vitest'
import { requestArguments } from '../../src/capabilities/http/ops.ts'
import { CageDriver, type Outcome, type Reply } from '../cage/cage-driver.ts'

const driver = new CageDriver()
afterAll(() => driver.close())

const ANSWER = {
  url: 'https://a.example/x',
  status: 200,
  statusText: 'OK',
  redirected: false,
  headers: [
    ['Content-Type', 'application/json'],
    ['set-cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
  ],
  body: { text: '{"n":1,"s":"ü€𝄞"}' },
}
const run = (body: string, reply: Reply = { value: ANSWER }): Promise<Outcome> =>
  driver.run({
    code: `export default async (input, { http }) => { ${body} }`,
    ops: ['http.request'],
    answer: () => reply,
  })
const sent = async (body: string): Promise<unknown[]> => {
  const { calls, ok, error } = await run(body)
  if (!ok) throw new Error(error?.message)
  for (const { text } of calls) requestArguments.parse(JSON.parse(text))
  return calls.map(({ text }) => JSON.parse(text) as unknown)
}

describe('http', () => {
  it('has these methods and no others', async () => {
    const { value } = await run(
      'return [Object.keys(http), Object.isFrozen(http), Object.values(http).every(Object.isFrozen)]',
    )
    expect(value).toEqual([['get', 'head', 'post', 'put', 'patch', 'delete', 'request'], true, true])
  })

  it('writes each method as arguments that the host’s schema takes', async () => {
    const body = `const url = 'https://a.example/x'
      await http.get(url); await http.head(url); await http.post(url, 'text'); await http.put(url, [1]); await http.patch(url, { a: null }); await http.delete(url)
      await http.request({ url }); await http.request({ method: 'OPTIONS', url, headers: { accept: '*/*' }, redirect: 'manual', timeoutMs: 5 })`
    const url = 'https://a.example/x'
    const json = { 'content-type': 'application/json' }
    expect(await sent(body)).toEqual([
      { method: 'GET', url, headers: {} },
      { method: 'HEAD', url, headers: {} },
      { method: 'POST', url, headers: {}, body: { text: 'text' } },
      { method: 'PUT', url, headers: json, body: { text: '[1]' } },
      { method: 'PATCH', url, headers: json, body: { text: '{"a":null}' } },
      { method: 'DELETE', url, headers: {} },
      { url, headers: {} },
      { method: 'OPTIONS', url, headers: { accept: '*/*' }, redirect: 'manual', timeoutMs: 5 },
    ])
  })

  it('sends bytes as base64, whatever holds them', async () => {
    const body = `const bytes = new Uint8Array([0, 1, 2, 250, 251, 252, 253, 254, 255])
      for (const one of [bytes, bytes.buffer, new DataView(bytes.buffer, 1, 4), bytes.subarray(2, 4), new Uint16Array(bytes.buffer, 0, 2), new Uint8Array(0), new Uint8Array(1)])
        await http.post('u', one)`
    expect((await sent(body)).map((args) => (args as { body: { base64: string } }).body.base64)).toEqual([
      'AAEC+vv8/f7/',
      'AAEC+vv8/f7/',
      'AQL6+w==',
      'Avo=',
      'AAEC+g==',
      '',
      'AA==',
    ])
  })

  it('keeps a content type that the caller names, in any case', async () => {
    const body =
      "await http.post('u', { a: 1 }, { headers: { 'Content-TYPE': 'application/merge-patch+json' } })"
    expect(await sent(body)).toMatchObject([{ headers: { 'Content-TYPE': 'application/merge-patch+json' } }])
  })

  it('takes the idempotency key as the call’s own', async () => {
    const { calls } = await run("await http.post('u', '', { idempotencyKey: 'order-7' })")
    expect(calls).toMatchObject([{ key: 'order-7' }])
  })

  it('refuses an option that nobody would read, and a body that cannot be sent', async () => {
    const body = `const codes = []
      for (const make of [() => http.get('u', { header: {} }), () => http.get('u', { body: 'x' }), () => http.request({ url: 'u', json: 1 }), () => http.get('u', 5), () => http.post('u', new Map()), () => http.post('u', { a: () => 1 }), () => http.get('u', { headers: 'x' })])
        codes.push(await make().then(() => 'sent', (error) => error.code))
      return codes`
    const { value, calls } = await run(body)
    expect(value).toEqual([
      'GUEST_ARGUMENTS',
      'GUEST_ARGUMENTS',
      'GUEST_ARGUMENTS',
      'GUEST_ARGUMENTS',
      'GUEST_UNPASSABLE',
      'GUEST_UNPASSABLE',
      'GUEST_ARGUMENTS',
    ])
    expect(calls).toEqual([])
  })
})

describe('an answer', () => {
  it('tells its facts and its headers in any case', async () => {
    const body = `const { url, status, statusText, ok, redirected, headers } = await http.get('u')
      return { url, status, statusText, ok, redirected, type: headers.get('CONTENT-type'), cookie: headers.get('set-cookie'), none: headers.get('x'), has: [headers.has('Set-Cookie'), headers.has('__proto__'), headers.has('get')], entries: headers.entries() }`
    expect((await run(body)).value).toEqual({
      url: ANSWER.url,
      status: 200,
      statusText: 'OK',
      ok: true,
      redirected: false,
      type: 'application/json',
      cookie: 'a=1, b=2',
      none: null,
      has: [true, false, false],
      entries: [
        ['content-type', 'application/json'],
        ['set-cookie', 'a=1, b=2'],
      ],
    })
  })

  it('gives its body as text, JSON and bytes, as often as wanted', async () => {
    const body = `const answer = await http.get('u')
      const bytes = await answer.bytes(); const before = [...bytes.slice(0, 3)]; bytes.fill(0)
      return [await answer.text(), await answer.json(), before, (await answer.bytes()).length, bytes.constructor === Uint8Array, await answer.text()]`
    const text = ANSWER.body.text
    expect((await run(body)).value).toEqual([
      text,
      JSON.parse(text),
      [123, 34, 110],
      Buffer.byteLength(text),
      true,
      text,
    ])
  })

  it('decodes base64 and UTF-8 as Node does, malformed bytes included', async () => {
    const samples = [
      [],
      [0],
      [255],
      [0xef, 0xbb, 0xbf, 65],
      [0xc3, 0xbc, 0xe2, 0x82, 0xac, 0xf0, 0x9d, 0x84, 0x9e],
      [0xe2, 0x82],
      [0xf0, 0x9d, 0x84, 65],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe0, 0x80, 0x80],
      [0xf0, 0x80, 0x80, 0x80],
      [65, 0x80, 66],
      [0xc2, 0xc2, 0xa2],
      Array.from({ length: 256 }, (_, i) => i),
    ].map((bytes) => Buffer.from(bytes))
    for (const bytes of samples) {
      const reply = { value: { ...ANSWER, body: { base64: bytes.toString('base64') } } }
      const { value } = await run(
        "const answer = await http.get('u'); return [await answer.text(), [...await answer.bytes()]]",
        reply,
      )
      expect(value).toEqual([new TextDecoder().decode(bytes), [...bytes]])
    }
  })

  it('encodes text as Node does, lone surrogates included', async () => {
    for (const text of ['', 'a', 'ü€𝄞', '\ud800', 'a\udc00b', '\ud83d\ud83d\ude00', '\0\u2028']) {
      const { value } = await run("return [...await (await http.get('u')).bytes()]", {
        value: { ...ANSWER, body: { text } },
      })
      expect(value).toEqual([...new TextEncoder().encode(text)])
    }
  })

  it('rejects json() for a body that is none, with the guest’s own SyntaxError', async () => {
    const body =
      "return await (await http.get('u')).json().catch((error) => [error.constructor === SyntaxError])"
    expect((await run(body, { value: { ...ANSWER, body: { text: 'no' } } })).value).toEqual([true])
  })

  it('is frozen, and not ok outside 200 to 299', async () => {
    const body =
      "const answer = await http.get('u'); return [Object.isFrozen(answer), Object.isFrozen(answer.headers), answer.ok]"
    expect((await run(body, { value: { ...ANSWER, status: 302 } })).value).toEqual([true, true, false])
    expect((await run(body, { value: { ...ANSWER, status: 199 } })).value).toEqual([true, true, false])
  })
})
