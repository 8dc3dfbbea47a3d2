import type { Duplex } from 'node:stream'

/** What the http driver needs of the world. Made in src/run/powers.ts; replaced by tests and by embedders with their own DNS. */
export type HttpPowers = {
  /** Every address of a host name (A and AAAA), as text. Rejects when there is none. */
  resolve(hostname: string, signal: AbortSignal): Promise<readonly string[]>
  /** Opens a TCP connection to an address that was judged; never resolves a name. */
  dial(address: string, port: number): Duplex
  /** Certificate authorities trusted besides the built-in ones (PEM). */
  readonly extraCa?: string
}
