import { JSON_DEPTH_MAX } from '../../runtime/abi/crossing.ts'
import type { Code } from '../../runtime/abi/codes.ts'
import type { DoneFrame, Fault } from '../../runtime/abi/frames.ts'
import type { Redactor } from '../audit/redact.ts'
import type { Locate } from '../bundler/positions.ts'
import { isShallow } from '../canonical/canonical-json.ts'
import { TollgateError, type ErrorRecord } from '../errors/tollgate-error.ts'
import type { CageLoss } from './hosted-cage.ts'
import { durationError, memoryError } from './limits-watch.ts'

/** How a run ended. `stack` is the tool's own; the text in it was written by the guest. */
export type Ending =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly error: ErrorRecord; readonly stack?: string }
  | { readonly kind: 'cancelled' }

/** An ending by an error of the host. */
export const failedBy = (error: TollgateError): Ending => ({ kind: 'failed', error: error.toRecord() })

const TEXT_SIZE_MAX = 4_096

/** Name, message and stack as the cage reports them: strings at most, whatever it sends. */
function readGuestError(json: string): { name: string; message: string; stack: string } {
  const text = (value: unknown, fallback: string): string =>
    typeof value === 'string' ? value.slice(0, TEXT_SIZE_MAX) : fallback
  try {
    const { name, message, stack } = JSON.parse(json) as Record<string, unknown>
    return { name: text(name, 'Error'), message: text(message, ''), stack: text(stack, '') }
  } catch {
    return { name: 'Error', message: 'The cage reported no error that can be read.', stack: '' }
  }
}

const FAULT_CODES: Readonly<Record<Exclude<Fault, 'timeout' | 'memory' | 'output' | 'stopped'>, Code>> = {
  threw: 'GUEST_THREW',
  unpassable: 'GUEST_UNPASSABLE',
  syntax: 'GUEST_SYNTAX',
  import: 'GUEST_IMPORT',
  no_default_export: 'GUEST_NO_DEFAULT_EXPORT',
}

const HINTS: Partial<Record<Code, string>> = {
  GUEST_IMPORT: 'Give the tool as a file: what a file imports is bundled with it.',
  GUEST_NO_DEFAULT_EXPORT: 'export default (input, capabilities) => …',
  GUEST_UNPASSABLE: 'Return strings, finite numbers, booleans, null, arrays and plain objects.',
}

/** What the realm says to code that makes code, or that holds no `exec`. */
const CODE_FROM_TEXT =
  /^(?:Code generation from strings is closed|setTimeout needs a function|WebAssembly is not defined|Not supported|exec is not defined)$|\(reading '(?:exec|run|quarantine)'\)$/
const CODE_HINT =
  'No code is made from text here. Where the policy grants code_exec, exec.run({ code, input, grants }) runs it in a child.'

/** What a guest reads of a capability that it does not hold; or of anything else, so the hint says so. */
const OF_NOTHING = /^Cannot read properties of undefined/
const NOT_HELD_HINT =
  'If that was to be a capability: what the policy does not grant is undefined. tollgate types --policy FILE shows what it grants.'

function hintFor(code: Code, message: string): string | undefined {
  if (CODE_FROM_TEXT.test(message)) return HINTS[code] ?? CODE_HINT
  return HINTS[code] ?? (OF_NOTHING.test(message) ? NOT_HELD_HINT : undefined)
}

/** The error for a value that is larger than the policy allows. */
const outputError = (): TollgateError =>
  new TollgateError('LIMIT_OUTPUT', "The tool's value is larger than limits.max_output_kb allows.", {
    gate: 'cage',
    rule: 'limits.max_output_kb',
    hint: 'Return less.',
    change: 'raise limits.max_output_kb',
  })

/**
 * What the value of a tool means, which a cage may have made up: `text` is its JSON. Secrets are taken out of it. Undefined when
 * it is nothing that a kernel writes.
 */
