import * as z from 'zod'
import type { GrantAttenuation, Narrowing } from '../capability.ts'
import { beyondCaveat } from '../caveats.ts'
import { KEY_BYTES_MAX, type KvRequest } from './ops.ts'

const caveats = Object.freeze({ prefix: z.string().max(KEY_BYTES_MAX).optional() })

type KvCaveats = z.output<z.ZodObject<typeof caveats>>

/** Only keys that begin with a prefix; a list asks for them by a prefix that begins with it. */
export const kvAttenuation: GrantAttenuation = Object.freeze<GrantAttenuation>({
  caveats,
  attenuate(_, given): Narrowing {
    const { prefix = '' } = given as KvCaveats
    return (judgement) => {
      // The broker hands on what the grant judged.
      const request = judgement.request as KvRequest
      const asked = request.op === 'kv.list' ? request.prefix : request.key
      if (asked.startsWith(prefix)) return judgement
      throw beyondCaveat(
        'prefix',
        'The handle does not allow this key, or a list so wide.',
        `Keys of the handle begin with ${JSON.stringify(prefix)}.`,
      )
    }
  },
})
