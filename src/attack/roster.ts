import type { Tier } from '../cage/tiers.ts'
import { TollgateError } from '../errors/tollgate-error.ts'
import { boxCases, FORGERY_CASES } from './breaches.ts'
import { DATABASE_CASES } from './databases.ts'
import { DELEGATION_CASES } from './delegation.ts'
import { ESCAPE_CASES } from './escape.ts'
import type { AttackCase } from './evidence.ts'
import { EXHAUSTION_CASES } from './exhaustion.ts'
import { FILE_CASES } from './files.ts'
import { APPROVAL_CASES, AUDIT_CASES, TIMING_CASES } from './trust.ts'

/** Every case that a tier must hold, in the order of the list of hostile cases. */
export const casesFor = (tier: Tier): readonly AttackCase[] => [
  ...ESCAPE_CASES,
  ...boxCases(tier),
  ...EXHAUSTION_CASES,
  ...TIMING_CASES,
  ...DATABASE_CASES,
  ...FILE_CASES,
  ...APPROVAL_CASES,
  ...DELEGATION_CASES,
  ...AUDIT_CASES,
  ...FORGERY_CASES,
]

/** The cases that are named by number or group: `H12`, `B`. Throws CONFIG_USAGE for a name that stands for nothing. */
export const chosen = (cases: readonly AttackCase[], names: readonly string[]): readonly AttackCase[] => {
  if (names.length === 0) return cases
  const known = new Set(cases.flatMap(({ id, group }) => [id, group as string]))
  const wanted = new Set(names.map((name) => name.toUpperCase()))
  const unknown = [...wanted].find((name) => !known.has(name))
  if (unknown !== undefined) {
    throw new TollgateError(
      'CONFIG_USAGE',
      `There is no hostile case ${JSON.stringify(unknown.slice(0, 100))} to run.`,
      {
        hint: `name numbers or groups: ${[...known].join(', ')}`,
      },
    )
  }
  return cases.filter(({ id, group }) => wanted.has(id) || wanted.has(group))
}
