import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Driver, Outcome } from '../capability.ts'
import type { ExecGrant, ExecJudgement } from './grant.ts'
import { fitted } from './output-schema.ts'
import type { ExecRequest } from './ops.ts'
import type { ChildEnding, ChildrenPower } from './powers.ts'

/** Opens the children of one run. What a child may do and spend is decided where the run is known: by the power. */
export function openExecDriver({ maxChildren, maxDepth }: ExecGrant, power: ChildrenPower): Driver {
  return {
    async perform(judgement, { signal, seq }) {
      // The broker hands back what the grant judged.
      const { request } = judgement as ExecJudgement
      const { code, input, grants, limits } = request
      const isQuarantined = request.op === 'exec.quarantine'
      const ending = await power.start({
        code,
        input,
        grants,
        limits,
        isQuarantined,
        seq,
        maxChildren,
        maxDepth,
        signal,
      })
      return isQuarantined ? letOut(ending, request) : outcomeOf(ending)
    },
    close: () => Promise.resolve(),
  }
}

const answer = (value: unknown, { runId }: ChildEnding): Outcome => ({
  value: { status: 'done', value },
  ingressBytes: 0,
  egressBytes: 0,
  facts: { child: runId },
})

function outcomeOf(ending: ChildEnding): Outcome {
  if (ending.status === 'done') return answer(ending.value, ending)
  const { code, message, hint } = ending.error
  throw new TollgateError('GUEST_CHILD_FAILED', `The child ended with ${code}: ${message}`, {
    ...(hint !== undefined && { hint }),
  })
}

/** Every way to fail looks the same: which one it was could tell of the data. */
function letOut(ending: ChildEnding, { output }: ExecRequest): Outcome {
  const fit = ending.status === 'done' && output !== undefined ? fitted(ending.value, output) : undefined
  if (fit !== undefined) return answer(fit.value, ending)
  throw new TollgateError(
    'DENIED_QUARANTINE',
    'The code in quarantine gave no result that fits its schema.',
    {
      hint: 'Try the code with data of your own under exec.run, and compare its value with the schema.',
    },
  )
}
