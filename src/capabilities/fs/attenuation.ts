import * as z from 'zod'
import { isTollgateError } from '../../errors/tollgate-error.ts'
import type { GrantAttenuation, Narrowing } from '../capability.ts'
import { beyondCaveat, oneOrMore } from '../caveats.ts'
import type { FsJudgement } from './judge.ts'
import { PATH_BYTES_MAX, readGuestPath } from './path.ts'

type Folder = { readonly text: string; readonly names: readonly string[] }

const folder = z
  .string()
  .max(PATH_BYTES_MAX)
  .transform((text, refinement): Folder => {
    try {
      return { text, names: readGuestPath(text) }
    } catch (error) {
      const message = isTollgateError(error) ? error.message : 'is no path'
      refinement.addIssue({ code: 'custom', message })
      return z.NEVER
    }
  })

const caveats = Object.freeze({ under: oneOrMore(folder).optional() })

type FsCaveats = z.output<z.ZodObject<typeof caveats>>

/** Only what lies below the folders that are named, and these themselves, name by name: `/in` is not `/inside`. */
export const fsAttenuation: GrantAttenuation = Object.freeze<GrantAttenuation>({
  caveats,
  attenuate(_, given): Narrowing {
    const { under } = given as FsCaveats
    return (judgement) => {
      if (under === undefined) return judgement
      // The broker hands on what the grant judged, so each path is one that passed.
      const { op, request } = judgement as FsJudgement
      const { path, to = path } = request
      const isIn = op === 'fs.glob' ? globsIn : liesIn
      if ([path, to].every((one) => under.some((place) => isIn(place, one)))) return judgement
      throw beyondCaveat(
        'under',
        'The handle does not allow this path.',
        `Paths of the handle: ${under.map(({ text }) => text).join(', ') || 'none'}.`,
      )
    }
  },
})

const liesIn = ({ names }: Folder, path: string): boolean => {
  const asked = path === '/' ? [] : path.slice(1).split('/')
  return names.every((name, at) => asked[at] === name)
}

/** A pattern counts by its names before a wildcard: a folder whose name is a `*` is none of them. */
const globsIn = (place: Folder, pattern: string): boolean =>
  liesIn(place, pattern) && !place.names.some((name) => /[*?]/u.test(name))
