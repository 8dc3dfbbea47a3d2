import * as z from 'zod'
import type { GrantAttenuation, Narrowing } from '../capability.ts'
import { beyondCaveat, oneOrMore } from '../caveats.ts'
import { agreesWith, fallsUnder, originText, readPlacePattern } from './domain-pattern.ts'
import { METHODS, type HttpRequest } from './ops.ts'
import { readPathPattern } from './path-pattern.ts'
import { decodeSegments } from './target.ts'

/** A text of a caveat, read as the policy reads its own. */
const read = <Value extends object>(reader: (text: string) => Value | string) =>
  z
    .string()
    .max(1024)
    .transform((text, refinement) => {
      const value = reader(text)
      if (typeof value !== 'string') return value
      refinement.addIssue({ code: 'custom', message: value })
      return z.NEVER
    })

const caveats = Object.freeze({
  domain: oneOrMore(read(readPlacePattern)).optional(),
  path: oneOrMore(read(readPathPattern)).optional(),
  methods: z.array(z.enum(METHODS)).max(METHODS.length).optional(),
})

type HttpCaveats = z.output<z.ZodObject<typeof caveats>>

const listed = (items: readonly { readonly text: string }[]): string =>
  items.map(({ text }) => text).join(', ') || 'none'

/** Only the domains, paths and methods that are named; of a redirect, each hop. */
export const httpAttenuation: GrantAttenuation = Object.freeze<GrantAttenuation>({
  caveats,
  attenuate(_, given): Narrowing {
    const { domain, path, methods } = given as HttpCaveats
    return (judgement) => {
      // The broker hands on what the grant judged.
      const request = judgement.request as HttpRequest
      if (methods?.includes(request.method) === false)
        throw beyondCaveat(
          'methods',
          `The handle does not allow ${request.method}.`,
          `Methods of the handle: ${methods.join(', ') || 'none'}.`,
        )
      if (domain?.some((one) => agreesWith(one, request) && fallsUnder(one, request.host)) === false)
        throw beyondCaveat(
          'domain',
          `The handle does not allow ${originText(request)}.`,
          `Domains of the handle: ${listed(domain)}.`,
        )
      if (path !== undefined && !isBelow(path, request.path))
        throw beyondCaveat(
          'path',
          'The handle does not allow this path.',
          `Paths of the handle: ${listed(path)}.`,
        )
      return judgement
    }
  },
})

const isBelow = (
  patterns: readonly { matches(segments: readonly string[]): boolean }[],
  path: string,
): boolean => {
  const segments = decodeSegments(path)
  return patterns.some((pattern) => pattern.matches(segments))
}
