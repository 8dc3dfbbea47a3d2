import { TollgateError } from '../../../errors/tollgate-error.ts'
import type { GrantEnvironment } from '../../capability.ts'
import { schemaName, type GrantedTable } from './schema-name.ts'

/** How a database on a server is reached. */
export type ServerGrant = {
  /** Name of the secret that holds its url. */
  readonly secret: string
  readonly role: string
  /** Where the views of the grant stand. */
  readonly schema: string
}

/** Compiles what an entry says of its server. Throws CONFIG_POLICY_INVALID for a secret that is not declared, or is sent as something else. */
export function compileServer(
  database: string,
  { url, role }: { readonly url?: string | null | undefined; readonly role?: string | null | undefined },
  tables: readonly GrantedTable[],
  { secretHosts, unsignedSecrets }: GrantEnvironment,
): ServerGrant {
  const secret = (url ?? '').slice('secret:'.length)
  const rule = `permissions.db.${database}.url`
  if (!secretHosts.has(secret))
    throw new TollgateError('CONFIG_POLICY_INVALID', `no secret is named ${secret}`, { rule })
  if (unsignedSecrets?.has(secret) === false)
    throw new TollgateError(
      'CONFIG_POLICY_INVALID',
      `the secret ${secret} is sent as a header of http; a url is none`,
      { rule },
    )
  return { secret, role: role ?? '', schema: schemaName(role ?? '', tables) }
}
