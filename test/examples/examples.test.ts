import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkout, openFolder, startProgram, tollgate } from '../harness/command-line.ts'

const folder = join(checkout, 'examples')
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
const programs = names.filter((name) => existsSync(join(folder, name, 'main.ts')))

describe('examples', () => {
  test.each(programs)('%s is a program that checks itself', async (name) => {
    const { exit, stdout, stderr } = await startProgram(process.execPath, [join('examples', name, 'main.ts')])
      .ended
    expect([exit, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/\nAs expected: .+\n$/)
  })

  test('the README of the examples lists each, and no other', () => {
    const readme = readFileSync(join(folder, 'README.md'), 'utf8')
    const listed = [...readme.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
    expect(new Set(listed)).toEqual(new Set(names))
    expect(programs.length).toBeGreaterThanOrEqual(4)
  })

  test('add is plain files for the command line', async () => {
    using state = openFolder()
    const { stdout } = await tollgate(
      // prettier-ignore
      ['run', 'examples/add/tool.ts', '--policy', 'examples/add/policy.yaml', '--input', '{"a":2,"b":3}', '--json', '--state', state.path],
    )
    expect(JSON.parse(stdout)).toMatchObject({ status: 'done', value: 5 })
  })
})

describe('npm run demo', () => {
  test('runs the main job and shows its table of calls', async () => {
    const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    expect(scripts['demo']).toBe('node examples/research/main.ts')
    const { exit, stdout } = await startProgram('npm', ['run', '--silent', 'demo']).ended
    expect(exit).toBe(0)
    expect(stdout).toMatch(/^ +# +verdict +op +subject .*gate .*in +out +time +cost$/m)
    expect(stdout).toMatch(
      /^ +1 +allow +http\.request +GET http:\/\/127\.0\.0\.1:\d+\/toll-roads .* \$0\.001$/m,
    )
    expect(stdout).toMatch(/^ +2 +allow +http\.request +GET http:\/\/127\.0\.0\.1:\d+\/gates .* \$0\.001$/m)
    expect(stdout).toMatch(/calls +█+░+ +20% {2}2 of 10/)
  })
})
