import { hash } from 'node:crypto'
import type { HeldToken, RenewedTokens, SecretSigner, TokenHolder } from '../capabilities/capability.ts'
import { asTollgateError } from '../errors/tollgate-error.ts'

/** So many of the last values of a credential are kept out of the results of runs that begin; a run remembers what it met. */
const KNOWN_MAX = 64
/** Credentials that one process holds tokens of; beyond it the oldest is forgotten, and starts anew from its source. */
const HOLDERS_MAX = 1000
/** A token is renewed a little before it expires: it must still be good when it arrives. */
const MARGIN_MS_MAX = 30_000

type Access = { readonly token: string; readonly untilMs: number }

/** The tokens that one refresh token has become. */
class Holder implements TokenHolder {
  readonly #given: string
  readonly #now: () => number
  #refreshToken: string
  #access: Access | undefined
  #pending: Promise<string> | undefined
  #known: readonly string[] = []

  constructor(refreshToken: string, now: () => number) {
    this.#given = refreshToken
    this.#refreshToken = refreshToken
    this.#now = now
  }

  get known(): readonly string[] {
    return this.#known
  }

  async get(
    rejected: string | undefined,
    renew: (refreshToken: string) => Promise<RenewedTokens>,
  ): Promise<HeldToken> {
    const access = this.#access
    if (access !== undefined && access.token !== rejected && this.#now() < access.untilMs)
      return { token: access.token, isNew: false }
    this.#pending ??= this.#renew(renew).finally(() => (this.#pending = undefined))
    return { token: await this.#pending, isNew: true }
  }

  async #renew(renew: (refreshToken: string) => Promise<RenewedTokens>): Promise<string> {
    this.#access = undefined
    let renewed: RenewedTokens
    try {
      renewed = await renew(this.#refreshToken)
    } catch (error) {
      // A rotated token that is good no longer would be in the way for ever.
      if (asTollgateError(error).code === 'CONFIG_SECRET_REFUSED') this.#refreshToken = this.#given
      throw error
    }
    const { accessToken, refreshToken, lifetimeMs } = renewed
    // Known before anybody is told: nothing that could hold them has been asked for yet.
    this.#learn(refreshToken === undefined ? [accessToken] : [accessToken, refreshToken])
    if (refreshToken !== undefined) this.#refreshToken = refreshToken
    const marginMs = Math.min(MARGIN_MS_MAX, lifetimeMs / 10)
    this.#access = { token: accessToken, untilMs: this.#now() + lifetimeMs - marginMs }
    return accessToken
  }

  #learn(values: readonly string[]): void {
    this.#known = [...new Set([...this.#known, ...values])].slice(-KNOWN_MAX)
  }
}

/**
 * The tokens of a Tollgate, by refresh token and the place where it is renewed: whoever holds the same one shares them, for a token
 * endpoint that rotates takes each refresh token once. They live in this process alone and are never written down.
 */
export class TokenHolders {
  readonly #holders = new Map<string, Holder>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  of(signer: Extract<SecretSigner, { kind: 'oauth_refresh' }>, refreshToken: string): TokenHolder {
    const key = hash('sha256', JSON.stringify([signer, refreshToken]))
    const held = this.#holders.get(key) ?? new Holder(refreshToken, this.#now)
    // The one that was asked for last stands last.
    this.#holders.delete(key)
    this.#holders.set(key, held)
    if (this.#holders.size > HOLDERS_MAX) this.#holders.delete(this.#holders.keys().next().value ?? key)
    return held
  }
}
