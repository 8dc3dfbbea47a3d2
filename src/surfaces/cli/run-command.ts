import { Option, type Command } from 'commander'
import { createTollgate, TollgateError } from '../../index.ts'
import type { HostTool, RunOptions, RunResult, Tollgate } from '../../index.ts'
import { definePolicy, loadPolicyFile } from '../../policy.ts'
import { createApprovalPrompt } from './approval-prompt.ts'
import { acting, withExample, type Invocation } from './command.ts'
import { EXIT_CANCELLED, exitOfRun } from './exit-code.ts'
import { onInterrupt } from './interrupt.ts'
import { loadTools } from './load-tools.ts'
import { eventLines } from './print-event.ts'
import { resultLines } from './print-result.ts'
import { readInput } from './read-input.ts'
import { assertReadable } from './readable-file.ts'
import { noteError } from './report-error.ts'
import type { Terminal } from './terminal.ts'

type RunCommandOptions = {
  policy?: string
  input?: string
  tools?: string
  task?: string
  principal?: string
  idempotencyKey?: string
  code?: string
}

/** `tollgate run`. */
export const addRunCommand = (program: Command, invocation: Invocation): void => {
  const command = program
    .command('run')
    .description('run a tool under a policy and print its result')
    .argument('[tool]', 'file that holds the tool: TypeScript or JavaScript with a default export')
    .option('-p, --policy <file>', 'policy, YAML or JSON; without one the tool holds no capability')
    .option('-i, --input <json>', 'input of the tool: JSON, @FILE, or - for stdin')
    .option('--tools <module>', 'ES module that exports the host tools the policy may grant')
    .option('--task <name>', 'task that the run counts towards')
    .option('--principal <name>', 'on whose behalf the tool runs')
    .option('--idempotency-key <key>', 'names this run, so that repeating it does not repeat its effects')
    .addOption(new Option('--code <source>', 'source of the tool, instead of a file'))
    .action(
      acting(invocation, (tool: string | undefined, options: RunCommandOptions) =>
        runTool(tool, options, invocation),
      ),
    )
  withExample(
    command,
    `tollgate run examples/add/tool.ts --policy examples/add/policy.yaml --input '{"a":2,"b":3}'`,
    `tollgate run --code 'return input.length' --input '[1,2,3]' --json`,
  )
}

const runTool = async (
  file: string | undefined,
  options: RunCommandOptions,
  invocation: Invocation,
): Promise<number> => {
  const { terminal } = invocation
  const program = programOf(file, options.code)
  if (file !== undefined) await assertReadable('tool', file)
  const tools = options.tools === undefined ? [] : await loadTools(options.tools)
  const policy =
    options.policy === undefined
      ? definePolicy({}, { tools })
      : await loadPolicyFile(options.policy, { tools })
  const input = await readInput(options.input)
  if (options.policy === undefined) terminal.note(['no policy: the tool holds no capability'])
  return await supervise(invocation, tools, async (gate, signal) => {
    const result = await gate.run({
      ...program,
      policy,
      input,
      signal,
      ...(options.task !== undefined && { task: options.task }),
      ...(options.principal !== undefined && { principal: options.principal }),
      ...(options.idempotencyKey !== undefined && { idempotencyKey: options.idempotencyKey }),
      // After `--input -` the terminal is at its end and cannot answer.
      ...(terminal.canAsk &&
        options.input !== '-' && { approve: createApprovalPrompt(terminal, process.stdin) }),
      onEvent: (event) => terminal.note(eventLines(event, terminal)),
    })
    await printRun(gate, result, terminal)
    return exitOfRun(result)
  })
}

const programOf = (file: string | undefined, code: string | undefined): Pick<RunOptions, 'file' | 'code'> => {
  if ((file === undefined) === (code === undefined)) {
    throw new TollgateError('CONFIG_USAGE', 'Name the file of one tool, or give its source with --code.', {
      hint: 'tollgate run --help',
    })
  }
  return file === undefined ? { code: code ?? '' } : { file }
}

/** Holds a Tollgate open for one run. The first signal cancels the run, the second ends everything at once. */
const supervise = async (
  invocation: Invocation,
  tools: readonly HostTool[],
  body: (gate: Tollgate, signal: AbortSignal) => Promise<number>,
): Promise<number> => {
  const cancel = new AbortController()
  let opened: Tollgate | undefined
  const { terminal } = invocation
  const release = onInterrupt(
    () => {
      if (terminal.live) terminal.note(['cancelling; a second signal ends everything at once'])
      cancel.abort()
    },
    () => void endAtOnce(opened),
  )
  try {
    opened = await createTollgate({ state: invocation.stateFolder(), tools, spareCages: 0 })
    const exit = await body(opened, cancel.signal)
    return await closeAfter(opened, exit, terminal)
  } finally {
    await opened?.close().catch(() => undefined)
    release()
  }
}

/** The result is printed by now, and stdout has its one document: what fails in closing is told beside it. */
const closeAfter = async (gate: Tollgate, exit: number, terminal: Terminal): Promise<number> => {
  try {
    await gate.close()
    return exit
  } catch (error) {
    return noteError(error, terminal) || exit
  }
}

const endAtOnce = async (gate: Tollgate | undefined): Promise<never> => {
  await gate?.close({ force: true }).catch(() => undefined)
  process.exit(EXIT_CANCELLED)
}

/** Prints a run that ended: the result object as JSON, or the block for people with the calls from its audit. */
export const printRun = async (gate: Tollgate, result: RunResult, terminal: Terminal): Promise<void> => {
  if (terminal.json) return terminal.printJson(result)
  const records = await gate.audit.read({ runId: result.runId })
  terminal.print(resultLines(result, records, terminal.out))
}
