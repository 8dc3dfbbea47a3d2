import { readFileSync } from 'node:fs'
import type { Redaction } from '../audit/redact.ts'
import { SECRET_SIZE_MIN } from '../audit/secret-forms.ts'
import type { ResolvedSecret } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy, SecretDeclaration } from '../policy/compiled.ts'
import type { SecretProvider } from './options.ts'
import type { TokenHolders } from './token-holders.ts'
import { untilAborted } from '../broker/until-aborted.ts'

/** Where values come from. */
export type SecretSources = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly provideSecret?: SecretProvider | undefined
  /** How long the provider may take, in milliseconds. */
  readonly providerMsMax?: number
  /** What refresh tokens have become. */
  readonly holders: TokenHolders
}

/** The run that asks. */
type Asker = {
  readonly principal: string
  readonly task: string | undefined
  readonly signal: AbortSignal | undefined
}

/** A secret without a value, and why: a problem of the policy `path`. Holds no part of a value. */
export type MissingSecret = {
  readonly code: 'CONFIG_SECRET_MISSING'
  readonly path: string
  readonly message: string
}

const PROVIDER_MS_MAX = 10_000

const missing = (name: string, what: string, cause?: unknown): TollgateError =>
  new TollgateError('CONFIG_SECRET_MISSING', `The secret ${name} has no value: ${what}.`, {
    rule: `secrets.${name}`,
    cause,
  })

/** A value that is too short cannot be told from ordinary text. */
function checked(name: string, value: string): string {
  if (value.length >= SECRET_SIZE_MIN) return value
  throw new TollgateError(
    'CONFIG_SECRET_MISSING',
    `The secret ${name} is shorter than ${SECRET_SIZE_MIN} characters, so it could not be redacted.`,
    { rule: `secrets.${name}` },
  )
}

type LocalSource = Exclude<SecretDeclaration['source'], { kind: 'provider' }>

