import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { definePolicy, parsePolicy } from '../../src/policy.ts'
import {
  compile,
  compileText,
  pathsOf,
  problemsOf,
  put,
  richDocument,
  richText,
  usersExampleText,
  type Data,
  type Path,
  type Value,
} from './sample-policies.ts'

const shuffled = (value: Value, order: (keys: string[]) => string[]): Value => {
  if (Array.isArray(value)) return value.map((one) => shuffled(one, order))
  if (typeof value !== 'object' || value === null) return value
  const turned = order(Object.keys(value)).map((key) => [key, shuffled(value[key] ?? null, order)] as const)
  return Object.fromEntries(turned)
}

const rich = compile(richDocument())

describe('one meaning has one digest', () => {
  test('whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
        const order = (keys: string[]): string[] =>
          keys
            .map((key) => [Number(numbers.next().value), key] as const)
            .toSorted(([a], [b]) => a - b)
            .map(([, key]) => key)
        return compile(shuffled(richDocument(), order) as Data).digest === rich.digest
      }),
      { numRuns: 30 },
    )
  })

  test('as YAML, as JSON, as laid out anew, with a byte order mark, and as an object', () => {
    const json = JSON.stringify(richDocument(), null, 2)
    for (const text of [richText, json, stringify(richDocument()), `\ufeff${richText}`]) {
      expect(compileText(text).digest).toBe(rich.digest)
    }
  })

  test('with an entry in its short form or in full, defaults written out or not', () => {
    const of = (entry: unknown) =>
      definePolicy({ permissions: { http: { allowed_domains: [entry] } } }).digest
    const short = of('api.company.com')
    expect(of({ domain: 'api.company.com' })).toBe(short)
    expect(of({ domain: 'api.company.com', methods: ['GET', 'HEAD'], headers: [], category: [] })).toBe(short)
    expect(definePolicy({ limits: { max_tool_calls: 20 }, cost_alerts: [] }).digest).toBe(
      definePolicy({}).digest,
    )
  })

  test('with what grants nothing left out', () => {
    const nothing = { filesystem: 'none', code_exec: false, db: null, kv: null, http: null, tools: null }
    expect(definePolicy({ permissions: nothing, secrets: null, flows: [] }).digest).toBe(
      definePolicy({}).digest,
    )
  })

  test('with comments, anchors and alerts in another order', () => {
    const plain = parsePolicy('name: a\nmodel: a\ncost_alerts: [0.5, 0.8]')
    expect(parsePolicy('name: &x a # comment\nmodel: *x\ncost_alerts: [0.8, 0.5, 0.8]').digest).toBe(
      plain.digest,
    )
  })

  test('and the canonical form is a policy of that very digest', () => {
    for (const policy of [rich, parsePolicy(usersExampleText), definePolicy({})]) {
      expect(compileText(policy.canonical).digest).toBe(policy.digest)
      expect(compileText(policy.canonical).canonical).toBe(policy.canonical)
    }
  })
})

/** Another value of the same type that the schema of the place most likely takes. */
const another = (value: Value): Value[] => {
  if (typeof value === 'number') return [value / 2, Math.ceil(value / 3)]
  if (typeof value === 'boolean') return [!value]
  if (typeof value !== 'string') return []
  return [
    'other',
    'x.company.com',
    '/other',
    'read',
    'write',
    'irreversible',
    'never',
    'always',
    'PUT',
    'admin',
    'http.GET',
    'env:X',
  ]
}

const valueAt = (document: Value, path: Path): Value =>
  path.reduce<Value>((value, part) => (value as Record<string | number, Value>)[part] ?? null, document)

describe('another meaning has another digest', () => {
  test('whatever single value changes', () => {
    const leaves = pathsOf(richDocument()).filter((path) => another(valueAt(richDocument(), path)).length > 0)
    const same: string[] = []
    let changed = 0
    for (const path of leaves) {
      for (const value of another(valueAt(richDocument(), path))) {
        const document = richDocument()
        if (valueAt(document, path) === value) continue
        put(document, path, value)
        if (problemsOf(() => compile(document)).length > 0) continue
        changed += 1
        if (compile(document).digest === rich.digest)
          same.push(`${path.join('.')} = ${JSON.stringify(value)}`)
      }
    }
    expect(changed).toBeGreaterThan(60)
    expect(same).toEqual([])
  })

  test('and the order of entries counts, for the first that matches decides', () => {
    const of = (...domains: string[]) =>
      definePolicy({ permissions: { http: { allowed_domains: domains } } }).digest
    expect(of('a.com', 'b.com')).not.toBe(of('b.com', 'a.com'))
  })

  test('granting nothing over HTTP is not the same as not granting HTTP', () => {
    expect(definePolicy({ permissions: { http: { allowed_domains: [] } } }).digest).not.toBe(
      definePolicy({}).digest,
    )
  })
})
