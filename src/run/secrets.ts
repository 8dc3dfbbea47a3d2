import { readFileSync } from 'node:fs'
import type { Redaction } from '../audit/redact.ts'
import { SECRET_SIZE_MIN } from '../audit/secret-forms.ts'
import type { ResolvedSecret } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy, SecretDeclaration } from '../policy/compiled.ts'

type Environment = Readonly<Record<string, string | undefined>>

function read({ name, source }: SecretDeclaration, env: Environment): string {
  const missing = (what: string, cause?: unknown): TollgateError =>
    new TollgateError('CONFIG_SECRET_MISSING', `The secret ${name} has no value: ${what}.`, {
      rule: `secrets.${name}`,
      cause,
    })
  if (source.kind === 'env') {
    const value = env[source.variable]
    if (value === undefined || value === '')
      throw missing(`the environment variable ${source.variable} is not set`)
    return value
  }
  try {
    return readFileSync(source.path, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw missing(`the file ${source.path} cannot be read`, cause)
  }
}

/**
 * Resolves every secret of a policy, before the guest gets its first result, so that redaction knows them all (SOUNDNESS 21).
 * Throws CONFIG_SECRET_MISSING, also for a value that is too short to be told from ordinary text.
 */
export function resolveSecrets(
  policy: CompiledPolicy,
  env: Environment,
): ReadonlyMap<string, ResolvedSecret> {
  const secrets = new Map<string, ResolvedSecret>()
  for (const declaration of policy.secrets.values()) {
    const { name, signer, hosts } = declaration
    const value = read(declaration, env)
    if (value.length < SECRET_SIZE_MIN) {
      throw new TollgateError(
        'CONFIG_SECRET_MISSING',
        `The secret ${name} is shorter than ${SECRET_SIZE_MIN} characters, so it could not be redacted.`,
        {
          rule: `secrets.${name}`,
        },
      )
    }
    secrets.set(name, Object.freeze({ name, value, signer, hosts }))
  }
  return secrets
}

/** A credential behind the name of its scheme, as one header carries both: `Token 0a1b…` (RFC 9110, section 11.4). */
const SCHEME_AND_TOKEN = /^[A-Za-z][\w-]* +(\S+)$/

/** What a server sees of a secret besides its value: what a signer makes of it, or the part of it that is the credential. */
function seenAs({ value, signer }: ResolvedSecret): string | undefined {
  if (signer.kind === 'basic') return Buffer.from(`${signer.username}:${value}`).toString('base64')
  const token = SCHEME_AND_TOKEN.exec(value)?.[1]
  return token !== undefined && token.length >= SECRET_SIZE_MIN ? token : undefined
}

/** Everything that must not appear anywhere: each value, and what a server may hand back for it. */
export function redactionsOf(secrets: ReadonlyMap<string, ResolvedSecret>): readonly Redaction[] {
  return [...secrets.values()].flatMap((secret) =>
    [secret.value, seenAs(secret)].flatMap((value) =>
      value === undefined ? [] : { name: secret.name, value },
    ),
  )
}
