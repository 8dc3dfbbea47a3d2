import { expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { openSite } from '../harness/site.ts'

const expectedFacts = (origin: string): object[] => [
  {
    seq: 1,
    op: 'http.request',
    subject: `GET ${origin}/a`,
    verdict: 'allow',
    status: 200,
    address: '127.0.0.1',
    egress_bytes: origin.length + 2,
    ingress_bytes: 2,
  },
  {
    seq: 2,
    subject: `POST ${origin}/b`,
    verdict: 'allow',
    effect: 'write',
    egress_bytes: origin.length + 2 + 5,
  },
  {
    seq: 3,
    subject: 'GET https://evil.test/',
    verdict: 'deny',
    code: 'DENIED_DOMAIN',
    gate: 'authorize',
    rule: 'permissions.http.allowed_domains',
    egress_bytes: 0,
  },
  {
    seq: 4,
    subject: `GET ${origin}/break`,
    verdict: 'deny',
    code: 'UPSTREAM_UNREACHABLE',
    gate: 'perform',
    egress_bytes: origin.length + 6,
  },
  {
    seq: 5,
    subject: 'GET not a url',
    verdict: 'deny',
    code: 'DENIED_URL',
    gate: 'authorize',
    egress_bytes: 0,
  },
]

it('every outbound call is logged, the refused and the failed ones too, each once and in order', async () => {
  await using site = await openSite(
    ({ url }, response) => void (url === '/break' ? response.destroy() : response.end('ok')),
  )
  await using gate = await openGate()
  const policy = httpPolicy({ allowed_domains: [{ domain: site.origin, methods: ['GET', 'POST'] }] })
  const asked = [
    { url: `${site.origin}/a` },
    { url: `${site.origin}/b`, method: 'POST', body: 'hello' },
    { url: 'https://evil.test/' },
    { url: `${site.origin}/break` },
    { url: 'not a url' },
  ]
  const { seen, result } = await ask(gate, policy, asked)
  expect(verdicts(seen).slice(2)).toEqual([
    'DENIED_DOMAIN at authorize',
    'UPSTREAM_UNREACHABLE at perform',
    'DENIED_URL at authorize',
  ])

  const records = await gate.audit.read({ runId: result.runId })
  expect(records.filter(({ event }) => event === 'call').map(({ facts }) => facts)).toMatchObject(
    expectedFacts(site.origin),
  )
  // An effect is written down before it happens, too.
  const [intended] = records.filter(({ event }) => event === 'call.intended')
  const done = records.find(({ event, facts }) => event === 'call' && facts['seq'] === 2)
  expect(intended?.facts).toMatchObject({ seq: 2, subject: `POST ${site.origin}/b` })
  expect(intended?.n).toBeLessThan(done?.n ?? 0)
  expect(records.map(({ n }) => n)).toEqual(records.map((_, at) => at))
  expect(await gate.audit.verify()).toMatchObject({ intact: true, records: records.length })
})

it('calls that nobody waits for are logged as well', async () => {
  await using site = await openSite()
  await using gate = await openGate()
  const code =
    'for (let i = 0; i < 5; i += 1) void http.get(input + "/" + i).catch(() => 0); await http.get(input)'
  const { runId } = await gate.run({
    code,
    policy: httpPolicy({ allowed_domains: [site.origin] }),
    input: site.origin,
  })
  const records = await gate.audit.read({ runId })
  expect(records.filter(({ event }) => event === 'call')).toHaveLength(6)
})
