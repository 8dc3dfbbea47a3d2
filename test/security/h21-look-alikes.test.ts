import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'
import { lenientUrls } from '../harness/weak-http.ts'
import { openGateOf, type Replace } from '../run/gates.ts'

/** Near the allowed names `allowed.test`, `kiosk.test` and `bücher.test`, or spelt like them. */
const LOOK_ALIKES = [
  'allowed.test.evil.test',
  'allowed.test-evil.test',
  'evilallowed.test',
  'evil-allowed.test',
  'evil.allowed.test',
  'www.allowed.test',
  'allowed.tes',
  'allowed.testt',
  'allowed',
  'test',
  'allowed.test.',
  'allowed.test..',
  'allowed-.test',
  'a11owed.test',
  'all\u00adowed.test',
  'allowed.te\u200bst',
  'allowed.te\u2060st',
  '\ufeffallowed.test',
  'ａllowed.test',
  'ⓐllowed.test',
  'allowed。test',
  'allowed․test',
  'аllowed.test',
  'xn--llowed-3fg.test',
  'alloωed.test',
  'аllowed.tеst',
  'ALLOWED。TEST',
  '\u212aiosk.test',
  'ſtest.test',
  'xn--allowed-.test',
  'xn--allowed.test',
  'bucher.test',
  'bu\u0308cher.test',
  'BÜCHER.test',
  'büchеr.test',
  'xn--bcher-kva.test.evil.test',
  'xn--bcher-kvb.test',
]

const openWorld = async (replace?: Replace) => {
  const site = await openSite()
  const everything = new Proxy({}, { get: () => ['127.0.0.1'] })
  const network = stubNetwork(everything)
  const options = { powers: { http: network.http } }
  const gate = replace === undefined ? await openGate(options) : await openGateOf(options, replace)
  const names = ['allowed.test', 'kiosk.test', 'bücher.test']
  return {
    site,
    network,
    gate,
    policy: httpPolicy({ allowed_domains: names.map((name) => `http://${name}:${site.port}`) }),
    async [Symbol.asyncDispose]() {
      await gate.close()
      await site[Symbol.asyncDispose]()
    },
  }
}

describe('a name that looks like an allowed one', () => {
  it('is refused at authorize, and never looked up', async () => {
    await using world = await openWorld()
    const asked = LOOK_ALIKES.map((name) => ({ url: `http://${name}:${world.site.port}/` }))
    const { seen } = await ask(world.gate, world.policy, asked)
    expect(
      seen.map(({ code, gate }, at) => [LOOK_ALIKES[at], code?.replace(/URL|DOMAIN/, '…'), gate]),
    ).toEqual(LOOK_ALIKES.map((name) => [name, 'DENIED_…', 'authorize']))
    expect(world.network.resolved).toEqual([])
    expect(world.site.connections).toBe(0)
  })

  it('would partly be reached if names were repaired instead of refused', async () => {
    await using world = await openWorld(lenientUrls)
    const asked = LOOK_ALIKES.map((name) => ({ url: `http://${name}:${world.site.port}/` }))
    await ask(world.gate, world.policy, asked)
    expect(world.site.requests.length).toBeGreaterThan(5)
  })

  it('is shown to the guest and to the operator in punycode', async () => {
    await using world = await openWorld()
    const { seen } = await ask(world.gate, world.policy, [{ url: `http://аllowed.test:${world.site.port}/` }])
    expect(seen[0]?.message).toContain('xn--llowed-')
    expect(seen[0]?.message).not.toContain('а')
  })
})

describe('an allowed name', () => {
  it('is matched by whole labels, whatever the case of its ASCII letters, and dialled in its one canonical form', async () => {
    await using world = await openWorld()
    const names = [
      'allowed.test',
      'ALLOWED.TEST',
      'AlLoWeD.tEsT',
      'bücher.test',
      'xn--bcher-kva.test',
      'XN--BCHER-KVA.TEST',
    ]
    const asked = names.map((name) => ({ url: `http://${name}:${world.site.port}/` }))
    const { seen } = await ask(world.gate, world.policy, asked)
    expect(verdicts(seen)).toEqual(names.map(() => '200'))
    expect(world.site.requests.map(({ headers }) => headers.host)).toEqual([
      ...Array.from({ length: 3 }, () => `allowed.test:${world.site.port}`),
      ...Array.from({ length: 3 }, () => `xn--bcher-kva.test:${world.site.port}`),
    ])
    expect(new Set(world.network.resolved)).toEqual(new Set(['allowed.test', 'xn--bcher-kva.test']))
  })
})
