/** H58: whatever a document is made of, it is refused when it loads, or it grants no more than it says. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isTollgateError } from '../../src/errors/tollgate-error.ts'
import { definePolicy, loadPolicyFile, parsePolicy } from '../../src/policy.ts'
import { allowed, type Request } from './decisions.ts'
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

const limits = (text: string): string => `limits: { max_tool_calls: ${text} }`
const codes = (attempt: () => unknown): string[] => problemsOf(attempt).map(({ code }) => code)

describe('a text that is no plain document', () => {
  test.for([
    ['a repeated key', 'limits:\n  max_tool_calls: 5\n  max_tool_calls: 500'],
    [
      'a repeated key in JSON',
      '{"permissions": null, "permissions": {"http": {"allowed_domains": ["a.com"]}}}',
    ],
    ['a repeated key behind an alias', 'name: &k name\n*k : other\n'],
    ['a key that is not text', '? [a, b]\n: 1'],
    ['a foreign tag', 'name: !!js/function "function () {}"'],
    ['a tag of its own', 'limits: !limits { max_tool_calls: 5 }'],
    ['a binary tag', 'name: !!binary aGVsbG8='],
    ['several documents', 'name: a\n---\npermissions: { http: { allowed_domains: [evil.example] } }'],
    ['another YAML version', '%YAML 1.1\n---\ncode_exec: no'],
    ['an alias to nothing', 'name: *nothing'],
    ['an alias that contains itself', 'permissions: &a { http: *a }'],
    ['an alias to what comes later', 'name: *later\nmodel: &later x'],
    ['an unclosed list', 'human_in_loop: ["send_email"'],
    ['text after the document', '{"name": "a"} {"name": "b"}'],
    ['tabs as indentation', 'limits:\n\tmax_tool_calls: 5'],
  ] as const)('%s', ([, text]) => {
    expect(codes(() => parsePolicy(text))).toContain('CONFIG_POLICY_SYNTAX')
  })

  test.for(['__proto__', 'constructor', 'prototype'])(
    'the key %s is refused at every level, as text and as data',
    (key) => {
      for (const text of [
        `${key}: 1`,
        `limits: { ${key}: { max_tool_calls: 99 } }`,
        `{"${key}": {"permissions": {}}}`,
      ]) {
        expect(problemsOf(() => parsePolicy(text))[0]?.path).toContain(key)
        expect(codes(() => definePolicy(JSON.parse(`{"limits": {"${key}": {}}}`) as object))).not.toEqual([])
      }
      expect(({} as Data)['max_tool_calls']).toBeUndefined()
    },
  )

  test('a merge key merges nothing: it is an unknown key', () => {
    const text = 'limits: &l { max_tool_calls: 5 }\nprices: { <<: *l }'
    expect(problemsOf(() => parsePolicy(text))).toMatchObject([
      { path: 'prices["<<"]', code: 'CONFIG_POLICY_INVALID' },
    ])
  })

  test('a byte order mark at the start changes nothing, and a second one is part of a key', () => {
    expect(parsePolicy(`\ufeff${usersExampleText}`).digest).toBe(parsePolicy(usersExampleText).digest)
    expect(codes(() => parsePolicy(`\ufeff\ufeff${usersExampleText}`))).toEqual(['CONFIG_POLICY_INVALID'])
  })

  test.for(['', ' ', '# nothing', '---', 'null', '~'])('an empty document (%j) is no policy', (text) => {
    expect(codes(() => parsePolicy(text))).toEqual(['CONFIG_POLICY_INVALID'])
  })

  test.for(['[]', '"all"', '5', 'true', '[{"permissions": {}}]'])('%s is no policy', (text) => {
    expect(codes(() => parsePolicy(text))).toEqual(['CONFIG_POLICY_INVALID'])
  })
})

describe('a text that is too much', () => {
  const megabyte = 1024 * 1024

  test('of more than a megabyte is refused, as text and as a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-policy-'))
    try {
      const path = join(folder, 'large.yaml')
      const text = `name: a\n#${'x'.repeat(megabyte)}`
      writeFileSync(path, text)
      expect(codes(() => parsePolicy(text))).toEqual(['CONFIG_POLICY_SYNTAX'])
      await expect(loadPolicyFile(path)).rejects.toMatchObject({ code: 'CONFIG_POLICY_SYNTAX' })
      writeFileSync(path, Buffer.from([0xff, 0xfe, 0x00]))
      await expect(loadPolicyFile(path)).rejects.toMatchObject({ code: 'CONFIG_POLICY_SYNTAX' })
      await expect(loadPolicyFile(folder)).rejects.toMatchObject({ code: 'CONFIG_FILE_UNREADABLE' })
      await expect(loadPolicyFile(join(folder, 'none'))).rejects.toMatchObject({
        code: 'CONFIG_FILE_UNREADABLE',
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.for([
    ['nested lists', '['.repeat(megabyte / 2)],
    ['nested mappings', '{a: '.repeat(megabyte / 8)],
    ['deep indentation', Array.from({ length: 1400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['a bomb of aliases', bomb()],
    ['a wide cycle', `permissions: &a [${'*a,'.repeat(1000)}]`],
    ['many anchors, each followed', manyAnchors(20_000)],
    ['many unknown keys', Array.from({ length: 40_000 }, (_, at) => `key${at}: 1`).join('\n')],
    ['many repeated keys', 'name: a\n'.repeat(40_000)],
    ['many entries', `permissions: { http: { allowed_domains: [${'a.b.com,'.repeat(45_000)}] } }`],
  ] as const)('%s is refused in little time', ([, text]) => {
    // The time limit of a test is the bound: the library's own resolver took more than a minute for the anchors.
    expect(problemsOf(() => parsePolicy(text)).length).toBeGreaterThan(0)
  })

  test('the message of an error stays readable however many problems there are', () => {
    const text = Array.from({ length: 5000 }, (_, at) => `"key${at}\\u001b[2J": 1`).join('\n')
    const caught = caughtFrom(() => parsePolicy(text))
    expect(caught.message.split('\n').length).toBeLessThan(60)
    expect(caught.message).toContain('and 4950 more')
    expect(caught.message).not.toContain('\u001b')
  })
})

function bomb(): string {
  const lines = Array.from(
    { length: 10 },
    (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(',')}]`,
  )
  return ['a0: &a0 [x,x,x,x,x,x,x,x,x]', ...lines].join('\n')
}

function manyAnchors(count: number): string {
  const at = [...Array(count).keys()]
  return `name: [${at.map((n) => `&a${n} x`).join(',')}]\nmodel: [${at.map((n) => `*a${n}`).join(',')}]`
}

const caughtFrom = (attempt: () => unknown): Error => {
  try {
    attempt()
  } catch (error) {
    if (error instanceof Error && isTollgateError(error)) return error
  }
  throw new Error('it did not throw a TollgateError')
}

describe('a number that is none', () => {
  test.for([
    '-1',
    '1.5',
    '"20"',
    '.nan',
    '.inf',
    '-.inf',
    'null',
    '[]',
    '{}',
    'true',
    '1e400',
    '9007199254740993',
    '1_000',
    '0o17x',
  ])('as a number of calls (%s) is refused', (text) => {
    expect(codes(() => parsePolicy(limits(text)))).not.toEqual([])
  })

  test.for<[string, unknown]>([
    ['NaN', Number.NaN],
    ['Infinity', Infinity],
    ['-Infinity', -Infinity],
    ['-1', -1],
    ['-0.5', -0.5],
    ['a text', '20'],
    ['null', null],
    ['true', true],
    ['a list', []],
    ['a mapping', {}],
    ['a bigint', 10n],
    ['a date', new Date(20)],
    ['a boxed number', Object(20)],
    ['a symbol', Symbol('20')],
    ['a function', () => 20],
  ])('%s is refused at every limit and price of an object', ([, value]) => {
    const numbers = pathsOf(richDocument()).filter(
      (path) => typeof valueAt(richDocument(), path) === 'number',
    )
    expect(numbers.length).toBeGreaterThan(25)
    const passed = numbers.filter((path) => {
      const document = richDocument()
      put(document, path, value as Value)
      return codes(() => compile(document)).length === 0
    })
    expect(passed).toEqual([])
  })

  test('minus zero is zero', () => {
    expect(Object.is(definePolicy({ limits: { max_tool_calls: -0 } }).limits.maxToolCalls, -0)).toBe(false)
  })
})

const valueAt = (document: Value, path: Path): Value =>
  path.reduce<Value>((value, part) => (value as Record<string | number, Value>)[part] ?? null, document)

describe('null, an empty list and another type', () => {
  test('in any place is refused or grants no more', () => {
    const before = new Set(allowed(compile(richDocument())))
    const wider: string[] = []
    for (const path of pathsOf(richDocument())) {
      for (const value of [null, [], {}, '', 'none', false, 0]) {
        const document = richDocument()
        put(document, path, value)
        if (problemsOf(() => compile(document)).length > 0) continue
        if (allowed(compile(document)).some((request) => !before.has(request)))
          wider.push(`${path.join('.')} = ${JSON.stringify(value)}`)
      }
    }
    // A tool without rules about its arguments: someone who writes that takes them away.
    expect(wider).toEqual(['permissions.tools.send_email = {}', 'permissions.tools.send_email.args = {}'])
  })
})

describe('an object that is not plain data', () => {
  test('is refused: getters, classes, symbols, holes, cycles, functions', () => {
    const holes = ['a.com']
    holes.length = 3
    const cycle: { permissions?: unknown } = {}
    cycle.permissions = cycle
    const odd: object[] = [
      {
        get permissions() {
          throw new Error('a getter was called')
        },
      },
      { permissions: new Map([['http', {}]]) },
      { permissions: Object.create({ http: { allowed_domains: ['evil.example'] } }) as object },
      { [Symbol('permissions')]: {} },
      { human_in_loop: holes },
      { name: () => 'a' },
      { permissions: undefined },
      cycle,
      new (class {
        permissions = null
      })(),
      ['permissions'],
    ]
    for (const document of odd) expect(codes(() => definePolicy(document))).not.toEqual([])
  })

  test('is refused in any shape that is not a policy, without a crash', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }),
        (value) => {
          if (typeof value !== 'object' || value === null) return true
          try {
            return definePolicy(value).grants.size === 0
          } catch (error) {
            return isTollgateError(error) && error.code.startsWith('CONFIG_')
          }
        },
      ),
    )
  })
})

describe('a text changed by chance', () => {
  const strangers = new Set(['tools.other', 'db.query'])
  const isForeign = ({ op, args }: Request): boolean =>
    strangers.has(op) || String((args as { url?: string }).url).startsWith('https://evil.example')

  test('is refused, or grants no capability and no host that was not in it', () => {
    fc.assert(
      fc.property(
        fc.nat(richText.length - 1),
        fc.constantFrom('', '"', '{', '[', '\n', ' ', ':', '#', '*', '&', 'x', '-', '.', '/'),
        (at, text) => {
          try {
            const changed = compileText(richText.slice(0, at) + text + richText.slice(at + 1))
            return !allowed(changed).some(isForeign)
          } catch (error) {
            return isTollgateError(error) && error.code.startsWith('CONFIG_')
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
