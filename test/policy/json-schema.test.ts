import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { policyReference } from '../../src/build/docs-policy.ts'
import { policyJsonSchema } from '../../src/policy.ts'
import { pathsOf, put, rename, richDocument, usersExampleText, type Value } from './sample-policies.ts'

const schema = policyJsonSchema()
const accepts = (document: unknown): boolean => z.fromJSONSchema(schema).safeParse(document).success

describe('the JSON Schema of policies', () => {
  test("accepts the user's example and the rich policy", () => {
    expect(accepts(parse(usersExampleText))).toBe(true)
    expect(accepts(richDocument())).toBe(true)
    expect(accepts({})).toBe(true)
  })

  test('is JSON data that names its draft', () => {
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema)
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'Tollgate policy',
    })
  })

  test('accepts an entry in its short and in its full form', () => {
    const granting = (entry: unknown) => ({ permissions: { http: { allowed_domains: [entry] } } })
    expect(accepts(granting('api.company.com'))).toBe(true)
    expect(accepts(granting({ domain: 'api.company.com' }))).toBe(true)
    expect(accepts(granting({ methods: ['GET'] }))).toBe(false)
    expect(accepts(granting(5))).toBe(false)
  })

  test('refuses a misspelt key at every level', () => {
    const keys = pathsOf(richDocument()).filter((path) => typeof path.at(-1) === 'string')
    // Names of tools, arguments, databases, tables and secrets are free as far as a schema can tell.
    const free = /^permissions\.(?:tools|db)\.\w+$|\.(?:args|read|write)\.\w+$|^secrets\.\w+$/
    const passed = keys
      .filter((path) => !free.test(path.join('.')))
      .filter((path) => {
        const document = richDocument()
        rename(document, path, `${String(path.at(-1))}x`)
        return accepts(document)
      })
    expect(passed).toEqual([])
  })

  test('refuses what is not built and what is out of range', () => {
    const wrong: [string, Value][] = [
      ['permissions.code_exec', true],
      ['permissions.db_write', 'true'],
      ['limits.max_tool_calls', -1],
      ['limits.max_tool_calls', '20'],
      ['limits.max_cost_usd', null],
      ['version', 2],
    ]
    const passed = wrong.filter(([path, value]) => {
      const document = richDocument()
      put(document, path.split('.'), value)
      return accepts(document)
    })
    expect(passed).toEqual([])
  })
})

describe('the reference of the README', () => {
  const reference = policyReference()

  test('has a row for every key of the rich policy', () => {
    const named = (path: readonly (string | number)[]): string =>
      path
        .map((part) => (typeof part === 'number' ? '[]' : part))
        .join('.')
        .replaceAll('.[]', '[]')
        .replace(/^(permissions\.tools|permissions\.db|secrets)\.\w+/, '$1.NAME')
        .replace(/\.(args|read|write)\.\w+/, '.$1.NAME')
    const keys = pathsOf(richDocument()).filter((path) => typeof path.at(-1) === 'string')
    const missing = [...new Set(keys.map(named))].filter(
      (key) => !key.endsWith('NAME') && !reference.includes(`\`${key}\``),
    )
    expect(missing).toEqual([])
  })

  test('tells type, default and meaning from the schema', () => {
    expect(reference).toContain('| `limits.max_tool_calls` | whole number, 0 to 1000000 | `20` |')
    expect(reference).toContain(
      '| `permissions.http.max_response_size_kb` | number, above 0 to 16384 | `512` |',
    )
    expect(reference).toContain('| `permissions.http.allowed_domains[].domain` | text | must be given |')
    expect(reference).toContain(
      '| `permissions.filesystem[].mode` | `read`, `overlay`, `write`, `scratch` | must be given |',
    )
    expect(reference).toContain('| `permissions.mcp` | null or {} | Servers of the Model Context Protocol. |')
  })

  test('is made of tables that a Markdown reader can read', () => {
    const rows = reference.split('\n').filter((line) => line.startsWith('|'))
    expect(rows.length).toBeGreaterThan(80)
    const cells = rows.map((row) => row.replaceAll('\\|', '').split('|').length - 2)
    expect(new Set(cells)).toEqual(new Set([3, 4]))
  })
})
