import { hash } from 'node:crypto'
import { deepFreeze } from '../../canonical/canonical-json.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Grant, Judgement } from '../capability.ts'
import { kvAttenuation } from './attenuation.ts'
import { compileKvPattern } from './action-pattern.ts'
import { declareKv } from './declaration.ts'
import { KV_OPS, type KvArguments, type KvOp, type KvRequest } from './ops.ts'
import type { KvQuota } from './powers.ts'
import type { KvDocument } from './schema.ts'

/** The rule that every judgement of this capability goes back to. */
export const KV_RULE = 'permissions.kv'

/** The compiled `permissions.kv`. Beside the contract it has what the store enforces. */
export interface KvGrant extends Grant {
  readonly quota: KvQuota
  readonly valueBytesMax: number
}

/** A judgement of this capability, whose request has its real type. */
export type KvJudgement = Judgement & { readonly request: KvRequest }

/** Compiles a parsed entry. Pure. */
export function compileKvGrant(document: KvDocument): KvGrant {
  const { ask, max_total_kb, max_keys, max_value_kb } = document
  const quota = { bytesMax: Math.floor(max_total_kb * 1024), keysMax: max_keys }
  const valueBytesMax = Math.floor(max_value_kb * 1024)
  const says = [
    `May keep JSON values by key, for later runs of the same principal; no other principal sees them.`,
    `It keeps at most ${inKb(quota.bytesMax)} under ${max_keys} keys; a value has at most ${inKb(valueBytesMax)}.${asks(ask)}`,
  ]
  return deepFreeze<KvGrant>({
    capability: 'kv',
    quota,
    valueBytesMax,
    attenuation: kvAttenuation,
    ops: Object.entries(KV_OPS).map(([name, schema]) =>
      // The schema itself is zod's to keep.
      Object.freeze({ name, path: Object.freeze(name.split('.')), arguments: schema }),
    ),
    judge(op, args) {
      if (!Object.hasOwn(KV_OPS, op))
        throw new TollgateError('DENIED_NOT_GRANTED', `The key-value store has no op ${op.slice(0, 64)}.`)
      return judgeKvCall(op as KvOp, args as KvArguments, { ask, valueBytesMax })
    },
    actionPattern: compileKvPattern,
    explain: () => says,
    declare: () => declareKv(says),
    worstCase: () => ({
      egressBytesMax: {},
      callMicroUsdMax: 0,
      ...(ask === 'always' && { unattendedEffectsMax: 0 }),
    }),
  })
}

const inKb = (bytes: number): string => `${Number((bytes / 1024).toFixed(2))} KB`

const asks = (ask: KvDocument['ask']): string => {
  if (ask === 'always') return ' A human approves each put and each deletion.'
  return ask === 'once_per_run' ? ' A human approves each different put and deletion once a run.' : ''
}

type Terms = { readonly ask: KvDocument['ask']; readonly valueBytesMax: number }

function judgeKvCall(op: KvOp, args: KvArguments, { ask, valueBytesMax }: Terms): KvJudgement {
  const request = requestOf(op, args)
  if (request.op === 'kv.put') assertValueFits(request.json, valueBytesMax)
  const isWrite = op === 'kv.put' || op === 'kv.delete'
  return deepFreeze<KvJudgement>({
    op,
    rule: KV_RULE,
    effect: isWrite ? 'write' : 'read',
    categories: [],
    ...(isWrite && ask !== undefined && { ask }),
    subject: subjectOf(request),
    request,
    costMicroUsd: 0,
    // What rests is counted where it rests, in the transaction that adds to it.
    quotas: [],
    idempotency: 'idempotent',
  })
}

/** The broker parsed the arguments with the schema of the op, so what it requires is there. */
function requestOf(op: KvOp, { key = '', value, prefix = '', after, limit = 1 }: KvArguments): KvRequest {
  if (op === 'kv.list') return { op, prefix, limit, ...(after !== undefined && { after }) }
  if (op === 'kv.put') return { op, key, json: JSON.stringify(value) }
  return { op, key }
}

function assertValueFits(json: string, valueBytesMax: number): void {
  const sizeBytes = Buffer.byteLength(json)
  if (sizeBytes <= valueBytesMax) return
  throw new TollgateError('LIMIT_KV', `The value has ${sizeBytes} bytes as JSON; ${valueBytesMax} may be.`, {
    rule: `${KV_RULE}.max_value_kb`,
    hint: 'Keep less, or keep it in parts.',
    change: `raise ${KV_RULE}.max_value_kb to ${Math.ceil(sizeBytes / 1024)}`,
  })
}

/** Keys have no character that cannot be shown. What is kept is named by its digest. */
function subjectOf(request: KvRequest): string {
  if (request.op === 'kv.list') return `kv.list ${JSON.stringify(`${request.prefix}*`)}`
  const place = `${request.op} ${JSON.stringify(request.key)}`
  if (request.op !== 'kv.put') return place
  return `${place} (${Buffer.byteLength(request.json)} bytes, sha256 ${hash('sha256', request.json)})`
}
