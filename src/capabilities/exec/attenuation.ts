import * as z from 'zod'
import type { GrantAttenuation, Narrowing } from '../capability.ts'
import { beyondCaveat, oneOrMore } from '../caveats.ts'
import { grantName, type ExecRequest } from './ops.ts'

const caveats = Object.freeze({
  grants: oneOrMore(grantName).optional(),
  // Starting a child is a read, whatever the child is handed: it would promise what nobody keeps.
  mode: z.undefined('exec has no mode: name what may be handed on in grants').optional(),
})

type ExecCaveats = z.output<z.ZodObject<typeof caveats>>

/** Only children that hold nothing but what is named, or a part of it: `kv.get` is one of `kv`. */
export const execAttenuation: GrantAttenuation = Object.freeze<GrantAttenuation>({
  caveats,
  attenuate(_, given): Narrowing {
    const { grants } = given as ExecCaveats
    return (judgement) => {
      // The broker hands on what the grant judged.
      const { grants: asked } = judgement.request as ExecRequest
      if (grants === undefined || asked.every((name) => grants.some((one) => isPartOf(name, one))))
        return judgement
      throw beyondCaveat(
        'grants',
        'The handle does not allow a child that holds so much.',
        `A child of the handle can be given ${grants.join(', ') || 'nothing'}.`,
      )
    }
  },
})

const isPartOf = (name: string, whole: string): boolean => name === whole || name.startsWith(`${whole}.`)
