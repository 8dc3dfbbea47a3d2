import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'

/** The two keys as the article writes them. */
const ARTICLE = { allowed_domains: ['api.company.com', 'trusted-data-source.com'], max_response_size_kb: 512 }

describe('http.allowed_domains', () => {
  it('as the article writes it: these two names over https, no other, and not their sub-domains', async () => {
    const network = stubNetwork({})
    await using gate = await openGate({ powers: { http: network.http } })
    const asked = [
      'https://api.company.com/',
      'https://trusted-data-source.com/x?y=z',
      'http://api.company.com/',
      'https://company.com/',
      'https://x.trusted-data-source.com/',
      'https://evil.com/',
    ]
    const policy = { permissions: { http: ARTICLE, filesystem: null, code_exec: false, db_write: false } }
    const { seen } = await ask(
      gate,
      policy,
      asked.map((url) => ({ url })),
    )
    expect(verdicts(seen)).toEqual([
      // Allowed; but in this test nobody has such a name.
      'UPSTREAM_DNS at perform',
      'UPSTREAM_DNS at perform',
      ...Array.from({ length: 4 }, () => 'DENIED_DOMAIN at authorize'),
    ])
    expect(network.resolved).toEqual(['api.company.com', 'trusted-data-source.com'])
  })
})

describe('http.max_response_size_kb', () => {
  const bytes = (size: number) => openSite((_, response) => void response.end('x'.repeat(size)))

  it('512 lets 512 KiB through', async () => {
    await using gate = await openGate()
    await using site = await bytes(512 * 1024)
    const policy = httpPolicy({ ...ARTICLE, allowed_domains: [site.origin] })
    const { seen } = await ask(gate, policy, [{ url: site.origin }])
    expect(seen[0]?.text).toHaveLength(512 * 1024)
  })

  it('512 lets not a byte more through', async () => {
    await using gate = await openGate()
    await using site = await bytes(512 * 1024 + 1)
    const policy = httpPolicy({ ...ARTICLE, allowed_domains: [site.origin] })
    const { seen, result } = await ask(gate, policy, [{ url: site.origin }])
    expect(verdicts(seen)).toEqual(['LIMIT_RESPONSE_SIZE at perform'])
    expect(await refusalsOf(gate, result)).toMatchObject([{ rule: 'permissions.http.max_response_size_kb' }])
  })

  it('is 512 where the policy does not say', async () => {
    await using site = await bytes(512 * 1024 + 1)
    await using gate = await openGate()
    const { seen } = await ask(gate, httpPolicy({ allowed_domains: [site.origin] }), [{ url: site.origin }])
    expect(verdicts(seen)).toEqual(['LIMIT_RESPONSE_SIZE at perform'])
  })

  it.each([0, -1, '512', null, Number.NaN, 1e9])('is refused when it is no size: %s', async (size) => {
    await using gate = await openGate()
    const policy = httpPolicy({ max_response_size_kb: size })
    await expect(gate.run({ code: '', policy })).rejects.toMatchObject({ code: 'CONFIG_POLICY_INVALID' })
  })
})
