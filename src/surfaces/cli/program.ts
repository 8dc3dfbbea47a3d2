import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { Command } from 'commander'
import { addAuditCommand } from './audit-command.ts'
import { addBenchCommand } from './bench-command.ts'
import type { Invocation } from './command.ts'
import { addDbCommand } from './db-command.ts'
import { addDoctorCommand } from './doctor-command.ts'
import { addPolicyCommands } from './policy-commands.ts'
import { addRunCommand } from './run-command.ts'
import { addRunsCommand } from './runs-command.ts'
import type { Terminal } from './terminal.ts'
import { addTypesCommand } from './types-command.ts'

const STATE_DEFAULT = '.tollgate'
const HELP_COLUMNS_MAX = 110

const EXIT_CODES = `
Exit codes:
  0 done   1 the tool failed   2 bad usage or policy   3 denied   4 limit   5 approval refused or expired
  6 upstream   7 replay or idempotency   8 waiting for approval   9 broken audit   70 internal   130 cancelled`

/** Release of the package, from its package.json. */
const releaseOf = (): string => {
  const path = findPackageJSON(import.meta.url)
  const manifest: unknown = path === undefined ? undefined : JSON.parse(readFileSync(path, 'utf8'))
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown'
}

/** The folder that --state or TOLLGATE_STATE names; an empty variable is as good as none. */
const stateFolderOf = (program: Command): string => {
  const { state } = program.opts<{ state?: string }>()
  const isUnset = state === undefined || (state === '' && program.getOptionValueSource('state') === 'env')
  return isUnset ? STATE_DEFAULT : state
}

/** All commands, and the invocation that the one which runs fills in. Errors of usage are thrown, never printed here. */
export const createProgram = (terminal: Terminal): { program: Command; invocation: Invocation } => {
  const program = new Command('tollgate')
  const invocation: Invocation = {
    terminal,
    stateFolder: () => stateFolderOf(program),
    exit: 0,
    said: '',
  }
  program
    .description('Runs untrusted agent tools in V8 isolates; every call that they make passes one gate.')
    .version(releaseOf(), '--version', 'print the release')
    .option('--json', 'print exactly one JSON document on stdout; logs go to stderr')
    .addOption(
      program
        .createOption('--state <folder>', `folder of the state (default "${STATE_DEFAULT}")`)
        .env('TOLLGATE_STATE'),
    )
    .configureHelp({
      helpWidth: Math.min(HELP_COLUMNS_MAX, terminal.out.columns),
      showGlobalOptions: true,
      // Those of the program only: what a command between takes, its own help tells.
      visibleGlobalOptions: (command) =>
        command === program ? [] : program.options.filter(({ hidden }) => !hidden),
    })
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({
      writeOut: (text) => void (terminal.json ? (invocation.said += text) : terminal.write(text)),
      writeErr: (text) => (terminal.json ? undefined : terminal.note([text.trimEnd()])),
      // Errors are told by report-error.ts, in one form for all of them.
      outputError: () => undefined,
    })
    .exitOverride()
    .addHelpText('afterAll', EXIT_CODES)
  addRunCommand(program, invocation)
  addPolicyCommands(program, invocation)
  addTypesCommand(program, invocation)
  addRunsCommand(program, invocation)
  addAuditCommand(program, invocation)
  addDoctorCommand(program, invocation)
  addBenchCommand(program, invocation)
  addDbCommand(program, invocation)
  return { program, invocation }
}
