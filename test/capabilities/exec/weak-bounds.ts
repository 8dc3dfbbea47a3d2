/** Weaker parts for negative controls: with one of them in place, the child of a test gets what it must not. */
import { Ledger } from '../../../src/budget/ledger.ts'
import type { Capability } from '../../../src/capabilities/capability.ts'
import type { ChildrenPower } from '../../../src/capabilities/exec/powers.ts'
import type { CageDemand } from '../../../src/run/cage-pool.ts'
import { withSetting, type Replace } from '../../run/gates.ts'

/** A child holds all that its parent holds, whatever it was handed. */
export const childrenHoldAll: Replace = withSetting(({ childBounds }) => ({
  childBounds: { ...childBounds, policyOf: (parent, { limits }) => ({ ...parent, limits }) },
}))

/** A child has the limits of its parent, not those that it was given. */
export const childrenHaveFullLimits: Replace = withSetting(({ childBounds }) => ({
  childBounds: {
    ...childBounds,
    policyOf: (parent, terms, sha256) => ({
      ...childBounds.policyOf(parent, terms, sha256),
      limits: parent.limits,
    }),
  },
}))

/** What a child spends is nobody's. */
export const childrenPayNothing: Replace = withSetting(({ childBounds }) => ({
  childBounds: { ...childBounds, ledgerOf: () => new Ledger() },
}))

/** The pool is asked for another cage than a child needs. */
export const childrenAskFor = (change: (demand: CageDemand) => Partial<CageDemand>): Replace =>
  withSetting(({ pool }) => ({
    pool: {
      acquire: (demand, signal) =>
        pool.acquire(demand.isAdmitted ? { ...demand, ...change(demand) } : demand, signal),
      close: () => pool.close(),
    },
  }))

/** Notes which process each run was given, the child's after its parent's. */
export const notingCages = (pids: number[]): Replace =>
  withSetting(({ pool }) => ({
    pool: {
      acquire: async (...asked) => {
        const lease = await pool.acquire(...asked)
        pids.push(lease.cage.pid)
        return lease
      },
      close: () => pool.close(),
    },
  }))

/** Lets out whatever the code gives, as a driver without a schema would. */
export const unfitted: Replace = withSetting(({ capabilities }) => {
  const exec = capabilities.get('code_exec') as Capability
  const careless: Capability = {
    ...exec,
    openDriver: (grant, setting) => ({
      ...exec.openDriver(grant, setting),
      perform: async ({ request }, { signal, seq }) => {
        const order = {
          ...(request as object),
          isQuarantined: true,
          maxChildren: 4,
          maxDepth: 1,
          signal,
          seq,
        }
        const ending = await (setting.powers as ChildrenPower).start(order as never)
        return { value: ending, ingressBytes: 0, egressBytes: 0 }
      },
    }),
  }
  return { capabilities: new Map([...capabilities, ['code_exec', careless]]) }
})
