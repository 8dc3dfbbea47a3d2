import type { HeldToken, RenewedTokens, ResolvedSecret, SecretSigner, TokenHolder } from '../capability.ts'
import type { Deadline } from './deadline.ts'

/** A secret that is a refresh token, with what it has become. */
export type RenewableSecret = ResolvedSecret & {
  readonly signer: Extract<SecretSigner, { kind: 'oauth_refresh' }>
  readonly tokens: TokenHolder
}

/** Gets new tokens for a secret from its token endpoint. Throws UPSTREAM_TOKEN, CONFIG_SECRET_REFUSED and DENIED_SECRET_HOST. */
export type RenewTokens = (secret: RenewableSecret, refreshToken: string) => Promise<RenewedTokens>

/** Whether a secret is never sent itself, but renewed. */
export const isRenewable = (secret: ResolvedSecret): secret is RenewableSecret =>
  secret.signer.kind === 'oauth_refresh' && secret.tokens !== undefined

/** The access tokens of one call: each the same on every hop, and renewed at most once. */
export class CallTokens {
  readonly #renew: RenewTokens
  readonly #deadline: Deadline
  readonly #held = new Map<string, HeldToken>()

  constructor(renew: RenewTokens, deadline: Deadline) {
    this.#renew = renew
    this.#deadline = deadline
  }

  /** Whether a token endpoint was asked on behalf of this call. */
  get renewed(): boolean {
    return this.#held.values().some(({ isNew }) => isNew)
  }

  /** The token to send. Throws UPSTREAM_TIMEOUT and what {@link RenewTokens} throws. */
  async get(secret: RenewableSecret): Promise<string> {
    const { token: held } = this.#held.get(secret.name) ?? (await this.#take(secret, undefined))
    return held
  }

  /** After a 401: gets another token. False when this call has had its renewal; then the answer stands. */
  async replace(secret: RenewableSecret): Promise<boolean> {
    const held = this.#held.get(secret.name)
    if (held === undefined || held.isNew) return false
    const { token: another } = await this.#take(secret, held.token)
    // Another run may have renewed it meanwhile; that counts as well.
    this.#held.set(secret.name, { token: another, isNew: true })
    return true
  }

  async #take(secret: RenewableSecret, rejected: string | undefined): Promise<HeldToken> {
    const taking = secret.tokens.get(rejected, (refreshToken) => this.#renew(secret, refreshToken))
    const held = await this.#deadline.race(taking)
    this.#held.set(secret.name, held)
    return held
  }
}
