import { describe, expect, it } from 'vitest'
import { awsHeaders, type AwsScope } from '../../../src/capabilities/http/aws-v4.ts'
import type { HttpRequest } from '../../../src/capabilities/http/ops.ts'

type Vector = {
  readonly name: string
  readonly scope: AwsScope
  readonly secret: string
  readonly at: string
  readonly request: Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>
  readonly signed: string
  readonly signature: string
}

const EXAMPLE = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const scopeOf = (awsApi: string, accessKeyId = 'AKIDEXAMPLE'): AwsScope => ({
  kind: 'aws_v4',
  accessKeyId,
  region: 'us-east-1',
  awsApi,
})
const requestOf = (
  method: 'GET' | 'POST' | 'PUT',
  url: string,
  headers: HttpRequest['headers'] = [],
  text?: string,
): Vector['request'] => ({ method, url, headers, body: text === undefined ? null : { text } })

const ofS3 = (rest: Pick<Vector, 'name' | 'request' | 'signed' | 'signature'>): Vector => ({
  scope: scopeOf('s3', 'AKIAIOSFODNN7EXAMPLE'),
  secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  at: '2013-05-24T00:00:00Z',
  ...rest,
})
const ofSuite = (rest: Pick<Vector, 'name' | 'request' | 'signed' | 'signature'>): Vector => ({
  scope: scopeOf('service'),
  secret: EXAMPLE,
  at: '2015-08-30T12:36:00Z',
  ...rest,
})

/** As AWS publishes them: the test suite of Signature Version 4, and the examples of IAM and S3. */
const VECTORS: readonly Vector[] = [
  ofSuite({
    name: 'get-vanilla',
    request: requestOf('GET', 'https://example.amazonaws.com/'),
    signed: 'host;x-amz-date',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  }),
  ofSuite({
    name: 'get-vanilla-query-order-key-case',
    request: requestOf('GET', 'https://example.amazonaws.com/?Param2=value2&Param1=value1'),
    signed: 'host;x-amz-date',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  }),
  ofSuite({
    name: 'post-vanilla',
    request: requestOf('POST', 'https://example.amazonaws.com/'),
    signed: 'host;x-amz-date',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  }),
  {
    ...ofSuite({
      name: 'IAM ListUsers',
      request: requestOf('GET', 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08', [
        ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ]),
      signed: 'content-type;host;x-amz-date',
      signature: '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    }),
    scope: scopeOf('iam'),
  },
  ofS3({
    name: 'S3 GET Object',
    request: requestOf('GET', 'https://examplebucket.s3.amazonaws.com/test.txt', [['range', 'bytes=0-9']]),
    signed: 'host;range;x-amz-content-sha256;x-amz-date',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  }),
  ofS3({
    name: 'S3 PUT Object',
    request: requestOf(
      'PUT',
      'https://examplebucket.s3.amazonaws.com/test$file.text',
      [
        ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
        ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      ],
      'Welcome to Amazon S3.',
    ),
    signed: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  }),
  ofS3({
    name: 'S3 GET Bucket Lifecycle',
    request: requestOf('GET', 'https://examplebucket.s3.amazonaws.com/?lifecycle'),
    signed: 'host;x-amz-content-sha256;x-amz-date',
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  }),
  ofS3({
    name: 'S3 List Objects',
    request: requestOf('GET', 'https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J'),
    signed: 'host;x-amz-content-sha256;x-amz-date',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  }),
]

const signatureOf = async ({ request, scope, secret, at }: Vector): Promise<string> => {
  const headers = new Map(await awsHeaders(request, scope, secret, Date.parse(at)))
  return headers.get('authorization') ?? ''
}

describe('a signature of AWS', () => {
  it.each(VECTORS)('is that of the published example $name', async (vector) => {
    const { scope, at, signed, signature } = vector
    const day = at.slice(0, 10).replaceAll('-', '')
    expect(await signatureOf(vector)).toBe(
      `AWS4-HMAC-SHA256 Credential=${scope.accessKeyId}/${day}/us-east-1/${scope.awsApi}/aws4_request, SignedHeaders=${signed}, Signature=${signature}`,
    )
  })

  it.each<[string, Partial<Vector['request']>]>([
    ['method', { method: 'POST' }],
    ['path', { url: 'https://examplebucket.s3.amazonaws.com/other.txt' }],
    ['query', { url: 'https://examplebucket.s3.amazonaws.com/test.txt?a=1' }],
    ['host', { url: 'https://otherbucket.s3.amazonaws.com/test.txt' }],
    ['port', { url: 'https://examplebucket.s3.amazonaws.com:8443/test.txt' }],
    ['headers', { headers: [['range', 'bytes=0-10']] }],
    ['body', { body: { base64: 'AAEC' } }],
  ])('is another one for another %s', async (_, change) => {
    const [vector] = VECTORS.filter(({ name }) => name === 'S3 GET Object')
    if (vector === undefined) throw new Error('no such vector')
    const changed = { ...vector, request: { ...vector.request, ...change } }
    expect(await signatureOf(changed)).not.toContain(vector.signature)
  })

  it('leaves nothing of what the guest says in the place of the host', async () => {
    const [vector] = VECTORS
    if (vector === undefined) throw new Error('no vector')
    const forged: HttpRequest['headers'] = [
      ['authorization', 'AWS4-HMAC-SHA256 forged'],
      ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'],
      ['x-amz-date', '20990101T000000Z'],
    ]
    expect(await signatureOf({ ...vector, request: { ...vector.request, headers: forged } })).toContain(
      vector.signature,
    )
  })
})
