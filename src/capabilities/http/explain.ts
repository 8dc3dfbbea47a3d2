import type { Effect } from '../../../runtime/abi/ops.ts'
import type { WorstCase } from '../capability.ts'
import type { HttpEntry } from './entry.ts'
import { egressMicroUsd } from './quotas.ts'
import type { HttpSettings } from './settings.ts'
import { URL_SIZE_MAX } from './target.ts'

const kb = (bytes: number): string => `${Number((bytes / 1024).toFixed(2))} KB`

/** The grant in plain words: one sentence for each entry, then the limits. */
export function explainGrant(entries: readonly HttpEntry[], settings: HttpSettings): readonly string[] {
  if (entries.length === 0) return ['May reach nothing over HTTP: allowed_domains is empty.']
  return [...entries.map((entry) => entrySentence(entry)), ...limitSentences(settings)]
}

/** One entry in plain words. `credential`: how the secret that the host adds is called. */
export function entrySentence(entry: HttpEntry, credential = `the credential ${entry.auth}`): string {
  const { pattern, methods, paths, query, headers, auth, costMicroUsd } = entry
  if (methods.length === 0 || paths?.length === 0)
    return `May send nothing to ${pattern.text}: its methods or paths are empty.`
  const where = pattern.wildcard ? `the sub-domains of ${pattern.text.replace('*.', '')}` : pattern.text
  const parts = [
    `May send ${methods.join(', ')} to ${where}`,
    paths === undefined ? 'any path' : `only ${paths.map(({ text }) => text).join(' and ')}`,
  ]
  if (query !== undefined)
    parts.push(query.size === 0 ? 'without query' : `with no query parameter but ${[...query].join(', ')}`)
  const extra = [...headers].filter((name) => name !== 'accept' && name !== 'content-type')
  if (extra.length > 0) parts.push(`may set ${extra.join(', ')}`)
  if (auth !== undefined) parts.push(`the host adds ${credential}`)
  if (costMicroUsd > 0) parts.push(`${costMicroUsd / 1e6} USD a call`)
  return `${parts.join('; ')}. ${effectSentence(entry)}`.trimEnd()
}

function effectSentence(entry: HttpEntry): string {
  const { methods, categories, egressBytesMax } = entry
  const effects = [...new Set(methods.map((method) => entry.effectOf(method)))]
  const byDefault = categories.length > 0 || effects.includes('irreversible') ? 'always' : undefined
  const ask = entry.ask ?? byDefault
  const kinds = categories.length > 0 ? ` (${categories.join(', ')})` : ''
  const asks = {
    always: ' A human approves each.',
    once_per_run: ' A human approves once a run.',
    never: ' No human is asked by default.',
  }
  const size =
    egressBytesMax === undefined ? '' : ` At most ${kb(egressBytesMax)} go out through it in a run.`
  return `Counts as ${effects.join(' and ')}${kinds}.${ask === undefined ? '' : asks[ask]}${repetition(entry, effects)}${size}`
}

/** What is known of doing the same again, where it is not the rule. */
function repetition(entry: HttpEntry, effects: readonly Effect[]): string {
  if (effects.every((effect) => effect === 'read')) return ''
  const kind = entry.idempotencyOf('write')
  const { keyTtlMs } = entry
  if (kind === 'idempotent') return ' Doing it again is as good as once.'
  if (kind !== 'keyed') return ''
  const ttl = keyTtlMs === undefined ? '' : ` for ${keyTtlMs / 1000} s`
  return ` The other side knows a repetition by its key${ttl}.`
}

/** How much and how often. */
export function limitSentences(settings: HttpSettings): string[] {
  const {
    responseBytesMax,
    requestBytesMax,
    egressBytesMax,
    redirectsMax,
    concurrentMax,
    timeoutMs,
    rate,
    networks,
  } = settings
  const sentences = [
    `Answers have at most ${kb(responseBytesMax)} when decoded, requests ${kb(requestBytesMax)}; at most ${kb(egressBytesMax)} go out to one destination in a run.`,
    `At most ${redirectsMax} redirects are followed, each judged like a call; ${concurrentMax} requests at once; ${timeoutMs / 1000} s for each.`,
  ]
  if (rate !== undefined) sentences.push(`At most ${rate.max} calls in ${(rate.windowMs ?? 0) / 1000} s.`)
  sentences.push(
    networks.length === 0
      ? 'Reaches public addresses only.'
      : `Beside public addresses it reaches the private networks ${networks.map(({ text }) => text).join(', ')}.`,
  )
  return sentences
}

/** What a run could do at most, given as many calls as it likes. */
export function worstCaseOf(entries: readonly HttpEntry[], settings: HttpSettings): WorstCase {
  const egressBytesMax: Record<string, number> = {}
  for (const destination of new Set(entries.map(({ pattern }) => pattern.text))) {
    const own = entries.filter(({ pattern }) => pattern.text === destination)
    const sum = own.reduce((total, entry) => total + (entry.egressBytesMax ?? Infinity), 0)
    egressBytesMax[destination] = Math.min(settings.egressBytesMax, sum)
  }
  const unattended = entries.some((entry) =>
    entry.methods.some((method) => !isAttended(entry, entry.effectOf(method))),
  )
  return {
    ...(entries.length === 0 && { callsMax: 0 }),
    egressBytesMax,
    callMicroUsdMax:
      Math.max(0, ...entries.map(({ costMicroUsd }) => costMicroUsd)) + callEgressMicroUsd(settings),
    ...(!unattended && { unattendedEffectsMax: 0 }),
  }
}

/** Price of the largest request, sent again at every redirect. */
const callEgressMicroUsd = ({ requestBytesMax, redirectsMax, egressMbMicroUsd }: HttpSettings): number =>
  egressMicroUsd(requestBytesMax + redirectsMax * (requestBytesMax + URL_SIZE_MAX), egressMbMicroUsd)

/** Whether a human stands before every such call: a read needs none, and `once_per_run` leaves the rest of the run unattended. */
function isAttended({ ask, categories }: HttpEntry, effect: Effect): boolean {
  if (effect === 'read' && categories.length === 0) return true
  if (ask !== undefined) return ask === 'always'
  return effect === 'irreversible' || categories.length > 0
}