function readLocal(name: string, source: LocalSource, env: SecretSources['env']): string {
  if (source.kind === 'env') {
    const value = env[source.variable]
    if (value === undefined || value === '')
      throw missing(name, `the environment variable ${source.variable} is not set`)
    return value
  }
  try {
    return readFileSync(source.path, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw missing(name, `the file ${source.path} cannot be read`, cause)
  }
}

/** What the provider throws stays a cause: it may hold what it was about to give. */
async function askProvider(
  name: string,
  key: string,
  { provideSecret, providerMsMax = PROVIDER_MS_MAX }: SecretSources,
  { principal, task, signal: given }: Asker,
): Promise<string> {
  if (provideSecret === undefined)
    throw missing(name, `provider:${key} needs the option secrets of createTollgate`)
  const timeout = AbortSignal.timeout(providerMsMax)
  const signal = given === undefined ? timeout : AbortSignal.any([given, timeout])
  let value: unknown
  try {
    value = await untilAborted(
      Promise.try(() => provideSecret(key, { principal, task, signal })),
      signal,
    )
  } catch (cause) {
    const late = timeout.aborted ? `did not give provider:${key} within ${providerMsMax} ms` : undefined
    throw missing(name, `the provider ${late ?? `failed to give provider:${key}`}`, cause)
  }
  if (typeof value !== 'string' || value === '') throw missing(name, `the provider has no provider:${key}`)
  return value
}

async function resolveOne(
  { name, source, signer, hosts }: SecretDeclaration,
  sources: SecretSources,
  asker: Asker,
): Promise<ResolvedSecret> {
  const value =
    source.kind === 'provider'
      ? await askProvider(name, source.key, sources, asker)
      : readLocal(name, source, sources.env)
  const tokens = signer.kind === 'oauth_refresh' ? sources.holders.of(signer, value) : undefined
  return Object.freeze({ name, value: checked(name, value), signer, hosts, ...(tokens && { tokens }) })
}

/**
 * Resolves every secret of a policy, before the guest gets its first result, so that redaction knows them all (SOUNDNESS 21).
 * Throws CONFIG_SECRET_MISSING, also for a value that is too short to be told from ordinary text. Empty when the run was cancelled in
 * the meantime: then it never begins.
 */
export async function resolveSecrets(
  policy: CompiledPolicy,
  sources: SecretSources,
  asker: Asker,
): Promise<ReadonlyMap<string, ResolvedSecret>> {
  const all = [...policy.secrets.values()].map((declaration) => resolveOne(declaration, sources, asker))
  try {
    return new Map((await Promise.all(all)).map((secret) => [secret.name, secret]))
  } catch (error) {
    if (asker.signal?.aborted === true) return new Map()
    throw error
  }
}

/** The secrets of a policy that a run would find without a value; those of a provider are not asked for. */
export const missingSecrets = (policy: CompiledPolicy, env: SecretSources['env']): readonly MissingSecret[] =>
  [...policy.secrets.values()].flatMap(({ name, source }) => {
    if (source.kind === 'provider') return []
    try {
      checked(name, readLocal(name, source, env))
      return []
    } catch (error) {
      const { message } = error as Error
      return [{ code: 'CONFIG_SECRET_MISSING', path: `secrets.${name}`, message }]
    }
  })

/** A credential behind the name of its scheme, as one header carries both: `Token 0a1b…` (RFC 9110, section 11.4). */
const SCHEME_AND_TOKEN = /^[A-Za-z][\w-]* +(\S+)$/

/** The password of a url that carries one, as a server is given it. */
function passwordOf(value: string): string | undefined {
  try {
    return decodeURIComponent(URL.parse(value)?.password ?? '')
  } catch {
    return undefined
  }
}

/** What a server sees of a secret besides its value: what a signer makes of it, or the part of it that is the credential. */
function seenAs({ value, signer }: ResolvedSecret): string | undefined {
  if (signer.kind === 'basic') return Buffer.from(`${signer.username}:${value}`).toString('base64')
  const token = SCHEME_AND_TOKEN.exec(value)?.[1] ?? passwordOf(value)
  return token !== undefined && token.length >= SECRET_SIZE_MIN ? token : undefined
}

/** Names of the secrets that prove a client, which are form-encoded before they are sent (RFC 6749, section 2.3.1). */
const clientSecrets = (secrets: ReadonlyMap<string, ResolvedSecret>): ReadonlySet<string | undefined> =>
  new Set(
    [...secrets.values()].map(({ signer }) =>
      signer.kind === 'oauth_refresh' ? signer.clientSecret : undefined,
    ),
  )

/** What a server may see of all secrets: each value, and what is made of it. */
function seenOf(secrets: ReadonlyMap<string, ResolvedSecret>): readonly Redaction[] {
  const ofClients = clientSecrets(secrets)
  return [...secrets.values()].flatMap((secret) => {
    const { name, value } = secret
    const encoded = ofClients.has(name) ? new URLSearchParams([['', value]]).toString().slice(1) : undefined
    return [value, seenAs(secret), encoded].flatMap((seen) =>
      seen === undefined ? [] : { name, value: seen },
    )
  })
}

/**
 * Everything that must not appear anywhere: each value, and what a server may hand back for it. To be asked again, for a refresh
 * token becomes others while runs go on, of this run or of another that shares it: then the answer is another list.
 */
export function redactionsOf(secrets: ReadonlyMap<string, ResolvedSecret>): () => readonly Redaction[] {
  const fixed = seenOf(secrets)
  // Whoever holds the tokens forgets them at last; a run remembers each that was known while it went on.
  const renewable = [...secrets.values()].flatMap(({ name, tokens }) =>
    tokens ? [{ name, tokens, met: new Set<string>() }] : [],
  )
  if (renewable.length === 0) return () => fixed
  let seen: readonly (readonly string[])[] = []
  let all = fixed
  return () => {
    const known = renewable.map(({ tokens }) => tokens.known)
    if (known.some((values, index) => values !== seen[index])) {
      seen = known
      all = [
        ...fixed,
        ...renewable.flatMap(({ name, tokens, met }) => {
          for (const value of tokens.known) met.add(value)
          return [...met].map((value) => ({ name, value }))
        }),
      ]
    }
    return all
  }
}
