import type { Ask, WorstCase } from '../capability.ts'
import type { CompiledTool } from './compiled-tool.ts'

/** What is said of asking. */
export const ASKS: Readonly<Record<Ask, string>> = {
  always: 'A human approves each call.',
  once_per_run: 'A human approves the first call of a run; later ones pass, whatever their arguments.',
  never: 'No human is asked by default.',
}

/** What a tool does about asking, when no entry of human_in_loop says more. */
const askOf = ({ document, effect, categories }: CompiledTool): Ask =>
  document.ask ?? (effect === 'irreversible' || categories.length > 0 ? 'always' : 'never')

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

/** A granted tool in plain words. */
export function explainTool(compiled: CompiledTool): string {
  const { tool, effect, categories, costMicroUsd, verified } = compiled
  const kind = [effect, ...categories].join(', ')
  const parts = [
    `May call the host tool ${tool.name} (${verified ? kind : `${kind}; not verified`})`,
    ...boundsOf(compiled),
  ]
  for (const [name, secret] of Object.entries(compiled.secrets))
    parts.push(`with ${name} filled by the host with the secret ${secret}`)
  if (costMicroUsd > 0) parts.push(`at up to ${costMicroUsd / 1e6} USD a call`)
  const ask = askOf(compiled)
  return `${parts.join(', ')}.${ask === 'never' && effect === 'read' ? '' : ` ${ASKS[ask]}`}`
}

/** How often, and with which arguments. */
export function boundsOf({ document }: CompiledTool): readonly string[] {
  const bounds = document.max_calls === undefined ? [] : [`at most ${times(document.max_calls)} a task`]
  for (const [name, rule] of Object.entries(document.args ?? {})) {
    if (rule.pattern !== undefined) bounds.push(`with ${name} matching ${JSON.stringify(rule.pattern)}`)
    if (rule.one_of !== undefined) bounds.push(`with ${name} one of ${JSON.stringify(rule.one_of)}`)
  }
  return bounds
}

const sumOfCalls = (tools: readonly CompiledTool[]): number =>
  tools.reduce((sum, { document: { max_calls: callsMax = Infinity } }) => sum + callsMax, 0)

/**
 * What a task could do at most through host tools. Infinity stands for what only the number and the size of calls bound: the
 * bytes that a tool is handed, and the price of one that nobody has seen.
 */
export function worstCaseOfTools(tools: readonly CompiledTool[]): WorstCase {
  const unattended = tools.filter((one) => {
    const harmless = one.effect === 'read' && one.categories.length === 0
    return !harmless && askOf(one) !== 'always'
  })
  const callsMax = sumOfCalls(tools)
  const effectsMax = sumOfCalls(unattended)
  return {
    ...(callsMax !== Infinity && { callsMax }),
    egressBytesMax: Object.fromEntries(tools.map(({ tool }) => [`tool:${tool.name}`, Infinity])),
    callMicroUsdMax: Math.max(
      0,
      ...tools.map(({ costMicroUsd, verified }) => (verified ? costMicroUsd : Infinity)),
    ),
    ...(effectsMax !== Infinity && { unattendedEffectsMax: effectsMax }),
  }
}
