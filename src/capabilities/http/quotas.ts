import type { Quota } from '../capability.ts'
import type { HttpEntry } from './entry.ts'
import type { Header } from './header-rules.ts'
import type { RequestBody } from './ops.ts'

/** Bytes of the settings of the grant that a single call is measured against. */
export type SizeLimits = { readonly egressBytesMax: number; readonly rate: Quota | undefined }

/** Bytes that the guest chose and that leave: URL, headers (with separators) and body. */
export function egressBytes(url: string, headers: readonly Header[], body: RequestBody | null): number {
  const headerBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0)
  return url.length + headerBytes + bodyBytes(body)
}

const utf8 = new TextEncoder()

/** Decoded length of a body. */
function bodyBytes(body: RequestBody | null): number {
  if (body === null) return 0
  if ('text' in body) return utf8.encode(body.text).length
  const padding = body.base64.endsWith('==') ? 2 : body.base64.endsWith('=') ? 1 : 0
  return (body.base64.length / 4) * 3 - padding
}

/**
 * What a request of this size draws on. The destination is the domain as the policy writes it: all hosts under one wildcard
 * share one account, and each URL counts with its host name, so labels cannot carry out more than other bytes do.
 */
export function quotasOf(
  entry: HttpEntry,
  amount: number,
  { egressBytesMax, rate }: SizeLimits,
): readonly Quota[] {
  const quotas: Quota[] = [
    {
      meter: `http.egress:${entry.pattern.text}`,
      amount,
      max: egressBytesMax,
      scope: 'run',
      code: 'LIMIT_EGRESS',
      rule: 'permissions.http.max_egress_kb',
    },
  ]
  if (entry.egressBytesMax !== undefined) {
    quotas.push({
      meter: `http.egress:${entry.rule}`,
      amount,
      max: entry.egressBytesMax,
      scope: 'run',
      code: 'LIMIT_EGRESS',
      rule: `${entry.rule}.max_egress_kb`,
    })
  }
  if (rate !== undefined) quotas.push(rate)
  return Object.freeze(quotas.map((quota) => Object.freeze(quota)))
}

/** Price of bytes that leave, in micro-dollars, rounded up. */
export const egressMicroUsd = (bytes: number, egressMbMicroUsd: number): number =>
  Math.ceil((bytes * egressMbMicroUsd) / (1024 * 1024))
