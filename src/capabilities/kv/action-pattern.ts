import type { Judgement } from '../capability.ts'
import { KV_OPS, type KvRequest } from './ops.ts'

// kv, kv.put, kv.put orders/*, kv.* orders/1
const SHAPE = /^kv(?:\.(\w+|\*))?(?:\s+(\S.*))?$/iu

/**
 * Compiles an entry of human_in_loop that speaks of the store: an op or `kv.*`, and after it a key, or the beginning of keys with
 * a star. Case makes no difference, and a listing is meant when it may show such a key: a question too many is better than one
 * too few. Undefined: it speaks of something else.
 */
export function compileKvPattern(text: string): ((judgement: Judgement) => boolean) | undefined {
  const [shape, verb = '*', place = '*'] = SHAPE.exec(text.trim()) ?? []
  if (shape === undefined) return undefined
  const op = `kv.${verb.toLowerCase()}`
  const means = meaningOf(op)
  if (means === undefined) return undefined
  const isPrefix = place.endsWith('*')
  const key = (isPrefix ? place.slice(0, -1) : place).toLowerCase()
  return (judgement) => {
    if (!Object.hasOwn(KV_OPS, judgement.op) || !means(judgement)) return false
    // The broker hands over what the grant judged.
    const request = judgement.request as KvRequest
    if (request.op !== 'kv.list') {
      const asked = request.key.toLowerCase()
      return isPrefix ? asked.startsWith(key) : asked === key
    }
    const prefix = request.prefix.toLowerCase()
    return key.startsWith(prefix) || (isPrefix && prefix.startsWith(key))
  }
}

function meaningOf(op: string): ((judgement: Judgement) => boolean) | undefined {
  if (op === 'kv.*') return () => true
  if (op === 'kv.read') return ({ effect }) => effect === 'read'
  if (op === 'kv.write') return ({ effect }) => effect !== 'read'
  return Object.hasOwn(KV_OPS, op) ? (judgement) => judgement.op === op : undefined
}
