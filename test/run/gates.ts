import { assembleTollgate } from '../../src/run/assemble.ts'
import { openParts, type TollgateParts } from '../../src/run/parts.ts'
import type { Tollgate, TollgateOptions } from '../../src/index.ts'

/** Changes some of the parts that a Tollgate is made of. */
export type Replace = (parts: TollgateParts) => TollgateParts

/** Replaces parts of what a run needs. */
export const withSetting =
  (change: (setting: TollgateParts['setting']) => Partial<TollgateParts['setting']>): Replace =>
  (parts) => ({ ...parts, setting: { ...parts.setting, ...change(parts.setting) } })

/** A Tollgate of real parts that keeps nothing, some of them replaced by the test: weaker ones, for negative controls. */
export const openGateOf = async (
  options: TollgateOptions,
  replace: Replace = (parts) => parts,
): Promise<Tollgate> =>
  assembleTollgate(replace(await openParts({ state: ':memory:', spareCages: 0, ...options })))
