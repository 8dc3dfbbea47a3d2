import * as z from 'zod'
import type { GrantAttenuation, Narrowing } from '../capability.ts'
import { beyondCaveat, oneOrMore } from '../caveats.ts'

const caveats = Object.freeze({ names: oneOrMore(z.string().max(64)).optional() })

type ToolsCaveats = z.output<z.ZodObject<typeof caveats>>

/** Only the tools that are named. */
export const toolsAttenuation: GrantAttenuation = Object.freeze<GrantAttenuation>({
  caveats,
  attenuate(_, given): Narrowing {
    const { names } = given as ToolsCaveats
    return (judgement) => {
      if (names?.some((name) => judgement.op === `tools.${name}`) === false)
        throw beyondCaveat(
          'names',
          `The handle does not allow ${judgement.op}.`,
          `Tools of the handle: ${names.join(', ') || 'none'}.`,
        )
      return judgement
    }
  },
})
