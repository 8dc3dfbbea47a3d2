import * as z from 'zod'
import { TollgateError } from '../errors/tollgate-error.ts'
import type { GrantAttenuation, Judgement, Narrowing } from './capability.ts'

/** What caveats amount to. Frozen. */
export type Attenuation = {
  readonly narrow: Narrowing
  /** Most calls; undefined: as many as there may be without. */
  readonly callsMax: number | undefined
}

/** Caveats that every capability knows, but for those that it reads in its own way. */
const OF_ALL = {
  mode: z.literal('read').optional(),
  calls: z.int().min(0).max(1_000_000).optional(),
} as const

const PROBLEMS_SHOWN_MAX = 5

/** One text, or a list of them: what a caveat allows. */
export const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z
    .union([item.transform((one) => [one]), z.array(item).max(100)])
    .transform((given) => Object.freeze(given) as readonly z.output<Item>[])

/**
 * Compiles what `only()` was given for an object of the guest. Throws GUEST_ARGUMENTS: a caveat that nobody knows would restrict
 * nothing, so it is never passed over.
 */
export function compileCaveats(
  { caveats: own, attenuate }: GrantAttenuation,
  at: string,
  given: unknown,
): Attenuation {
  const known = { ...own, ...OF_ALL, ...own }
  const parsed = z.strictObject(known).safeParse(given)
  if (!parsed.success) throw refusal(at, parsed.error, Object.keys(known))
  const { mode, calls, ...rest } = parsed.data
  const narrowOwn = attenuate(at, rest)
  const narrow: Narrowing = (judgement) => {
    if (mode === 'read') assertRead(judgement)
    return narrowOwn(judgement)
  }
  return Object.freeze({ narrow, callsMax: calls })
}

function refusal(at: string, { issues }: z.ZodError, known: readonly string[]): TollgateError {
  const problems = issues
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map((issue) => `${issue.path.join('.') || 'caveats'}: ${reasonOf(issue)}`)
  return new TollgateError(
    'GUEST_ARGUMENTS',
    `The caveats of ${at}.only() do not fit: ${problems.join('; ')}`,
    {
      hint: `Caveats of ${at}: ${known.join(', ')}.`,
    },
  )
}

/** Of one text or a list of them, what is wrong with the text says more than that it is neither. */
const reasonOf = (issue: z.core.$ZodIssue): string => {
  const inner = issue.code === 'invalid_union' ? issue.errors.flat() : []
  return (inner.find(({ code }) => code !== 'invalid_type') ?? issue).message
}

function assertRead({ effect, op }: Judgement): void {
  if (effect !== 'read')
    throw beyondCaveat('mode', `The handle may only read, and ${op} has the effect ${effect}.`)
}

/** The refusal of what a caveat does not allow. `hint` tells the guest what it does allow. */
export const beyondCaveat = (caveat: string, message: string, hint?: string): TollgateError =>
  new TollgateError('DENIED_CAVEAT', message, {
    rule: `only({ ${caveat} })`,
    hint: hint ?? 'Use a handle that allows it, if there is one.',
  })
