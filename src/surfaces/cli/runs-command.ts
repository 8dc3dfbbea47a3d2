import { InvalidArgumentError, type Command } from 'commander'
import { TollgateError } from '../../index.ts'
import type { RunResult } from '../../index.ts'
import { acting, openExistingState, withExample, type Invocation } from './command.ts'
import { EXIT_DONE } from './exit-code.ts'
import { printable } from './printable.ts'
import { printRun } from './run-command.ts'
import { tableLines, type Cell, type Column } from './table.ts'
import { formatMs, formatUsd } from './units.ts'

const LIMIT_DEFAULT = 20

/** Reads a positive whole number from an option. */
export const parseLimit = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a positive whole number.')
  return Number(text)
}

/** `tollgate runs` and `tollgate runs show`. */
export const addRunsCommand = (program: Command, invocation: Invocation): void => {
  const runs = program
    .command('runs')
    .description('list earlier runs, newest first')
    .option('--task <name>', 'only the runs of this task')
    .option('--limit <count>', 'how many', parseLimit, LIMIT_DEFAULT)
    .action(acting(invocation, (options: { task?: string; limit: number }) => listRuns(options, invocation)))
  withExample(runs, 'tollgate runs --limit 5', 'tollgate runs show RUN')
  const show = runs
    .command('show')
    .description('print the result of an earlier run again')
    .argument('<run>', 'id of the run')
    .action(acting(invocation, (runId: string) => showRun(runId, invocation)))
  withExample(show, 'tollgate runs show RUN --json')
}

const listRuns = async (
  options: { task?: string; limit: number },
  invocation: Invocation,
): Promise<number> => {
  const { terminal } = invocation
  await using gate = await openExistingState(invocation.stateFolder())
  const results = await gate.runs.list(options)
  if (terminal.json) terminal.printJson(results)
  else
    terminal.print(
      results.length === 0 ? ['no runs'] : tableLines(COLUMNS, results.map(cellsOf), terminal.out, ''),
    )
  return EXIT_DONE
}

const showRun = async (runId: string, invocation: Invocation): Promise<number> => {
  await using gate = await openExistingState(invocation.stateFolder())
  const result = await gate.runs.get(runId)
  if (result === undefined) {
    throw new TollgateError('CONFIG_USAGE', `There is no run ${runId} in this state.`, {
      hint: 'tollgate runs',
    })
  }
  await printRun(gate, result, invocation.terminal)
  return EXIT_DONE
}

const COLUMNS: readonly Column[] = [
  { title: 'run' },
  { title: 'status' },
  { title: 'code' },
  { title: 'calls', align: 'right' },
  { title: 'time', align: 'right' },
  { title: 'cost', align: 'right' },
  { title: 'task', flexible: true },
]

const cellsOf = (result: RunResult): Cell[] => [
  { text: printable(result.runId) },
  {
    text: result.status,
    format: result.status === 'done' ? 'green' : result.status === 'failed' ? 'red' : 'yellow',
  },
  { text: result.error?.code ?? '' },
  { text: String(result.usage.calls) },
  { text: formatMs(result.usage.wallMs) },
  { text: formatUsd(result.usage.costUsd) },
  { text: result.task === result.runId ? '' : printable(result.task) },
]
