import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { openSite, type Site } from '../harness/site.ts'
import { openTokenSite, TOKEN_ENV, tokenPolicy } from '../harness/token-site.ts'

const KEY = 'company-key-4f9a1c7be2d84c50'

const policyOf = (site: Site, hosts: readonly string[] = ['127.0.0.1']): object =>
  httpPolicy(
    {
      allowed_domains: [
        { domain: site.origin, paths: ['/v1/**'], auth: 'company' },
        { domain: site.origin, paths: ['/public'] },
      ],
    },
    { secrets: { company: { from: 'env:COMPANY_API_KEY', bearer: {}, hosts } } },
  )

describe('an API credential', () => {
  it('is added by the host to the requests that it is for, and to no other', async () => {
    await using site = await openSite()
    await using gate = await openGate({ powers: { env: { COMPANY_API_KEY: KEY } } })
    const asked = [{ url: `${site.origin}/v1/orders` }, { url: `${site.origin}/public` }]
    expect(verdicts((await ask(gate, policyOf(site), asked)).seen)).toEqual(['200', '200'])
    expect(site.requests.map(({ headers }) => headers.authorization ?? null)).toEqual([`Bearer ${KEY}`, null])
  })

  it('is never in the hands of the tool: not among its globals, its input or its capabilities, nor in an answer', async () => {
    await using site = await openSite(({ headers }, response) => void response.end(headers.authorization))
    await using gate = await openGate({ powers: { env: { COMPANY_API_KEY: KEY } } })
    const code = `
      const seen = new Set(), texts = []
      const walk = (value, depth) => {
        if (typeof value === 'string') return texts.push(value)
        if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value) || depth > 6) return
        seen.add(value)
        for (const key of Reflect.ownKeys(value)) {
          texts.push(String(key))
          try { walk(value[key], depth + 1) } catch {}
        }
      }
      walk({ globalThis, input, capabilities }, 0)
      texts.push(await (await http.get(input + '/v1/echo')).text())
      return { looked: seen.size, found: texts.filter((text) => text.includes('company-key')), last: texts.at(-1) }`
    const { value } = await gate.run({ code, policy: policyOf(site), input: site.origin })
    expect(value).toMatchObject({ found: [], last: 'Bearer [redacted:company]' })
    expect((value as { looked: number }).looked).toBeGreaterThan(100)
  })

  it('is not sent to a host that the policy does not name for it', async () => {
    await using site = await openSite()
    await using gate = await openGate({ powers: { env: { COMPANY_API_KEY: KEY } } })
    const policy = policyOf(site, ['api.company.com'])
    await expect(gate.run({ code: '', policy })).rejects.toMatchObject({ code: 'CONFIG_POLICY_INVALID' })
    expect(site.connections).toBe(0)
  })

  it('without a value is an error before the tool runs', async () => {
    await using site = await openSite()
    await using gate = await openGate({ powers: { env: {} } })
    await expect(gate.run({ code: '', policy: policyOf(site) })).rejects.toMatchObject({
      code: 'CONFIG_SECRET_MISSING',
    })
  })

  it('that is a refresh token goes to its token endpoint alone, and the host gets what came of it', async () => {
    await using site = await openTokenSite()
    await using gate = await openGate({ powers: { env: TOKEN_ENV } })
    const code = `return await (await http.get(input + '/v1/orders')).text()`
    const { value } = await gate.run({ code, policy: tokenPolicy(site), input: site.origin })
    expect(value).toBe('/v1/orders [redacted:crm] [redacted:crm]')
    const holding = site.requests.filter((request) => JSON.stringify(request).includes(TOKEN_ENV.CRM))
    expect(holding.map(({ url }) => url)).toEqual(['/token'])
  })
})
