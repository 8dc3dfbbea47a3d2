import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite, type Site } from '../harness/site.ts'
import { lenientUrls } from '../harness/weak-http.ts'
import { openGateOf, type Replace } from '../run/gates.ts'

const openWorld = async (replace?: Replace) => {
  const [allowed, evil] = [await openSite(), await openSite()]
  const network = stubNetwork({ 'allowed.test': ['127.0.0.1'], 'evil.test': ['127.0.0.1'] })
  const options = { powers: { http: network.http } }
  const gate = replace === undefined ? await openGate(options) : await openGateOf(options, replace)
  return {
    gate,
    network,
    allowed,
    evil,
    policy: httpPolicy({ allowed_domains: [`http://allowed.test:${allowed.port}`] }),
    async [Symbol.asyncDispose]() {
      await gate.close()
      await allowed[Symbol.asyncDispose]()
      await evil[Symbol.asyncDispose]()
    },
  }
}

/** Two parsers disagree on where these lead, or one of them repairs them. `A` and `E` stand for the two hosts with their ports. */
const CONFUSING = [
  'http://A@E/',
  'http://A:A@E/',
  'http://allowed.test@E/',
  'http://A%40E/',
  'http://A%2f@E/',
  'http://E\\@A/',
  'http://E\\\\@A/',
  'http:\\\\A/',
  'http:\\/\\/A/',
  'http:/\\A/',
  'http://A\\.evil.test/',
  'http://A\\@E/',
  'http://E#@A/',
  'http://E?@A/',
  'http://E/@A/',
  'http://E;@A/',
  'http://user@A/',
  'http://user:password@A/',
  'http://@A/',
  'http://:@A/',
  'http://A:80@E',
  'http://A:1234:5678/',
  'http://A/\t',
  'http://al\tlowed.test/',
  'http://allowed.test\n.evil.test/',
  'http://allowed.test\r/',
  'http://A\u0000.evil.test/',
  'http://allowed.test%00.evil.test/',
  'http://allowed.test%2eevil.test/',
  'http://allowed%2etest/',
  'http://allowed.test%09/',
  'http://allowed.test%20/',
  'http://allowed.test /',
  ' http://A/',
  'http://A/ ',
  '\u0000http://A/',
  '\u00a0http://A/',
  'http:A/',
  'http:/A/',
  'http:///A/',
  '//A/',
  'A/',
  '/path',
  '',
  'http://',
  'http:///',
  'http://?A',
  'http://#A',
  'http://.allowed.test/',
  'http://allowed..test/',
  'http://allowed.test../',
  'http://[allowed.test]/',
  'http://[A]/',
  'http://{allowed.test}/',
  'http://allowed.test|evil.test/',
  'http://allowed.test^evil.test/',
  'http://allowed.test,evil.test/',
  'http://allowed.test&evil.test/',
  'http://allowed.test$evil.test/',
  'http://allowed.test<evil.test/',
  'http://allowed.test`evil.test/',
  'http://*.test/',
  'http://\ud800allowed.test/',
]

const write = (text: string, allowed: Site, evil: Site): string =>
  text.replaceAll('A', `allowed.test:${allowed.port}`).replaceAll('E', `evil.test:${evil.port}`)

describe('a URL that could name two hosts', () => {
  it.each(CONFUSING)('is refused before anything is looked up: %j', async (text) => {
    await using world = await openWorld()
    const url = write(text, world.allowed, world.evil)
    const { seen } = await ask(world.gate, world.policy, [{ url }])
    const [verdict] = verdicts(seen)
    expect(verdict).toMatch(/^(?:DENIED_(?:URL|DOMAIN) at authorize|GUEST_ARGUMENTS at decode)$/)
    expect(world.network.resolved).toEqual([])
    expect(world.network.dialled).toEqual([])
    expect([world.allowed.connections, world.evil.connections]).toEqual([0, 0])
  })

  it('leads, where it is plain, to the host that was judged: an @ or a host in path and query means nothing', async () => {
    await using world = await openWorld()
    const tails = ['/@E/', '/?u=@E', '//E/', '/http://E/', '/;@E', '/?http://E', '/#@E', '/x:y@E']
    const asked = tails.map((tail) => ({ url: write(`http://A${tail}`, world.allowed, world.evil) }))
    const { seen } = await ask(world.gate, world.policy, asked)
    expect(verdicts(seen)).toEqual(tails.map(() => '200'))
    expect(new Set(world.network.resolved)).toEqual(new Set(['allowed.test']))
    expect(world.evil.connections).toBe(0)
    expect(new Set(world.allowed.requests.map(({ headers }) => headers.host))).toEqual(
      new Set([`allowed.test:${world.allowed.port}`]),
    )
  })

  it('leads to the other host for whoever is granted that one', async () => {
    await using world = await openWorld()
    const policy = httpPolicy({ allowed_domains: [`http://evil.test:${world.evil.port}`] })
    const url = write('http://E/@A/', world.allowed, world.evil)
    expect(verdicts((await ask(world.gate, policy, [{ url }])).seen)).toEqual(['200'])
    expect(world.evil.requests).toHaveLength(1)
  })

  it('would pass if it were repaired instead of refused', async () => {
    await using world = await openWorld(lenientUrls)
    const asked = CONFUSING.map((text) => ({ url: write(text, world.allowed, world.evil) }))
    const { seen } = await ask(world.gate, world.policy, asked)
    expect(seen.filter(({ status }) => status === 200).length).toBeGreaterThan(5)
  })
})
