import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Driver, Outcome } from '../capability.ts'
import { KV_RULE, type KvGrant, type KvJudgement } from './grant.ts'
import type { KvRequest } from './ops.ts'
import type { KvPower } from './powers.ts'

/** Opens the store for one run. The principal comes from the host with each call; nothing that the tool says names it. */
export function openKvDriver(grant: KvGrant, power: KvPower): Driver {
  return {
    async perform(judgement, { signal, principal }) {
      if (signal.aborted)
        throw new TollgateError('UPSTREAM_TIMEOUT', 'The run ended before the call began.', {
          notPerformed: true,
        })
      // The broker hands back what the grant judged.
      return act((judgement as KvJudgement).request, principal, grant, power)
    },
    close: () => Promise.resolve(),
  }
}

function act(request: KvRequest, principal: string, grant: KvGrant, power: KvPower): Outcome {
  if (request.op === 'kv.get') {
    const json = power.get(principal, request.key)
    return json === undefined
      ? outcomeOf({ found: false, value: null })
      : outcomeOf({ found: true, value: JSON.parse(json) as unknown }, Buffer.byteLength(json))
  }
  if (request.op === 'kv.list')
    return outcomeOf(power.list(principal, request.prefix, request.after ?? '', request.limit))
  if (request.op === 'kv.delete') return outcomeOf(power.delete(principal, request.key))
  const verdict = power.put(principal, request.key, request.json, grant.quota)
  if (verdict !== 'kept') throw fullError(verdict, grant)
  return outcomeOf(null)
}

const outcomeOf = (value: unknown, ingressBytes = 0): Outcome => ({ value, ingressBytes, egressBytes: 0 })

function fullError(what: 'bytes' | 'keys', { quota }: KvGrant): TollgateError {
  const key = what === 'bytes' ? 'max_total_kb' : 'max_keys'
  const most = what === 'bytes' ? `${quota.bytesMax} bytes` : `${quota.keysMax} keys`
  return new TollgateError('LIMIT_KV', `The key-value store may hold ${most}.`, {
    rule: `${KV_RULE}.${key}`,
    hint: 'Delete keys that are no longer needed, or keep less.',
    change: `raise ${KV_RULE}.${key}`,
    notPerformed: true,
  })
}
