import type { AttackRun, Check, Evidence } from './evidence.ts'

/** A method of what the guest holds, and what it is called with. */
export type Attempt = readonly [verb: string, ...args: readonly unknown[]]

/** What a guest does, one call after the other. */
export type Attempts = {
  /** Where the methods are: `db.shop`, `fs`. */
  readonly at: string
  /** Calls that are allowed, made first. */
  readonly first?: readonly Attempt[]
  /** Calls every one of which must be refused. */
  readonly refused: readonly Attempt[]
  /** Calls that are allowed; what they give is the value of the run. */
  readonly last?: readonly Attempt[]
  /** The run throws at its end. */
  readonly fails?: boolean
}

const PROGRAM = `
const held = input.at.split('.').reduce((branch, name) => branch[name], capabilities)
for (const [verb, ...args] of input.first ?? []) await held[verb](...args)
for (const [verb, ...args] of input.refused) {
  let got
  try { got = (await held[verb](...args)) ?? null } catch { continue }
  await tools.report({ got: (verb + ' ' + JSON.stringify([args, got])).slice(0, 400) })
}
const told = []
for (const [verb, ...args] of input.last ?? []) told.push(await held[verb](...args))
if (input.fails) throw new Error('on purpose')
return told`

/** A run that makes these calls, and reports each that was let through though it should be refused. */
export const attempting = (attempts: Attempts): AttackRun => ({ code: PROGRAM, input: attempts })

/** The codes by which the host refused calls on this capability, or further parts of a result, in order. */
const refusalsOf = ({ records }: Evidence, capability = ''): string[] =>
  records.flatMap(({ event, facts: { op, code } }) =>
    (event === 'call' || event === 'pull') && String(op).startsWith(capability) && code !== undefined
      ? [String(code)]
      : [],
  )

/** The host refused so many calls (on one capability, where it is named), all by one of these codes. */
export const refused = (capability: string | undefined, count: number, codes: RegExp): Check => ({
  judge: (seen) => {
    const all = refusalsOf(seen, capability)
    const other = all.find((code) => !codes.test(code))
    if (other !== undefined) return `a call was refused by ${other}`
    return all.length === count ? undefined : `${all.length} calls were refused instead of ${count}`
  },
})

/** The host refused calls on a capability by exactly these codes, in this order. */
export const refusedInTurn = (capability: string, codes: readonly string[]): Check => ({
  judge: (seen) => {
    const all = refusalsOf(seen, capability).join(', ')
    const expected = codes.join(', ')
    return all === expected ? undefined : `calls were refused by ${all || 'nothing'} instead of ${expected}`
  },
})

/** Exactly this has changed in the folder that was mounted. */
export const changedInside = (...expected: readonly string[]): Check => ({
  judge: ({ planted: { inside } }) =>
    inside.join('\n') === expected.join('\n')
      ? undefined
      : `in the mount there is now ${inside.slice(0, 5).join(', ').slice(0, 200) || 'nothing new'}`,
})
