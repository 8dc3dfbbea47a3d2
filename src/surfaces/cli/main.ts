/** Entry of the CLI: parses the arguments, runs one command, leaves its exit code to the process. */
import { Console } from 'node:console'
import { TollgateError } from '../../index.ts'
import { EXIT_DONE } from './exit-code.ts'
import { createProgram } from './program.ts'
import { reportError } from './report-error.ts'
import { openTerminal, type Terminal } from './terminal.ts'

const wantsJson = (argv: readonly string[]): boolean => {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}

/** What commander throws after it printed help or the release. */
const isAnswered = (error: unknown): boolean =>
  error instanceof Error && 'exitCode' in error && error.exitCode === 0 && 'code' in error

/** A host tool, or Tollgate, threw where nothing catches. The cages end with the process. */
const endOnUncaught = (error: unknown, terminal: Terminal): never => {
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const message = `A host tool, or Tollgate itself, threw where nothing catches it: ${said}`
  return process.exit(reportError(new TollgateError('INTERNAL_ERROR', message, { cause: error }), terminal))
}

/** Runs the command that the arguments name; resolves to the exit code of the process. Never rejects. */
const main = async (argv: readonly string[]): Promise<number> => {
  const terminal = openTerminal(wantsJson(argv))
  // Modules of the operator (--tools) may log: stdout belongs to the result.
  globalThis.console = new Console({ stdout: process.stderr, stderr: process.stderr })
  const { program, invocation } = createProgram(terminal)
  process.once('uncaughtException', (error) => endOnUncaught(error, terminal))
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return invocation.exit
  } catch (error) {
    if (!isAnswered(error)) return reportError(error, terminal)
    if (terminal.json) terminal.printJson({ text: invocation.said })
    return EXIT_DONE
  }
}

process.exitCode = await main(process.argv.slice(2))
