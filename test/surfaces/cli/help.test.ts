import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkout, tollgate } from '../../harness/command-line.ts'

/** Names of the commands that a help text lists. */
const commandsIn = (help: string): string[] => {
  const [, list = ''] = help.split('\nCommands:\n')
  return [...(list.split('\n\n')[0] ?? '').matchAll(/^ {2}([\w-]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help')
}

const helpOf = async (...names: string[]): Promise<string> => {
  const { exit, stdout, stderr } = await tollgate([...names, '--help'])
  expect([exit, stderr]).toEqual([0, ''])
  return stdout
}

/** The program and everything below it. */
const everyCommand = async (...names: string[]): Promise<string[][]> => {
  const inner = commandsIn(await helpOf(...names))
  return [names, ...(await Promise.all(inner.map((name) => everyCommand(...names, name)))).flat()]
}

describe('help', () => {
  test('every command tells options, exit codes and an example that begins with it', async () => {
    const commands = await everyCommand()
    expect(commands.map((names) => names.join(' '))).toEqual(
      expect.arrayContaining([
        '',
        'run',
        'check',
        'explain',
        'types',
        'runs',
        'runs show',
        'audit',
        'audit verify',
      ]),
    )
    for (const names of commands) {
      const example = names.length === 0 ? 'Exit codes' : `\n  $ tollgate ${names.join(' ')}`
      const help = await helpOf(...names)
      expect(help).toContain('--json')
      expect(help).toContain('--state')
      expect(help).toContain(example)
      expect(help).toMatch(/\nExit codes:\n {2}0 done .*130 cancelled/s)
      expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110)
    }
  })

  test('`help COMMAND` is the same', async () => {
    const { stdout } = await tollgate(['help', 'run'])
    expect(stdout).toBe(await helpOf('run'))
  })

  test('--version is the release of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      version: string
    }
    expect((await tollgate(['--version'])).stdout).toBe(`${version}\n`)
  })

  test('an option of the command between is not offered below it', async () => {
    expect(await helpOf('audit', 'verify')).not.toContain('--follow')
  })
})
