import { describe, expect, it } from 'vitest'
import { isTollgateError } from '../../src/index.ts'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'

/** Whoever writes one of these grants more than they can have meant. */
const TOO_WIDE = [
  '*',
  '**',
  '*.*',
  '*.',
  '*.com',
  '*.uk',
  '*.co.uk',
  '*.github.io',
  '*.s3.amazonaws.com',
  '*.blogspot.com',
  '*.vercel.app',
  '*.pages.dev',
  '*.*.company.com',
  '**.company.com',
  'a.*.com',
  'a.*.company.com',
  'api*.company.com',
  '*api.company.com',
  '*company.com',
  'company.*',
  'company.com*',
  'https://*',
  'https://*:443',
  'http://*.com:80',
  '*:*',
  'company.com:*',
  '*.127.0.0.1',
  '*.[::1]',
  '[::1%25lo]',
  '',
  '.',
  '*.company.com/path',
  '*.com.',
]

const acceptance = async (domain: string): Promise<string> => {
  await using gate = await openGate()
  let ran = false
  try {
    await gate.run({
      code: 'console.log("ran")',
      policy: { permissions: { http: { allowed_domains: [domain] } } },
      onEvent: () => {
        ran = true
      },
    })
    return 'accepted'
  } catch (error) {
    if (!isTollgateError(error)) throw error
    return ran ? 'refused too late' : `${error.code} at ${error.gate}`
  }
}

describe('a pattern that is too wide', () => {
  it.each(TOO_WIDE)('is refused when the policy is loaded, before the tool runs: %j', async (domain) => {
    expect(await acceptance(domain)).toBe('CONFIG_POLICY_INVALID at policy')
  })

  it.each(['*.company.com', 'https://*.company.com', 'http://*.company.com:8080', '*.api.company.co.uk'])(
    'is not confused with one that is not: %s',
    async (domain) => {
      expect(await acceptance(domain)).toBe('accepted')
    },
  )
})

const openWorld = async () => {
  const site = await openSite()
  const network = stubNetwork(new Proxy({}, { get: () => ['127.0.0.1'] }))
  const gate = await openGate({ powers: { http: network.http } })
  return {
    site,
    network,
    gate,
    async [Symbol.asyncDispose]() {
      await gate.close()
      await site[Symbol.asyncDispose]()
    },
  }
}

const OUTSIDE = [
  'company.test',
  'evilcompany.test',
  'company.test.evil.test',
  'x.evilcompany.test',
  '*.company.test',
  '.company.test',
  'a..company.test',
]

describe('a wildcard', () => {
  it('stands for the names below a name, not for the name itself, nor for what only ends like it', async () => {
    await using world = await openWorld()
    const policy = httpPolicy({ allowed_domains: [`http://*.company.test:${world.site.port}`] })
    const asked = OUTSIDE.map((name) => ({ url: `http://${name}:${world.site.port}/` }))
    const { seen } = await ask(world.gate, policy, asked)
    for (const verdict of verdicts(seen)) expect(verdict).toMatch(/^DENIED_(?:URL|DOMAIN) at authorize$/)
    expect(world.network.resolved).toEqual([])
    expect(world.site.connections).toBe(0)
  })

  it('stands for names below it, so that what it does not stand for was refused by the rule', async () => {
    await using world = await openWorld()
    const names = ['a.company.test', 'b.a.company.test', 'X.Company.TEST']
    const policy = httpPolicy({
      allowed_domains: [`http://*.company.test:${world.site.port}`, `http://company.test:${world.site.port}`],
    })
    const asked = [...names, 'company.test'].map((name) => ({ url: `http://${name}:${world.site.port}/` }))
    expect(verdicts((await ask(world.gate, policy, asked)).seen)).toEqual(['200', '200', '200', '200'])
    expect(world.network.resolved).toEqual([
      'a.company.test',
      'b.a.company.test',
      'x.company.test',
      'company.test',
    ])
  })

  it('never stands for what a stranger can own further down: a public suffix below it', async () => {
    await using world = await openWorld()
    const policy = { permissions: { http: { allowed_domains: ['*.amazonaws.com'] } } }
    const asked = ['bucket.s3.amazonaws.com', 's3.amazonaws.com'].map((name) => ({ url: `https://${name}/` }))
    const { seen } = await ask(world.gate, policy, asked)
    expect(verdicts(seen)).toEqual(['DENIED_DOMAIN at authorize', 'DENIED_DOMAIN at authorize'])
    expect(world.network.resolved).toEqual([])
  })
})
