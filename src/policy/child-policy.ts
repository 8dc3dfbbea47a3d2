import { canonicalJson } from '../canonical/canonical-json.ts'
import type { Grant } from '../capabilities/capability.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { CompiledPolicy, Limits } from './compiled.ts'
import { frozenMap } from './frozen-map.ts'
import { nearest } from './nearest.ts'

/** What a child is to hold of the policy of its parent. */
export type ChildTerms = {
  /** Names of capabilities (`http`), groups of ops (`db.shop`) or ops (`db.shop.query`). */
  readonly grants: readonly string[]
  /** Each at most that of the parent. */
  readonly limits: Limits
}

/**
 * The policy of a child: some ops of its parent's grants, judged by the same grants, under limits that are not higher. Whatever
 * a human must approve, he must approve for the child too. `sha256` gives 64 hex digits. Throws DENIED_NOT_GRANTED for a name that the parent
 * holds nothing of.
 */
export function childPolicy(
  parent: CompiledPolicy,
  { grants: names, limits: asked }: ChildTerms,
  sha256: (text: string) => string,
): CompiledPolicy {
  const limits = lower(asked, parent.limits)
  const grants = selected(parent.grants, names)
  const ops = grants.flatMap((grant) => grant.ops.map(({ name }) => name)).sort()
  const canonical = canonicalJson({ child_of: parent.digest, ops, limits })
  return Object.freeze<CompiledPolicy>({
    ...parent,
    digest: `sha256:${sha256(canonical)}`,
    canonical,
    grants: frozenMap(grants.map((grant) => [grant.capability, grant])),
    limits,
    // What a child spends passes the thresholds of its parent.
    costAlerts: Object.freeze([]),
    warnings: Object.freeze([]),
  })
}

/** No limit is above that of the parent, whatever was asked. */
function lower(asked: Limits, of: Limits): Limits {
  const keys = Object.keys(of) as (keyof Limits)[]
  return Object.freeze(
    Object.fromEntries(keys.map((key) => [key, Math.min(asked[key], of[key])])) as unknown as Limits,
  )
}

const isNamed = (name: string, { capability }: Grant, op: string): boolean =>
  name === capability || name === op || op.startsWith(`${name}.`)

function selected(held: CompiledPolicy['grants'], names: readonly string[]): readonly Grant[] {
  const known = [...held.values()]
  for (const name of names)
    if (!known.some((grant) => grant.ops.some((op) => isNamed(name, grant, op.name))))
      throw notHeld(name, known)
  return known.flatMap((grant) => {
    const ops = grant.ops.filter((op) => names.some((name) => isNamed(name, grant, op.name)))
    return ops.length === 0 ? [] : [Object.freeze({ ...grant, ops: Object.freeze(ops) })]
  })
}

function notHeld(name: string, known: readonly Grant[]): TollgateError {
  const ops = known.flatMap((grant) => grant.ops.map((op) => op.name))
  const meant = nearest(name, [...known.map(({ capability }) => capability), ...ops])
  const question = meant === undefined ? '' : ` Did you mean ${meant}?`
  return new TollgateError(
    'DENIED_NOT_GRANTED',
    `A child cannot be given ${name}: its parent does not hold it.`,
    {
      hint: `A child can be given ${ops.join(', ') || 'nothing'}.${question}`,
      notPerformed: true,
    },
  )
}
