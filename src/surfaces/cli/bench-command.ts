import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { TollgateError } from '../../index.ts'
import { acting, withExample, type Invocation } from './command.ts'
import { exitOfCode } from './exit-code.ts'

type Choices = { quick?: true; force?: true; minutes?: string; rivals: boolean; rival?: string[] }

const collect = (name: string, before: string[] = []): string[] => [...before, name]

/** The program of the benchmarks; the published package does not carry it. */
const programOf = (): string => {
  const manifest = findPackageJSON(import.meta.url)
  const program = manifest === undefined ? undefined : join(dirname(manifest), 'bench', 'main.ts')
  if (program !== undefined && existsSync(program)) return program
  throw new TollgateError('CONFIG_USAGE', 'The benchmarks are part of the checkout, not of the package.', {
    hint: 'clone the repository, then: npm ci && npm run bench',
  })
}

/** Runs the benchmarks with the streams of this process; resolves to their exit code. */
const measure = (args: readonly string[]): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(process.execPath, [programOf(), ...args], { stdio: 'inherit' })
  child.on('error', reject)
  child.on('exit', (code) => resolve(code ?? exitOfCode('INTERNAL_ERROR')))
  return promise
}

/** `tollgate bench`. */
export const addBenchCommand = (program: Command, invocation: Invocation): void => {
  const bench = program
    .command('bench [question...]')
    .description(
      'measure this build beside its rivals, from a checkout; exit code 75 when the machine is too busy',
    )
    .option('--quick', 'answer within a minute, without the rivals that have to be installed')
    .option('--force', 'measure although the machine is busy')
    .option('--minutes <n>', 'give the rivals no more turns after so long; 60 by default')
    .option('--no-rivals', 'leave out the rivals that have to be installed')
    .option('--rival <name>', 'ask only this rival; may be repeated', collect)
    .action(
      acting(
        invocation,
        async (questions: string[], { quick, force, minutes, rivals, rival = [] }: Choices) => {
          const flags = [
            ...(invocation.terminal.json ? ['--json'] : []),
            ...(quick ? ['--quick'] : []),
            ...(force ? ['--force'] : []),
            ...(minutes === undefined ? [] : [`--minutes=${minutes}`]),
            ...(rivals ? [] : ['--no-rivals']),
            ...rival.map((name) => `--rival=${name}`),
          ]
          return await measure([...flags, ...questions])
        },
      ),
    )
  withExample(bench, 'tollgate bench --quick --json')
}
