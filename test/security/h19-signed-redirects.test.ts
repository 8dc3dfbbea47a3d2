import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite, type Arrived } from '../harness/site.ts'
import { drive, failureOf, secret } from '../capabilities/http/driving.ts'

const FIRST = 'first-secret-4f9a1c7be2d84c50'
const SECOND = 'second-secret-7be2d84c504f9a1c'

const mac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const digest = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What a server that follows the standard finds in the place of a signature: written here anew, from what arrived. */
const expectedSignature = ({ method, url, headers, body }: Arrived, key: string): string => {
  const authorization = String(headers.authorization)
  const [, day = '', signed = ''] =
    /Credential=[^/]+\/(\d{8})\/.*SignedHeaders=([^,]+)/.exec(authorization) ?? []
  const [path = '', query = ''] = url.split('?')
  const canonical = [
    method,
    path,
    query,
    ...signed.split(';').map((name) => `${name}:${String(headers[name])}`),
    '',
    signed,
    digest(String(body)),
  ].join('\n')
  const scope = `${day}/eu-west-1/execute-api/aws4_request`
  const text = ['AWS4-HMAC-SHA256', String(headers['x-amz-date']), scope, digest(canonical)].join('\n')
  const signing = ['eu-west-1', 'execute-api', 'aws4_request'].reduce(mac, mac(`AWS4${key}`, day))
  return mac(signing, text).toString('hex')
}

const signatureIn = ({ headers }: Arrived): string =>
  /Signature=([0-9a-f]{64})$/.exec(String(headers.authorization))?.[1] ?? 'none'

const aws = (from: string, rest: object = {}): object => ({
  from,
  aws_v4: { access_key_id: 'AKIDEXAMPLE', region: 'eu-west-1', service: 'execute-api' },
  ...rest,
})

const world = async () => {
  const second = await openSite()
  const first = await openSite(({ url }, response) => {
    const location = url.startsWith('/on') ? `http://second.test:${second.port}/v1/there` : '/v1/here?a=1'
    if (url.startsWith('/on') || url.startsWith('/again'))
      return void response.writeHead(307, { location }).end()
    response.end('ok')
  })
  const network = stubNetwork({ 'first.test': ['127.0.0.1'], 'second.test': ['127.0.0.1'] })
  const gate = await openGate({
    powers: { http: network.http, env: { FIRST_KEY: FIRST, SECOND_KEY: SECOND } },
  })
  const policyOf = (secondAuth?: string): object =>
    httpPolicy(
      {
        allowed_domains: [
          { domain: `http://first.test:${first.port}`, methods: ['GET', 'POST'], auth: 'first' },
          {
            domain: `http://second.test:${second.port}`,
            methods: ['GET', 'POST'],
            ...(secondAuth && { auth: secondAuth }),
          },
        ],
      },
      { secrets: { first: aws('env:FIRST_KEY', { hosts: ['first.test'] }), second: aws('env:SECOND_KEY') } },
    )
  return { first, second, gate, policyOf, origin: `http://first.test:${first.port}` }
}

describe('a signed request that is redirected', () => {
  it('is signed anew at each hop, over what is sent there, and with the key of that place', async () => {
    const { first, second, gate, policyOf, origin } = await world()
    await using _all = new AsyncDisposableStack()
    for (const one of [first, second, gate]) _all.use(one)
    const body = { text: 'the body' }
    const asked = [
      { url: `${origin}/again`, method: 'POST', body, headers: { 'content-type': 'text/plain' } },
      { url: `${origin}/on` },
    ]
    const { seen, result } = await ask(gate, policyOf('second'), asked)
    expect(verdicts(seen)).toEqual(['200', '200'])
    const arrived = [...first.requests, ...second.requests]
    expect(arrived.map(({ url }) => url)).toEqual(['/again', '/v1/here?a=1', '/on', '/v1/there'])
    expect(arrived.map(signatureIn)).toEqual(
      arrived.map((one, at) => expectedSignature(one, at < 3 ? FIRST : SECOND)),
    )
    expect(new Set(arrived.map(signatureIn)).size).toBe(4)
    expect(JSON.stringify([arrived, result, await gate.audit.read()])).not.toMatch(/(?:first|second)-secret-/)
  })

  it('takes no signature along to a place that has no key', async () => {
    const { first, second, gate, policyOf, origin } = await world()
    await using _all = new AsyncDisposableStack()
    for (const one of [first, second, gate]) _all.use(one)
    await ask(gate, policyOf(), [{ url: `${origin}/on` }])
    expect(first.requests.map(signatureIn)).not.toContain('none')
    expect(second.requests.map(({ headers }) => [headers.authorization, headers['x-amz-date']])).toEqual([
      [undefined, undefined],
    ])
  })

  it.each([
    ['hosts that leave it out', ['first.test'], 'DENIED_SECRET_HOST'],
    ['hosts that name it', ['first.test', 'second.test'], 'sent'],
  ])('to another host, under %s, is %s', async (_, hosts, expected) => {
    await using second = await openSite()
    await using first = await openSite((__, response) => {
      response.writeHead(302, { location: `http://second.test:${second.port}/` }).end()
    })
    const signer = {
      kind: 'aws_v4',
      accessKeyId: 'AKIDEXAMPLE',
      region: 'eu-west-1',
      awsApi: 's3',
    } as const
    const api = drive({
      document: {
        allowed_domains: [first, second].map(({ port }, at) => ({
          domain: `http://${at === 0 ? 'first' : 'second'}.test:${port}`,
          auth: 'key',
        })),
      },
      secrets: [secret('key', FIRST, signer, hosts)],
    })
    const call = api.call({ url: `http://first.test:${first.port}/` })
    const found = expected === 'sent' ? await call.then(() => 'sent') : (await failureOf(call)).code
    expect(found).toBe(expected)
    expect([first.requests.length, second.requests.length]).toEqual([1, expected === 'sent' ? 1 : 0])
  })
})
