import { expect, it } from 'vitest'
import { LOOPBACK, openGate, refusalsOf } from '../../harness/gate.ts'
import { openSite } from '../../harness/site.ts'

const TOOL = `export default async ({ base }) => {
  const url = new URL('/items?x=1', base)
  url.searchParams.append('q', 'a b')
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams({ k: 'v' }) })
  let text = ''
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) text += part
  return [response.status, response.ok, text]
}`

it('a tool that uses URL, fetch and streams reaches a server that it may reach', async () => {
  await using gate = await openGate()
  await using site = await openSite(({ url }, response) => response.end(`got ${url}`))
  const base = `http://127.0.0.1:${site.port}`
  const allowed = [{ domain: base, methods: ['POST'] }]
  const policy = { permissions: { http: { allowed_domains: allowed, ...LOOPBACK } } }
  const result = await gate.run({ code: TOOL, policy, input: { base } })
  expect(result.error).toBeUndefined()
  expect(result.value).toEqual([200, true, 'got /items?x=1&q=a+b'])
  expect(site.requests.map(({ method, url }) => [method, url])).toEqual([['POST', '/items?x=1&q=a+b']])
})

it('fetch without the grant, or to another host, is refused by the gate', async () => {
  await using gate = await openGate()
  const tool = `export default () => fetch('http://other.example/').catch(({ code, gate }) => [code, gate])`
  const bare = await gate.run({ code: tool, policy: { permissions: {} } })
  expect(bare.value).toEqual(['DENIED_NOT_GRANTED', 'decode'])
  const policy = { permissions: { http: { allowed_domains: ['api.example'] } } }
  const other = await gate.run({ code: tool, policy })
  expect(other.value).toEqual([expect.stringMatching(/^DENIED_/), 'authorize'])
  expect(await refusalsOf(gate, other)).toHaveLength(1)
})
