import type { GrantEnvironment } from '../capability.ts'
import { readNetwork, type Network } from './address.ts'
import type { SizeLimits } from './quotas.ts'
import type { HttpDocument } from './schema.ts'

/** The limits of a grant, in the units that the code works with. */
export type HttpSettings = SizeLimits & {
  readonly responseBytesMax: number
  readonly requestBytesMax: number
  readonly redirectsMax: number
  readonly concurrentMax: number
  readonly timeoutMs: number
  readonly networks: readonly Network[]
  readonly egressMbMicroUsd: number
}

/** Turns the limits of the document into bytes and milliseconds. */
export function compileSettings(document: HttpDocument, environment: GrantEnvironment): HttpSettings {
  const bytes = (kb: number): number => Math.floor(kb * 1024)
  const networks = document.private_networks
    .map((text) => readNetwork(text))
    .filter((network) => typeof network !== 'string')
  return Object.freeze({
    responseBytesMax: bytes(document.max_response_size_kb),
    requestBytesMax: bytes(document.max_request_size_kb),
    egressBytesMax: bytes(document.max_egress_kb),
    redirectsMax: document.max_redirects,
    concurrentMax: document.max_concurrent,
    timeoutMs: Math.floor(document.timeout_seconds * 1000),
    networks: Object.freeze(networks),
    egressMbMicroUsd: environment.prices.egressMbMicroUsd,
    rate:
      document.rate &&
      Object.freeze({
        meter: 'http.rate',
        amount: 1,
        max: document.rate.calls,
        windowMs: Math.ceil(document.rate.per_seconds * 1000),
        code: 'LIMIT_RATE',
        rule: 'permissions.http.rate',
      }),
  })
}
