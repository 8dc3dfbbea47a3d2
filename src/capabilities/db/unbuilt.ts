import * as z from 'zod'

/** The issue of a key that this version knows and does not enforce: the policy is refused with CONFIG_NOT_BUILT. */
const refuse = (refinement: z.RefinementCtx, accepted: string): void =>
  refinement.addIssue({
    code: 'custom',
    message: `is not enforced by this version, so it accepts only ${accepted}`,
    params: { code: 'CONFIG_NOT_BUILT' },
  })

/** A key that may only say that it is off: by one of these JSON texts. It is then as if it were absent. */
export const off = (accepted: readonly string[], what: string) =>
  z
    .unknown()
    .superRefine((value, refinement) => {
      if (value !== undefined && !accepted.includes(JSON.stringify(value)))
        refuse(refinement, accepted.join(' or '))
    })
    .transform(() => undefined)
    .optional()
    .describe(`${what} Not enforced by this version: only ${accepted.join(' or ')} is accepted.`)
