import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { createTollgate, TollgateError } from '../../index.ts'
import type { Tollgate } from '../../index.ts'
import type { Terminal } from './terminal.ts'

/** What each command is given: the streams, the global options, and where to leave its exit code. */
export type Invocation = {
  readonly terminal: Terminal
  /** Folder of the state, known once the arguments are parsed. */
  stateFolder(): string
  /** Set by the command that ran. */
  exit: number
  /** Help and release, which come piece by piece, where they have to become one JSON document. */
  said: string
}

/** Wraps the body of a command: its exit code is kept, its errors pass through. */
export const acting =
  <Arguments extends unknown[]>(invocation: Invocation, body: (...args: Arguments) => Promise<number>) =>
  async (...args: Arguments): Promise<void> => {
    invocation.exit = await body(...args)
  }

/** Adds an example to the help of a command. */
export const withExample = (command: Command, ...examples: string[]): Command =>
  command.addHelpText(
    'after',
    `\n${examples.length > 1 ? 'Examples' : 'Example'}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`,
  )

/**
 * Opens the state of earlier runs for reading. Throws CONFIG_STATE_UNUSABLE where there is none: an empty answer about a
 * mistyped folder would look like good news.
 */
export const openExistingState = async (folder: string): Promise<Tollgate> => {
  if (folder !== ':memory:' && !existsSync(folder)) {
    throw new TollgateError(
      'CONFIG_STATE_UNUSABLE',
      `There is no state in ${join(folder)}: nothing ran with it yet.`,
      {
        hint: 'name the folder with --state or TOLLGATE_STATE',
      },
    )
  }
  return createTollgate({ state: folder, spareCages: 0 })
}
