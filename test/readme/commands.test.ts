import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  binary,
  checkout,
  openFolder,
  startProgram,
  type Ended,
  type Folder,
} from '../harness/command-line.ts'
import { blocks, commands, namedFiles, readme } from './readme.ts'

const CHECKOUT_COMMAND = 'npm run -s tollgate --'

let folder: Folder
beforeAll(() => {
  folder = openFolder(namedFiles)
  symlinkSync(join(checkout, 'examples'), join(folder.path, 'examples'))
})
afterAll(() => folder[Symbol.dispose]())

/** Runs a line of the README in a shell; `npm run -s tollgate --` stands for the binary, so that the folder can be any. */
const shell = (line: string, cwd = folder.path): Promise<Ended> =>
  startProgram('bash', ['-c', line.replace(CHECKOUT_COMMAND, `"${process.execPath}" "${binary}"`)], {
    cwd,
  }).ended

describe('the commands of the README', () => {
  test('use files that the README shows', () => {
    expect(Object.keys(namedFiles)).toEqual(expect.arrayContaining(['tool.ts', 'policy.yaml', 'embed.ts']))
  })

  test('of the set-up are those that continuous integration runs', () => {
    const ci = readFileSync(join(checkout, '.ci', 'run'), 'utf8')
    const setUp = commands
      .filter((line) => !line.startsWith(CHECKOUT_COMMAND))
      .flatMap((line) => line.split(' && '))
    expect(setUp).toEqual(['npm ci', 'npm run demo', 'npm test', 'npm run bench'])
    for (const line of ['npm ci', 'npm run demo', 'npm test'])
      expect(ci).toMatch(new RegExp(`^step '[^']+' ${line}( --|$)`, 'm'))
  })

  test('and continuous integration runs every part of `npm run check`', () => {
    const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const parts = (scripts['check'] ?? '').split(' && ')
    const ci = readFileSync(join(checkout, '.ci', 'run'), 'utf8')
    expect(parts.length).toBeGreaterThanOrEqual(6)
    expect(parts.filter((part) => !ci.includes(`' ${part}\n`))).toEqual([])
  })

  test('work one after the other, as they stand there', async () => {
    const lines = commands.filter((line) => line.startsWith(CHECKOUT_COMMAND))
    expect(lines.length).toBeGreaterThanOrEqual(5)
    for (const line of lines) {
      const { exit, stderr } = await shell(line)
      expect([line, exit, stderr.includes('✖')]).toEqual([line, 0, false])
    }
  })

  test('print the JSON that the README shows, and more', async () => {
    const [line = ''] = commands.filter((one) => one.includes('--json'))
    const shown = blocks.filter(({ language }) => language === 'json')
    expect(shown).toHaveLength(1)
    const { stdout } = await shell(line)
    expect(JSON.parse(stdout)).toMatchObject(JSON.parse(shown[0]?.text ?? '') as object)
    expect(JSON.parse(stdout)).toHaveProperty('policyDigest')
    expect(JSON.parse(stdout)).toHaveProperty('toolDigest')
  })

  test('and every `npm run` of its prose are scripts of the package', () => {
    const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      scripts: object
    }
    const named = [...readme.matchAll(/npm run (?:-s )?([a-z:]+)/g)].map(([, name]) => name)
    expect(named.filter((name) => !Object.keys(scripts).includes(name ?? ''))).toEqual([])
  })

  test('from a folder below the checkout mean paths from there', async () => {
    const line = `${CHECKOUT_COMMAND} run tool.ts --policy policy.yaml --input '{"a":2,"b":3}' --json --state :memory:`
    const { exit, stdout } = await startProgram('bash', ['-c', line], {
      cwd: join(checkout, 'examples', 'add'),
    }).ended
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ value: 5 })
  })
})

test('the table of calls in the README looks like the one of the demo', async () => {
  const [shown] = blocks.filter(({ language, text }) => language === 'text' && text.includes('verdict'))
  // Figures and their units differ from run to run.
  const shape = (line: string): string =>
    line
      .replaceAll(/[\d.]+( (?:B|KB|ms|s)\b)?/g, 'N')
      .replaceAll(/ +/g, ' ')
      .trim()
  const { stdout } = await startProgram(process.execPath, [join('examples', 'research', 'main.ts')]).ended
  const printed = stdout.split('\n').map(shape)
  const lines = (shown?.text ?? '').trimEnd().split('\n').map(shape)
  expect(lines.length).toBe(3)
  expect(lines.filter((line) => !printed.includes(line))).toEqual([])
})

test('the declaration that the README shows is part of what `types` prints', async () => {
  const { stdout } = await shell(`${CHECKOUT_COMMAND} types --policy policy.yaml`)
  const shown = blocks.filter(({ text }) => text.startsWith('/**'))
  expect(shown).toHaveLength(1)
  expect(stdout).toContain(shown[0]?.text)
})

test('embed.ts runs as it stands, with the package resolved by its name', async () => {
  // Below dist/, which nothing else reads, because the name `tollgate` is known inside the package only.
  using inside = openFolder({ 'embed.ts': namedFiles['embed.ts'] ?? '' }, join(checkout, 'dist'))
  const { exit, stdout, stderr } = await startProgram(process.execPath, [join(inside.path, 'embed.ts')]).ended
  expect([exit, stderr]).toEqual([0, ''])
  expect(stdout).toBe('done {"id":"mail to bob@company.com"} 1\n')
})

test('what the README shows of TypeScript passes the strict type checker', async () => {
  const shown = Object.fromEntries(Object.entries(namedFiles).filter(([name]) => name.endsWith('.ts')))
  using inside = openFolder(namedFiles, join(checkout, 'dist'))
  const types = commands.find((line) => line.includes('-- types ')) ?? ''
  expect((await shell(types, inside.path)).exit).toBe(0)
  const compiler = join(checkout, 'node_modules', 'typescript', 'bin', 'tsc')
  const flags = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'esnext',
    '--types',
    'node',
    '--skipLibCheck',
  ]
  const files = Object.keys(shown).map((name) => join(inside.path, name))
  const { exit, stdout } = await startProgram(process.execPath, [compiler, ...flags, ...files]).ended
  expect([stdout, exit]).toEqual(['', 0])
})
