import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AuditRecord, Tollgate } from '../../index.ts'
import { acting, openExistingState, withExample, type Invocation } from './command.ts'
import { EXIT_AUDIT_BROKEN, EXIT_CANCELLED, EXIT_DONE } from './exit-code.ts'
import { onInterrupt } from './interrupt.ts'
import { cut, printable } from './printable.ts'
import { parseLimit } from './runs-command.ts'
import type { Style } from './style.ts'
import type { Terminal } from './terminal.ts'
import { formatCount } from './units.ts'

const LIMIT_DEFAULT = 200
const FOLLOW_MS = 400
const FACT_SIZE_MAX = 200

type AuditOptions = { run?: string; follow?: boolean; limit?: number }

/** `tollgate audit` and `tollgate audit verify`. */
export const addAuditCommand = (program: Command, invocation: Invocation): void => {
  const audit = program
    .command('audit')
    .description('print the audit records')
    .option('--run <id>', 'only the records of this run')
    .option('--follow', 'go on with what is written from now on, until Ctrl-C')
    .option('--limit <count>', `how many of the last records (default ${LIMIT_DEFAULT}; with --run, all)`, parseLimit)
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
  const filter = {
    ...(options.run !== undefined && { runId: options.run }),
    ...(options.limit !== undefined ? { limit: options.limit } : options.run === undefined && { limit: LIMIT_DEFAULT }),
  }
  const records = await gate.audit.read(filter)
  if (options.follow) return follow(gate, records, filter, terminal)
  if (terminal.json) terminal.printJson(records)
  else terminal.print(records.length === 0 ? ['no records'] : records.map((record) => recordLine(record, terminal.out)))
  return EXIT_DONE
}

/** One record on one line: when, which run and position, what, and its facts. */
const recordLine = ({ at, runId, n, event, facts }: AuditRecord, style: Style): string => {
  const told = Object.entries(facts)
    .map(([key, value]) => `${style.paint('dim', `${printable(key)}=`)}${printable(cut(String(value), FACT_SIZE_MAX))}`)
    .join(' ')
  const refused = facts['verdict'] !== undefined && facts['verdict'] !== 'allow'
  const name = style.paint(refused || event === 'breach' ? 'red' : 'cyan', event.padEnd(13))
  return `${style.paint('dim', printable(at))} ${printable(runId)}#${n} ${name} ${told}`
}

/** Prints what is there and then what comes. As JSON it is still one document: an array that is closed at the end. */
const follow = async (gate: Tollgate, first: readonly AuditRecord[], filter: { runId?: string }, terminal: Terminal): Promise<number> => {
  const ended = new AbortController()
  const release = onInterrupt(() => ended.abort(), () => process.exit(EXIT_CANCELLED))
  const over = AbortSignal.any([ended.signal, terminal.outputClosed])
  const positions = new Map<string, number>()
  let separator = '['
  const show = (records: readonly AuditRecord[]): void => {
    for (const record of records) {
      if (record.n <= (positions.get(record.runId) ?? -1)) continue
      positions.set(record.runId, record.n)
      if (terminal.json) terminal.write(`${separator}\n${JSON.stringify(record)}`)
      else terminal.print([recordLine(record, terminal.out)])
      separator = ','
    }
  }
  show(first)
  while (!over.aborted) {
    await wait(FOLLOW_MS, undefined, { signal: over }).catch(() => undefined)
    show(await gate.audit.read(filter))
  }
  if (terminal.json) terminal.write(separator === '[' ? '[]\n' : '\n]\n')
  release()
  return ended.signal.aborted ? EXIT_CANCELLED : EXIT_DONE
}

const verifyAudit = async (invocation: Invocation): Promise<number> => {
  const { terminal } = invocation
  await using gate = await openExistingState(invocation.stateFolder())
  const verdict = await gate.audit.verify()
  const counted = `${formatCount(verdict.records, 'record')} of ${formatCount(verdict.runs, 'run')}`
  if (terminal.json) terminal.printJson(verdict)
  else if (verdict.intact) {
    terminal.print([`${terminal.out.paint(['bold', 'green'], '✔ intact')}  ${counted}`, `head ${verdict.head}`])
  } else {
    const { runId, position, message } = verdict.problem
    const where = runId === undefined ? `position ${position}` : `run ${printable(runId)}, position ${position}`
    terminal.print([`${terminal.out.paint(['bold', 'red'], '✖ broken')} at ${where}: ${printable(message)}`, `looked at ${counted}`])
  }
  return verdict.intact ? EXIT_DONE : EXIT_AUDIT_BROKEN
}
