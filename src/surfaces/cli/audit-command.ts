import type { Command } from 'commander'
import { TollgateError } from '../../index.ts'
import type { AuditRecord, Tollgate } from '../../index.ts'
import { acting, openExistingState, withExample, type Invocation } from './command.ts'
import { EXIT_AUDIT_BROKEN, EXIT_CANCELLED, EXIT_DONE } from './exit-code.ts'
import { followAudit } from './follow-audit.ts'
import { onInterrupt } from './interrupt.ts'
import { createAuditPrinter, verdictLines } from './print-audit.ts'
import { parseLimit } from './runs-command.ts'
import type { Terminal } from './terminal.ts'

const LIMIT_DEFAULT = 200

type AuditOptions = { run?: string; follow?: boolean; limit?: number }

/** `tollgate audit` and `tollgate audit verify`. */
export const addAuditCommand = (program: Command, invocation: Invocation): void => {
  const audit = program
    .command('audit')
    .description('print the audit records')
    .option('--run <id>', 'only the records of this run')
    .option('--follow', 'go on with what is written from now on, until Ctrl-C')
    .option(
      '--limit <count>',
      `how many of the last records (default ${LIMIT_DEFAULT}; with --run, all)`,
      parseLimit,
    )
    .action(acting(invocation, (options: AuditOptions) => printAudit(options, invocation)))
  withExample(audit, 'tollgate audit --run RUN', 'tollgate audit --follow', 'tollgate audit verify')
  const verify = audit
    .command('verify')
    .description('recompute every hash chain; exit code 9 when one is broken')
    .action(acting(invocation, () => verifyAudit(invocation)))
  withExample(verify, 'tollgate audit verify --json')
}

const printAudit = async (options: AuditOptions, invocation: Invocation): Promise<number> => {
  const { terminal } = invocation
  await using gate = await openExistingState(invocation.stateFolder())
  if (options.run !== undefined) await assertRun(gate, options.run)
  const limit = options.limit ?? (options.run === undefined ? LIMIT_DEFAULT : undefined)
  const records = await gate.audit.read({
    ...(options.run !== undefined && { runId: options.run }),
    ...(limit !== undefined && { limit }),
  })
  if (options.follow) return await follow(gate, records, options.run, terminal)
  if (terminal.json) terminal.printJson(records)
  else terminal.print(records.length === 0 ? ['no records'] : createAuditPrinter(terminal.out)(records))
  return EXIT_DONE
}

/** Throws CONFIG_USAGE for a run that left no record: silence about a mistyped id would look like good news. */
const assertRun = async (gate: Tollgate, runId: string): Promise<void> => {
  const found = await gate.audit.read({ runId, limit: 1 })
  if (found.length > 0) return
  throw new TollgateError('CONFIG_USAGE', `There is no run ${runId} in this state.`, {
    hint: 'tollgate runs',
  })
}

/** Prints what is there and then what comes. As JSON it is still one document: an array that is closed at the end. */
const follow = async (
  gate: Tollgate,
  first: readonly AuditRecord[],
  runId: string | undefined,
  terminal: Terminal,
): Promise<number> => {
  const ended = new AbortController()
  const release = onInterrupt(
    () => ended.abort(),
    () => process.exit(EXIT_CANCELLED),
  )
  const over = AbortSignal.any([ended.signal, terminal.outputClosed])
  const linesOf = createAuditPrinter(terminal.out)
  let separator = ''
  const show = (records: readonly AuditRecord[]): void => {
    if (!terminal.json) return terminal.print(linesOf(records))
    for (const record of records) {
      terminal.write(`${separator}\n${JSON.stringify(record)}`)
      separator = ','
    }
  }
  if (terminal.json) terminal.write('[')
  show(first)
  for await (const records of followAudit(gate, runId, first.at(-1), over)) show(records)
  if (terminal.json) terminal.write('\n]\n')
  release()
  return ended.signal.aborted ? EXIT_CANCELLED : EXIT_DONE
}

const verifyAudit = async (invocation: Invocation): Promise<number> => {
  const { terminal } = invocation
  await using gate = await openExistingState(invocation.stateFolder())
  const verdict = await gate.audit.verify()
  if (terminal.json) terminal.printJson(verdict)
  else terminal.print(verdictLines(verdict, terminal.out))
  return verdict.intact ? EXIT_DONE : EXIT_AUDIT_BROKEN
}