export function endingOfValue(text: string, bytesMax: number, redactor: Redactor): Ending | undefined {
  if (Buffer.byteLength(text) > bytesMax) return failedBy(outputError())
  try {
    const value: unknown = JSON.parse(redactor.json(text))
    return isShallow(value, JSON_DEPTH_MAX) ? { kind: 'value', value } : undefined
  } catch {
    return undefined
  }
}

/**
 * What the `done` frame of a cage means when it brings no value. The host names the cause: the code of a refusal is kept only where the host itself
 * refused that very call (`refusals`, by seq); any other code that an error carries was written by the guest, and the error is GUEST_THREW.
 * `locate` turns places in a bundle into those of the tool's sources.
 */
export function endingOfDone(
  frame: DoneFrame,
  text: string,
  refusals: ReadonlyMap<number, ErrorRecord>,
  locate: Locate,
): Ending | undefined {
  const guestError = readGuestError(text)
  const { name } = guestError
  const [message, stack] = [locate(guestError.message), locate(guestError.stack)]
  const refusal = frame.refused === undefined ? undefined : refusals.get(frame.refused)
  if (refusal !== undefined) return { kind: 'failed', error: refusal, ...(stack !== '' && { stack }) }
  const fault = frame.fault ?? 'threw'
  // Only a slot that was told to stop says so, and then nobody listens to it any more.
  if (fault === 'stopped') return undefined
  if (fault === 'timeout') return failedBy(durationError())
  if (fault === 'memory') return failedBy(memoryError())
  if (fault === 'output') return failedBy(outputError())
  const code = FAULT_CODES[fault]
  const hint = hintFor(code, message)
  const said = code === 'GUEST_THREW' ? `${name}: ${message}` : message
  const error = new TollgateError(code, said, { gate: 'cage', ...(hint !== undefined && { hint }) })
  return { kind: 'failed', error: error.toRecord(), ...(stack !== '' && { stack }) }
}

const OUT_OF_MEMORY =
  /out of memory|allocation failed|invalid (?:array|table|string) (?:length|size)|fatal javascript/i
/** How V8 ends its process when it cannot go on: abort(3), or a trap instruction. */
const ABORTS = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL'])

/** What the watchdog inside a cage writes before it ends its process. */
const WATCHDOG = /^tollgate watchdog: (memory|time)$/m

const cageLost = (message: string): TollgateError =>
  new TollgateError('INTERNAL_CAGE_LOST', message, { gate: 'cage', hint: 'Run it again.' })

/** What it means that a cage is gone in the middle of a run. What it wrote is the guest's word, and can only harm its own run. */
export function endingOfLoss(loss: CageLoss): Ending {
  if (loss.isShared) return failedBy(cageLost('The cage was lost, and other runs shared it.'))
  if (loss.kind === 'breach') {
    return failedBy(
      new TollgateError('GUEST_BREACH', `The cage sent what no cage sends (${loss.reason}) and was ended.`, {
        gate: 'cage',
      }),
    )
  }
  if (loss.kind === 'neighbour') return failedBy(cageLost('The cage was lost.'))
  const {
    exit: { signal },
    stderrTail,
  } = loss
  const [, watched] = signal === 'SIGKILL' ? (WATCHDOG.exec(stderrTail) ?? []) : []
  if (watched !== undefined) return failedBy(watched === 'memory' ? memoryError() : durationError())
  if (signal !== null && ABORTS.has(signal) && OUT_OF_MEMORY.test(stderrTail)) return failedBy(memoryError())
  if (signal !== null && (ABORTS.has(signal) || signal === 'SIGSEGV' || signal === 'SIGBUS')) {
    return failedBy(
      new TollgateError('GUEST_CRASHED', `The tool ended its own process (${signal}).`, { gate: 'cage' }),
    )
  }
  return failedBy(cageLost('The process of the cage ended without a cause of its own.'))
}
