import { hash } from 'node:crypto'
import type { SecretSigner } from '../capability.ts'
import { bytesOf } from './exchange.ts'
import type { Header } from './header-rules.ts'
import type { HttpRequest } from './ops.ts'

/** What AWS is told about the key, the region and the service. */
export type AwsScope = Extract<SecretSigner, { kind: 'aws_v4' }>

/** These say who asks, when, and for what body: the host alone writes them. */
const OF_THE_HOST = new Set(['authorization', 'x-amz-date', 'x-amz-content-sha256'])

/**
 * The headers that sign one hop (AWS Signature Version 4): every header that the guest set, the host as it is sent, the path, the
 * query and the digest of the body. Made anew for each hop, over what is sent there. `nowMs`: milliseconds since 1970.
 */
export async function awsHeaders(
  request: Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body'>,
  { accessKeyId, region, awsApi }: AwsScope,
  secretAccessKey: string,
  nowMs: number,
): Promise<readonly Header[]> {
  // Loaded by the first request that is signed.
  const { AwsV4Signer } = await import('aws4fetch')
  const { method, url, body } = request
  const bytes = bytesOf(body) ?? Buffer.alloc(0)
  const given = request.headers.filter(([name]) => !OF_THE_HOST.has(name))
  // S3 asks for it, and nobody else does.
  const digest: Header[] = awsApi === 's3' ? [['x-amz-content-sha256', hash('sha256', bytes)]] : []
  const signer = new AwsV4Signer({
    method,
    url,
    headers: [...given, ...digest].map(([name, value]): [string, string] => [name, value]),
    // A view of its own buffer: a small one of Node's lies in a pool.
    body: new Uint8Array(bytes),
    accessKeyId,
    secretAccessKey,
    region,
    service: awsApi,
    datetime: new Date(nowMs).toISOString().replaceAll(/[:-]|\.\d{3}/gu, ''),
    allHeaders: true,
  })
  const { headers } = await signer.sign()
  return [...OF_THE_HOST].flatMap((name): Header[] => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value]]
  })
}
