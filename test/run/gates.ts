import type { Grant } from '../../src/capabilities/capability.ts'
import type { Tollgate, TollgateOptions } from '../../src/index.ts'
import { assembleTollgate } from '../../src/run/assemble.ts'
import { openParts, type TollgateParts } from '../../src/run/parts.ts'

/** Changes some of the parts that a Tollgate is made of. */
export type Replace = (parts: TollgateParts) => TollgateParts

/** Replaces parts of what a run needs. */
export const withSetting =
  (change: (setting: TollgateParts['setting']) => Partial<TollgateParts['setting']>): Replace =>
  (parts) => ({ ...parts, setting: { ...parts.setting, ...change(parts.setting) } })

/** Replaces one grant of every policy by what the test makes of it. */
export const withGrant =
  (capability: string, change: (grant: Grant) => Grant): Replace =>
  (parts) => ({
    ...parts,
    prepare: {
      ...parts.prepare,
      compile: async (document) => {
        const policy = await parts.prepare.compile(document)
        const entries = [...policy.grants].map(
          ([name, grant]) => [name, name === capability ? change(grant) : grant] as const,
        )
        return { ...policy, grants: new Map(entries) }
      },
    },
  })

/** One change after the other. */
export const both =
  (...changes: readonly Replace[]): Replace =>
  (parts) =>
    changes.reduce((changed, change) => change(changed), parts)

/** A Tollgate of real parts that keeps nothing, some of them replaced by the test: weaker ones, for negative controls. */
export const openGateOf = async (
  options: TollgateOptions,
  replace: Replace = (parts) => parts,
): Promise<Tollgate> => assembleTollgate(replace(openParts({ state: ':memory:', spareCages: 0, ...options })))
