import { canonicalJson } from '../canonical/canonical-json.ts'
import { mayWriteDb, type PolicyDocument } from './schema.ts'

/**
 * The canonical form of a parsed document: defaults filled in, what grants nothing left out, keys sorted, alerts sorted. How a
 * document is written makes no difference to it; lists keep their order, which may mean something. The form is itself a policy
 * document of the same meaning. `permissions` holds what is granted.
 */
export function canonicalPolicy(document: PolicyDocument, permissions: ReadonlyMap<string, unknown>): string {
  const { version, name, model, limits, prices, human_in_loop } = document
  const { ttl_seconds, requester_may_approve, approvers } = document.approval
  return canonicalJson({
    version,
    name,
    model,
    limits,
    prices,
    human_in_loop,
    permissions: {
      ...Object.fromEntries(permissions),
      ...(permissions.has('db') && mayWriteDb(document) && { db_write: true }),
    },
    secrets: document.secrets ?? {},
    cost_alerts: [...new Set(document.cost_alerts)].sort((a, b) => a - b),
    security: {
      min_tier: document.security?.min_tier ?? undefined,
      profile: document.security?.profile ?? 'default',
    },
    approval: { ttl_seconds, requester_may_approve, approvers },
  })
}
