import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite, type Site } from '../harness/site.ts'

const DATA = Buffer.from('the customer list: alice, bob, carol and everybody else').toString('hex')
const pieces = (size: number): string[] => DATA.match(new RegExp(`.{1,${size}}`, 'g')) ?? []
const ANYTHING = new Proxy({}, { get: () => ['127.0.0.1'] })

const calls = async (site: Site, domains: readonly string[], names: readonly string[], http: object = {}) => {
  const network = stubNetwork(ANYTHING)
  await using gate = await openGate({ powers: { http: network.http } })
  const policy = httpPolicy({ allowed_domains: domains, ...http })
  const asked = names.map((name) => ({ url: `http://${name}:${site.port}/` }))
  const { seen, result } = await ask(gate, policy, asked)
  return { network, seen, result, refusals: await refusalsOf(gate, result) }
}

describe('data in the labels of a name that is not allowed', () => {
  const names = pieces(10).flatMap((piece) => [
    `${piece}.evil.test`,
    `${piece}.allowed.test`,
    `${piece}.allowed.test.evil.test`,
    `allowed.test.x${piece}`,
  ])

  it('is never looked up, so no server of names hears of it; each attempt is recorded', async () => {
    await using site = await openSite()
    const { network, seen, refusals, result } = await calls(site, [`http://allowed.test:${site.port}`], names)
    expect(verdicts(seen)).toEqual(names.map(() => 'DENIED_DOMAIN at authorize'))
    expect(network.resolved).toEqual([])
    expect(network.dialled).toEqual([])
    expect(site.connections).toBe(0)
    expect(refusals.map(({ egress_bytes }) => egress_bytes)).toEqual(names.map(() => 0))
    expect(refusals.map(({ change }) => change)).toEqual(
      names.map((name) => `add "http://${name}:${site.port}" to permissions.http.allowed_domains`),
    )
    expect(result.usage).toMatchObject({ calls: names.length, egressBytes: 0 })
  })

  it('would be looked up under a policy that allows every name below a domain', async () => {
    await using site = await openSite()
    const allowed = names.filter((name) => name.endsWith('.evil.test'))
    const { network } = await calls(site, [`http://*.evil.test:${site.port}`], allowed)
    expect(new Set(network.resolved)).toEqual(new Set(allowed))
  })
})

describe('data in the labels of a name under a wildcard', () => {
  it('is bounded by the wildcard: not many labels, and no long ones', async () => {
    await using site = await openSite()
    const long = [DATA, pieces(63).join('.'), 'a.b.c.d.e', pieces(16).join('.'), pieces(1).join('.')].map(
      (labels) => `${labels}.allowed.test`,
    )
    const { network, seen } = await calls(site, [`http://*.allowed.test:${site.port}`], long)
    for (const verdict of verdicts(seen)) expect(verdict).toMatch(/^DENIED_(?:DOMAIN|URL) at authorize$/)
    expect(network.resolved).toEqual([])
    const short = [`${'a'.repeat(63)}.allowed.test`, 'a.b.c.d.allowed.test']
    expect(verdicts((await calls(site, [`http://*.allowed.test:${site.port}`], short)).seen)).toEqual([
      '200',
      '200',
    ])
  })

  it('counts towards max_egress_kb, all names on one account, before the name is looked up', async () => {
    await using site = await openSite()
    const names = Array.from({ length: 40 }, (_, at) => `${pieces(20)[at % 5]}-${at}.allowed.test`)
    const { network, seen, result, refusals } = await calls(
      site,
      [`http://*.allowed.test:${site.port}`],
      names,
      {
        max_egress_kb: 1,
      },
    )
    const sent = names.filter((_, at) => seen[at]?.status === 200)
    const bytes = sent.reduce((sum, name) => sum + `http://${name}:${site.port}/`.length, 0)
    expect(network.resolved).toEqual(sent)
    expect(bytes).toBeLessThanOrEqual(1024)
    expect(bytes).toBeGreaterThan(900)
    expect(result.usage.egressBytes).toBe(bytes)
    expect(verdicts(seen.filter(({ status }) => status === undefined))).toEqual(
      refusals.map(() => 'LIMIT_EGRESS at reserve'),
    )
    expect(refusals[0]).toMatchObject({ rule: 'permissions.http.max_egress_kb', egress_bytes: 0 })
  })

  it('counts although nobody has such a name: asking was enough to send it', async () => {
    const network = stubNetwork({})
    await using gate = await openGate({ powers: { http: network.http } })
    const policy = httpPolicy({ allowed_domains: ['*.allowed.test'], max_egress_kb: 0.25 })
    const asked = pieces(10).map((piece) => ({ url: `https://${piece}.allowed.test/` }))
    const { seen, result } = await ask(gate, policy, asked)
    const lost = network.resolved.length
    expect(verdicts(seen)).toEqual([
      ...Array.from({ length: lost }, () => 'UPSTREAM_DNS at perform'),
      ...Array.from({ length: asked.length - lost }, () => 'LIMIT_EGRESS at reserve'),
    ])
    expect(lost).toBeLessThan(asked.length)
    const bytes = asked.slice(0, lost).reduce((sum, { url }) => sum + url.length, 0)
    expect(result.usage.egressBytes).toBe(bytes)
    const facts = (await refusalsOf(gate, result)).map(({ egress_bytes }) => egress_bytes)
    expect(facts.slice(0, lost)).toEqual(asked.slice(0, lost).map(({ url }) => url.length))
  })

  it('does not count where the policy wrote the name and nobody was there', async () => {
    await using gate = await openGate({ powers: { http: stubNetwork({}).http } })
    const policy = httpPolicy({ allowed_domains: ['gone.test'], max_egress_kb: 0.25 })
    const asked = Array.from({ length: 20 }, () => ({ url: 'https://gone.test/' }))
    const { seen, result } = await ask(gate, policy, asked)
    expect(verdicts(seen)).toEqual(asked.map(() => 'UPSTREAM_DNS at perform'))
    expect(result.usage.egressBytes).toBe(0)
  })
})
