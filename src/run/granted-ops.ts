import type { StubManifest } from '../../runtime/abi/ops.ts'
import type { Grant, GrantedOp } from '../capabilities/capability.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'

/** What a policy grants, in the forms that a run needs. */
export type GrantedOps = {
  /** By op name, for the broker. */
  readonly byName: ReadonlyMap<string, { readonly op: GrantedOp; readonly grant: Grant }>
  /** The stubs that the kernel grows, as JSON. */
  readonly manifestJson: string
}

const known = new WeakMap<CompiledPolicy, GrantedOps>()

/** The ops of a policy; made once for each. */
export function grantedOps(policy: CompiledPolicy): GrantedOps {
  const made = known.get(policy)
  if (made !== undefined) return made
  const entries = [...policy.grants.values()].flatMap((grant) =>
    grant.ops.map((op) => [op.name, { op, grant }] as const),
  )
  const manifest: StubManifest = {
    stubs: entries.map(
      ([
        op,
        {
          op: { path },
        },
      ]) => ({ path, op }),
    ),
  }
  const ops = { byName: new Map(entries), manifestJson: JSON.stringify(manifest) }
  known.set(policy, ops)
  return ops
}
