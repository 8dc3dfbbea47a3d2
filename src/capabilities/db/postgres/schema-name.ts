import { hash } from 'node:crypto'
import { canonicalJson } from '../../../canonical/canonical-json.ts'
import type { TableGrant } from '../database-grant.ts'

/**
 * The schema in which the views of a grant stand. Its name is a digest of the grant: a policy that changed finds no views, and not
 * those of another grant.
 */
export const schemaName = (role: string, tables: readonly TableGrant[]): string => {
  const granted = tables.map(({ name, show = null, mask, where }) => ({
    name,
    show,
    mask,
    where: where?.text ?? null,
  }))
  return `tollgate_${hash('sha256', canonicalJson({ role, tables: granted })).slice(0, 24)}`
}

/** The setting from which views read whoever the run acts for. */
export const PRINCIPAL_SETTING = 'tollgate.principal'
