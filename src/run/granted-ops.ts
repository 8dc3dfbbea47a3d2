import type { Branch, StubManifest } from '../../runtime/abi/ops.ts'
import type { Grant, GrantAttenuation, GrantedOp } from '../capabilities/capability.ts'
import type { CompiledPolicy } from '../policy/compiled.ts'

type OpsByName = ReadonlyMap<string, { readonly op: GrantedOp; readonly grant: Grant }>

/** An object of the guest that `only()` can make weaker. */
export type GrantedBranch = {
  /** As the guest finds it: `db.shop`. */
  readonly at: string
  readonly attenuation: GrantAttenuation
  /** The ops of its members. */
  readonly ops: ReadonlySet<string>
}

/** What a policy grants, in the forms that a run needs. */
export type GrantedOps = {
  /** By op name, for the broker. */
  readonly byName: OpsByName
  /** Those that the host alone calls, when a run has succeeded. */
  readonly ofHost: OpsByName
  /** By what the kernel calls them. */
  readonly branches: ReadonlyMap<string, GrantedBranch>
  /** The stubs that the kernel grows, as JSON. */
  readonly manifestJson: string
}

const named = (grant: Grant, ops: readonly GrantedOp[]) => ops.map((op) => [op.name, { op, grant }] as const)

const branchOf = ({ path }: GrantedOp): Branch => {
  const holder = path.slice(0, -1)
  return { path: holder, at: holder.join('.') }
}

/** The objects that hold the ops of grants that can be made weaker. */
function branchesOf(grants: readonly Grant[]): ReadonlyMap<string, GrantedBranch & Branch> {
  const branches = new Map<string, GrantedBranch & Branch>()
  for (const { attenuation, ops } of grants) {
    if (attenuation === undefined) continue
    for (const branch of ops.map(branchOf)) {
      const own = ops.filter((op) => branchOf(op).at === branch.at).map(({ name }) => name)
      branches.set(branch.at, { ...branch, attenuation, ops: new Set(own) })
    }
  }
  return branches
}

const known = new WeakMap<CompiledPolicy, GrantedOps>()

/** The ops of a policy; made once for each. */
export function grantedOps(policy: CompiledPolicy): GrantedOps {
  const made = known.get(policy)
  if (made !== undefined) return made
  const grants = [...policy.grants.values()]
  const entries = grants.flatMap((grant) => named(grant, grant.ops))
  const branches = branchesOf(grants)
  const manifest: StubManifest = {
    branches: [...branches.values()].map(({ path, at }) => ({ path, at })),
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
  const ops = { byName: new Map(entries), ofHost, branches, manifestJson: JSON.stringify(manifest) }
  known.set(policy, ops)
  return ops
}
