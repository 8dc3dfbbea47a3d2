import { describe, expect, test } from 'vitest'
import { formatPath } from '../../src/policy/path.ts'
import { compile, pathsOf, problemsOf, rename, richDocument, type Path } from './sample-policies.ts'

/** Every slip of one finger: a letter left out, doubled, swapped with the next or struck wrong. */
const slips = (key: string): string[] => {
  const at = [...key].keys().toArray()
  const made = at.flatMap((n) => [
    key.slice(0, n) + key.slice(n + 1),
    key.slice(0, n) + (key[n] ?? '') + key.slice(n),
    key.slice(0, n) + (key[n + 1] ?? '') + (key[n] ?? '') + key.slice(n + 2),
    `${key.slice(0, n)}q${key.slice(n + 1)}`,
  ])
  return [...new Set([...made, `${key}s`, key.toUpperCase(), key.replaceAll('_', '-')])]
}

/** Names that the author of the policy chooses; nothing else in it says what they should be. */
const isFreeName = (path: Path): boolean =>
  /^secrets\.\w+$|^permissions\.db\.\w+$|^permissions\.db\.\w+\.(?:read|write)\.\w+$/.test(path.join('.'))

const document = richDocument()
const keys = pathsOf(document).filter((path) => typeof path.at(-1) === 'string')

/** A name with a hyphen is refused for its form, before anybody asks which tool was meant. */
const isMalformedName = (path: Path, slip: string): boolean =>
  path.length === 3 && path[1] === 'tools' && slip.includes('-')

const siblingsOf = (path: Path): readonly unknown[] =>
  keys
    .filter((one) => one.length === path.length && one.slice(0, -1).join() === path.slice(0, -1).join())
    .map((one) => one.at(-1))

/** Each slip of a key, and the suggestions that the compiler makes for it; undefined when it compiles. */
const outcomesOf = (path: Path): { slip: string; suggestions: unknown[] | undefined }[] =>
  slips(String(path.at(-1)))
    .filter((slip) => slip !== '' && !siblingsOf(path).includes(slip))
    .map((slip) => {
      const broken = richDocument()
      rename(broken, path, slip)
      const problems = problemsOf(() => compile(broken))
      const suggestions = problems.map(({ suggestion }) => suggestion)
      return { slip, suggestions: problems.length === 0 ? undefined : suggestions }
    })

describe('a misspelt key', () => {
  const named = keys.filter((path) => !isFreeName(path)).map((path) => ({ path, name: formatPath(path) }))

  test.for(named)('fails and names the key that was meant: $name', ({ path }) => {
    const outcomes = outcomesOf(path)
    const key = String(path.at(-1))
    expect(outcomes.length).toBeGreaterThan(5)
    expect(outcomes.filter(({ suggestions }) => suggestions === undefined)).toEqual([])
    const misled = outcomes.filter(
      ({ slip, suggestions }) =>
        key.length > 2 && !suggestions?.includes(key) && !isMalformedName(path, slip),
    )
    expect(misled).toEqual([])
  })

  test('is tried at every level', () => {
    expect(named.length).toBeGreaterThan(80)
    expect(Math.max(...named.map(({ path }) => path.length))).toBeGreaterThan(5)
  })

  test('of a secret fails where the secret is used', () => {
    const broken = richDocument()
    rename(broken, ['secrets', 'company_api'], 'company_aip')
    expect(problemsOf(() => compile(broken))).toMatchObject([
      { path: 'permissions.http.allowed_domains[3].auth', code: 'CONFIG_POLICY_INVALID' },
    ])
  })

  test('of a host tool, or of its argument, fails where the tools are known', () => {
    const tool = richDocument()
    rename(tool, ['permissions', 'tools', 'lookup_order'], 'lookup_orders')
    expect(problemsOf(() => compile(tool))).toMatchObject([
      {
        path: 'permissions.tools.lookup_orders',
        code: 'CONFIG_HOST_TOOL_UNKNOWN',
        suggestion: 'lookup_order',
      },
    ])
    const argument = richDocument()
    rename(argument, ['permissions', 'tools', 'send_email', 'args', 'priority'], 'prioritty')
    expect(problemsOf(() => compile(argument))).toMatchObject([
      { path: 'permissions.tools.send_email.args.prioritty', suggestion: 'priority' },
    ])
  })
})
