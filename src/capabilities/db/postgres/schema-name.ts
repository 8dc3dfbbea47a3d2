import { hash } from 'node:crypto'
import { canonicalJson } from '../../../canonical/canonical-json.ts'

/** As much of the grant of a table as its view is made of. */
export type GrantedTable = {
  readonly name: string
  readonly show: readonly string[] | undefined
  readonly mask: readonly string[]
  readonly where: { readonly text: string } | undefined
  readonly write: readonly string[]
}

/**
 * The schema in which the views of a grant stand. Its name is a digest of the grant: a policy that changed finds no views, and not
 * those of another grant.
 */
export const schemaName = (role: string, tables: readonly GrantedTable[]): string => {
  // By name, for a policy in canonical form has its tables in another order.
  const granted = Object.fromEntries(
    tables.map(({ name, show = null, mask, where, write }) => [
      name,
      { show, mask, where: where?.text ?? null, ...(write.length > 0 && { write: write.toSorted() }) },
    ]),
  )
  return `tollgate_${hash('sha256', canonicalJson({ role, tables: granted })).slice(0, 24)}`
}

/** The setting from which views read whoever the run acts for. */
export const PRINCIPAL_SETTING = 'tollgate.principal'

/** The table of that schema in which a commit leaves its mark. No table of a policy may have the name. */
export const MARKERS = '_tollgate_commits'
