import { isTollgateError, TollgateError } from '../../errors/tollgate-error.ts'
import type { Driver, Judgement, Outcome, PerformTerms, ResolvedSecret } from '../capability.ts'
import type { HostTool } from '../host-tool.ts'
import { isPrice, microUsd } from '../price.ts'
import { withSecrets, type SecretArguments } from './secret-arguments.ts'

type Secrets = ReadonlyMap<string, ResolvedSecret>

/** Performs host tools: functions of the embedder, in the embedder's process. */
export function openToolsDriver(tools: ReadonlyMap<string, HostTool>, secrets: Secrets): Driver {
  return {
    perform: (judgement, run) => performTool(tools, secrets, judgement, run),
    close: () => Promise.resolve(),
  }
}

async function performTool(
  tools: ReadonlyMap<string, HostTool>,
  secrets: Secrets,
  judgement: Judgement,
  run: PerformTerms,
): Promise<Outcome> {
  const request = judgement.request as { tool: string; arguments: unknown; secrets?: SecretArguments }
  const { tool: name } = request
  const tool = tools.get(name)
  if (tool === undefined) throw new TollgateError('CONFIG_HOST_TOOL_UNKNOWN', `The host has no tool ${name}.`)
  const args = withSecrets(tool, request.arguments, request.secrets ?? {}, secrets)
  let reported: number | undefined
  const { signal, runId, taskId, principal, idempotencyKey } = run
  const charge = (costUsd: number): void => {
    if (!isPrice(costUsd))
      throw new TollgateError('CONFIG_USAGE', `${name}: charge() takes a number of dollars, 0 or more.`)
    reported = (reported ?? 0) + microUsd(costUsd)
  }
  const returned = await untilAborted(
    signal,
    () => tool.perform(args, { runId, taskId, principal, idempotencyKey, signal, charge }),
    name,
  )
  const parsed = tool.output.safeParse(returned)
  if (!parsed.success) {
    throw new TollgateError(
      'UPSTREAM_TOOL_RESULT',
      `The host tool ${name} returned what its output schema does not allow.`,
      { cause: parsed.error },
    )
  }
  return {
    value: parsed.data ?? null,
    ingressBytes: 0,
    egressBytes: 0,
    ...(reported !== undefined && { costMicroUsd: reported }),
  }
}

/** A tool that ignores the signal is left behind at the deadline; its late result goes nowhere. */
async function untilAborted(signal: AbortSignal, work: () => unknown, name: string): Promise<unknown> {
  const message = `The host tool ${name} did not answer in time.`
  // The signal will not fire a second time.
  if (signal.aborted) throw new TollgateError('UPSTREAM_TIMEOUT', message, { notPerformed: true })
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(new TollgateError('UPSTREAM_TIMEOUT', message))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([Promise.try(work), aborted])
  } catch (cause) {
    if (isTollgateError(cause)) throw cause
    throw new TollgateError('UPSTREAM_TOOL_FAILED', `The host tool ${name} failed.`, { cause })
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
