import type { StubManifest } from '../../runtime/abi/ops.ts'
import type { Grant, GrantedOp } from '../capabilities/capability.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'

type OpsByName = ReadonlyMap<string, { readonly op: GrantedOp; readonly grant: Grant }>

/** What a policy grants, in the forms that a run needs. */
export type GrantedOps = {
  /** By op name, for the broker. */
  readonly byName: OpsByName
  /** Those that the host alone calls, when a run has succeeded. */
  readonly ofHost: OpsByName
  /** The stubs that the kernel grows, as JSON. */
  readonly manifestJson: string
}

const named = (grant: Grant, ops: readonly GrantedOp[]) => ops.map((op) => [op.name, { op, grant }] as const)

const known = new WeakMap<CompiledPolicy, GrantedOps>()

/** The ops of a policy; made once for each. */
export function grantedOps(policy: CompiledPolicy): GrantedOps {
  const made = known.get(policy)
  if (made !== undefined) return made
  const grants = [...policy.grants.values()]
  const entries = grants.flatMap((grant) => named(grant, grant.ops))
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
  const ofHost = new Map(grants.flatMap((grant) => named(grant, grant.hostOps ?? [])))
  const ops = { byName: new Map(entries), ofHost, manifestJson: JSON.stringify(manifest) }
  known.set(policy, ops)
  return ops
}
