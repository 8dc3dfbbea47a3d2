import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import * as entry from '../../src/index.ts'
import { checkout, tollgate } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'
import { RUNNING } from '../bundler/package-tools.ts'
import { isFolder } from '../conventions/project.ts'
import { codeNames, readme, section, tableRows } from './readme.ts'

const { CODES } = entry
/** Exit codes that belong to an ending and not to an error. */
const OTHER_EXITS = [0, 8, 9, 130]

const numeric = (left: number, right: number): number => left - right
const exitCodesIn = (text: string): Map<number, string> => {
  const [, list = ''] = /Exit codes:([^]*?)(?:\.\n|$)/.exec(text) ?? []
  const entries = list.split(/·|\n|(?<=\S) {3,}/).map((part) => /^(\d+) (.+?)\.?$/.exec(part.trim()))
  return new Map(entries.flatMap((match) => (match === null ? [] : [[Number(match[1]), match[2] ?? '']])))
}

describe('the README tells the truth about', () => {
  test('exit codes: those of the table of codes, and of the help', async () => {
    const exits = new Set([...Object.values(CODES).map(({ exit }) => exit), ...OTHER_EXITS])
    const documented = exitCodesIn(section('Commands').replaceAll('\n', ' '))
    expect([...documented.keys()].toSorted(numeric)).toEqual([...exits].toSorted(numeric))
    const { stdout } = await tollgate(['--help'])
    expect(exitCodesIn(stdout)).toEqual(documented)
  })

  test('error codes: exactly those of the table, with their exit code and HTTP status', () => {
    const documented = tableRows(section('Error reference')).map((cells) => [
      codeNames(cells[0] ?? '')[0],
      Number(cells[5]),
      Number(cells[6]),
      cells[4],
    ])
    const actual = Object.entries(CODES).map(([code, { exit, http, retryable }]) => [
      code,
      exit,
      http,
      retryable ? 'yes' : 'no',
    ])
    expect(documented).toHaveLength(actual.length)
    expect(documented).toEqual(expect.arrayContaining(actual))
  })

  test('the names that the package exports', () => {
    const names = tableRows(section('As a library')).flatMap((cells) => codeNames(cells[0] ?? ''))
    const own = names.filter((name) => !name.startsWith('gate.')).map((name) => name.replace(/\(.*/, ''))
    expect(own.toSorted()).toEqual(Object.keys(entry).toSorted())
  })

  test('what a gate can do', async () => {
    await using gate = await openGate()
    const names = tableRows(section('As a library'))
      .flatMap((cells) => codeNames(cells[0] ?? ''))
      .filter((name) => name.startsWith('gate.'))
    expect(names.length).toBeGreaterThanOrEqual(6)
    for (const name of names) {
      const path = name.replace(/\(.*/, '').split('.').slice(1)
      const found = path.reduce<unknown>((from, key) => (from as Record<string, unknown>)[key], gate)
      expect([name, typeof found]).toEqual([name, 'function'])
    }
  })

  test('the entries of the package', () => {
    const { exports } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      exports: object
    }
    const entries = Object.keys(exports).filter((path) => path !== './package.json')
    for (const path of entries) expect(readme).toContain(`\`${path.replace(/^\./, 'tollgate')}\``)
  })

  test('the commands', async () => {
    const documented = tableRows(section('Commands')).map((cells) => codeNames(cells[0] ?? '')[0] ?? '')
    const commands = documented
      .filter((name) => name.startsWith('tollgate '))
      .map((name) => name.split(/ [[<]/)[0] ?? '')
    expect(commands.length).toBeGreaterThanOrEqual(7)
    for (const command of commands) {
      const { exit, stdout } = await tollgate([...command.split(' ').slice(1), '--help'])
      expect([command, exit, stdout.startsWith(`Usage: ${command}`)]).toEqual([command, 0, true])
    }
  })

  test('where things are', () => {
    const folders = tableRows(section('Where things are')).flatMap((cells) => codeNames(cells[0] ?? ''))
    expect(folders.filter((folder) => !isFolder(join(checkout, folder)))).toEqual([])
    const ours = readdirSync(checkout).filter((name) =>
      ['runtime', 'test', 'bench', 'examples'].includes(name),
    )
    expect(ours.filter((name) => !folders.some((folder) => folder.startsWith(name)))).toEqual([])
  })

  test('the packages that run unchanged: those of the tests', () => {
    const text = section('What a tool sees')
    const [, whole = '', part = ''] =
      /run unchanged, as tests: ([^.]*)\. Of these a part: ([^.]*)\./.exec(text) ?? []
    const tried = (isPart: boolean): Set<string> =>
      new Set(
        RUNNING.filter(({ packages }) => packages.includes('(') === isPart).map(
          ({ packages }) => packages.split(' ')[0] ?? '',
        ),
      )
    expect(new Set(codeNames(whole))).toEqual(tried(false))
    expect(new Set(codeNames(part))).toEqual(tried(true))
    expect(tried(false).size).toBeGreaterThanOrEqual(20)
  })

  test('the Node that it needs', () => {
    const { engines } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      engines: { node: string }
    }
    expect(engines.node).toBe('>=24.0.0')
    expect(readme).toContain('Needs Linux and Node 24 or newer')
    expect(readFileSync(join(checkout, 'bin', 'tollgate.js'), 'utf8')).toContain('NODE_MAJOR_MIN = 24')
  })

  test('files that it names', () => {
    const prose = readme.replaceAll(/^```[^]*?^```$/gm, '')
    const files = codeNames(prose).filter((name) => /^[\w/.-]+\.(ts|md)$/.test(name) && name.includes('/'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((name) => !existsSync(join(checkout, name)))).toEqual([])
  })
})
