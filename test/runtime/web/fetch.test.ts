import { afterAll, describe, expect, it } from 'vitest'
import { requestArguments } from '../../../src/capabilities/http/ops.ts'
import { driver, runBody } from './running.ts'

afterAll(() => driver.close())

const URL_TEXT = 'https://a.example/x'
const PAGE = {
  url: URL_TEXT,
  status: 200,
  statusText: 'OK',
  redirected: false,
  headers: [['Content-Type', 'application/json']],
  body: { text: '{"n":1}' },
}
const run = (body: string) => runBody(body, () => ({ value: PAGE }))
/** What left, each judged by the host's own schema. */
const sent = async (body: string): Promise<unknown[]> =>
  (await run(body)).calls.map(({ text }) => {
    requestArguments.parse(JSON.parse(text))
    return JSON.parse(text) as unknown
  })

describe('fetch', () => {
  it('sends each kind of body as what http.request takes', async () => {
    const body = `const url = '${URL_TEXT}', method = 'post'
      await fetch(url); await fetch(new URL(url)); await fetch(url, { method, body: 'text', headers: { 'x-a': '1' }, redirect: 'manual' })
      await fetch(url, { method, body: new URLSearchParams({ a: 'b c' }) }); await fetch(url, { method, body: new Uint8Array([0, 255]) })
      await fetch(new Request(url, { method, body: new Blob(['hi'], { type: 'a/b' }) }))
      await fetch(url, { method, duplex: 'half', body: new ReadableStream({ start(c) { c.enqueue(new Uint8Array([104])); c.enqueue(new Uint8Array([105])); c.close() } }) })`
    const post = { method: 'POST', url: URL_TEXT, redirect: 'follow' }
    const form = { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }
    const text = { 'x-a': '1', 'content-type': 'text/plain;charset=UTF-8' }
    const get = { method: 'GET', url: URL_TEXT, headers: {}, redirect: 'follow' }
    expect(await sent(body)).toEqual([
      get,
      get,
      { ...post, headers: text, body: { text: 'text' }, redirect: 'manual' },
      { ...post, headers: form, body: { text: 'a=b+c' } },
      { ...post, headers: {}, body: { base64: 'AP8=' } },
      { ...post, headers: { 'content-type': 'a/b' }, body: { base64: 'aGk=' } },
      { ...post, headers: {}, body: { base64: 'aGk=' } },
    ])
  })

  it('gives the answer as text, data, bytes, stream and copy', async () => {
    const body = `const one = await fetch('${URL_TEXT}'), two = one.clone(), three = one.clone(), four = one.clone()
      let chunks = 0; for await (const chunk of three.body) chunks += chunk.length
      const read = [one.status, one.ok, one.url, one.headers.get('content-type'), await one.text(), (await two.json()).n, chunks, three.bodyUsed, (await four.bytes()).length]
      return [...read, await one.text().catch((error) => error.name), one instanceof Response]`
    const { value } = await run(body)
    expect(value).toEqual([
      200,
      true,
      URL_TEXT,
      'application/json',
      '{"n":1}',
      1,
      7,
      true,
      7,
      'TypeError',
      true,
    ])
  })

  it('reads text and JSON without the mark of UTF-8, however it came', async () => {
    const marked = { text: '\ufeff{"n":1}' }
    const bytes = { base64: Buffer.from(marked.text).toString('base64') }
    const body = `const told = []; for (let i = 0; i < 4; i += 1) { const answer = await fetch('${URL_TEXT}'); told.push(i % 2 ? await answer.json() : await answer.text()) }
      return told`
    let calls = 0
    const { value } = await runBody(body, () => ({
      value: { ...PAGE, body: (calls += 1) > 2 ? bytes : marked },
    }))
    expect(value).toEqual(['{"n":1}', { n: 1 }, '{"n":1}', { n: 1 }])
  })

  it('carries forms there and back', async () => {
    const body = `const form = new FormData(); form.append('a', 'ü'); form.append('f', new File(['x\\r\\ny'], 'n.txt', { type: 't/p' }))
      const back = await new Response(form).formData(), file = back.get('f')
      return [back.get('a'), file.name, file.type, await file.text()]`
    expect((await run(body)).value).toEqual(['ü', 'n.txt', 't/p', 'x\r\ny'])
  })

  it('rejects when its signal ends, and sends nothing when it ended before', async () => {
    const body = `const c = new AbortController(); c.abort('why')
      const before = await fetch('${URL_TEXT}', { signal: c.signal }).catch((reason) => reason)
      const d = new AbortController(), going = fetch('${URL_TEXT}', { signal: d.signal }); d.abort()
      return [before, await going.catch((error) => error.name)]`
    expect((await run(body)).value).toEqual(['why', 'AbortError'])
  })

  it('is refused with the error that http has', async () => {
    const error = {
      code: 'DENIED_NOT_GRANTED',
      message: 'no',
      gate: 'authorize',
      hint: 'h',
      retryable: false,
    }
    const body = `const facts = ({ code, gate }) => [code, gate]; return fetch('${URL_TEXT}').catch(facts)`
    const outcome = await driver.run({
      code: `export default () => { ${body} }`,
      ops: [],
      answer: () => ({ error }),
    })
    expect(outcome.value).toEqual(['DENIED_NOT_GRANTED', 'authorize'])
    expect(outcome.calls.map(({ op }) => op)).toEqual(['http.request'])
  })

  it('sends what was asked for, whatever was done to the classes', async () => {
    const body = `const lie = { get: () => 'https://evil.example/', configurable: true }
      const request = new Request('${URL_TEXT}', { method: 'PUT', headers: { a: 'b' }, body: 'mine' })
      for (const name of ['url', 'method', 'headers', 'body', 'redirect']) { Object.defineProperty(Request.prototype, name, lie); Object.defineProperty(request, name, lie); Object.defineProperty(Object.prototype, name, lie) }
      Object.defineProperty(URL.prototype, 'href', lie)
      for (const at of [Headers.prototype, Map.prototype, Array.prototype]) for (const name of ['get', 'entries', 'keys', 'forEach', 'push']) Object.defineProperty(at, name, { value: () => { throw 'poisoned' } })
      Array.prototype[Symbol.iterator] = () => { throw 'poisoned' }; JSON.stringify = () => 'evil'
      globalThis.URL = globalThis.Headers = globalThis.Request = class { url = 'https://evil.example/' }
      fetch(request).catch(() => 1); await capabilities.http.get('${URL_TEXT}')`
    const { calls } = await run(body)
    expect(JSON.parse(calls.find(({ text }) => text.includes('PUT'))?.text ?? '{}')).toEqual({
      method: 'PUT',
      url: URL_TEXT,
      headers: { a: 'b', 'content-type': 'text/plain;charset=UTF-8' },
      body: { text: 'mine' },
      redirect: 'follow',
    })
  })
})
