/** Names, texts and patterns of a policy, and schemas of host tools, that try to become code of the declaration. */
import * as fc from 'fast-check'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool } from '../../src/capabilities/host-tool.ts'
import { declarePolicy, definePolicy } from '../../src/policy.ts'
import { declaredNames, problemsIn, programOf } from './checked-tools.ts'
import type { Data } from './sample-policies.ts'

const PAYLOADS = [
  '*/ export interface Capabilities { stolen: string } /*',
  '**/x',
  '`; export const stolen = 1; `',
  '${stolen}',
  "' | 'stolen",
  '" | "stolen',
  '\\',
  '\\` \\${',
  '\n}\nexport interface Capabilities { stolen: string }\n/*',
  '\r\u2028\u2029export type Stolen = 1',
  '\u202e\u2066stolen\u2069',
  '\u0000\u001b[31mstolen\u009b',
  '\ud800',
  '@deprecated',
  '@deprecated '.repeat(40),
  '__proto__',
  'constructor',
]

const toolOf = (text: string) =>
  defineTool({
    name: 'act',
    description: `Acts. ${text}`,
    input: z.object({
      [text]: z.string().describe(text),
      kind: z.enum([text, 'other']),
      level: z.string(),
      exact: z.literal(text),
    }),
    output: z.record(z.string(), z.literal(text)),
    perform: () => ({}),
  })

/** What a policy takes as it stands; what it refuses (many names may not have such characters) is left out. */
const policyOf = (text: string) => {
  const parts: Data[] = [
    { name: text },
    { human_in_loop: [text] },
    { permissions: { tools: { act: {} } } },
    { permissions: { tools: { act: { args: { level: { one_of: [text, 'low'] } } } } } },
    { permissions: { tools: { act: { args: { level: { pattern: text } } } } } },
    { permissions: { tools: { act: { args: { [text]: { pattern: 'x' } } } } } },
    { permissions: { filesystem: [{ path: `/${text}`, source: './x', mode: 'write', allow: [text] }] } },
    { permissions: { filesystem: [{ path: '/in', source: './x', mode: 'read', allow: [text, '**/x'] }] } },
    {
      permissions: {
        db: { shop: { engine: 'sqlite', file: './x.db', read: { [text]: [text], t: { mask: [text] } } } },
      },
    },
    {
      permissions: {
        http: { allowed_domains: [{ domain: 'a.com', paths: [`/${text}`, '/**/x'], query: [text] }] },
      },
    },
  ]
  return parts.flatMap((one) => {
    try {
      return [definePolicy(one, { tools: [toolOf(text)] })]
    } catch {
      return []
    }
  })
}

const UNSEEN = /(?!\n)[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u
const KNOWN = ['http', 'db', 'fs', 'tools']

/** Kinds of statements, and names: what a text that stays text cannot add to. */
const skeleton = (declaration: string): readonly string[] =>
  ts
    .createSourceFile('d.ts', declaration, ts.ScriptTarget.Latest)
    .statements.map(
      (one) =>
        `${ts.SyntaxKind[one.kind]} ${'name' in one ? (one.name as ts.Identifier | undefined)?.text : ''}`,
    )

test.for(PAYLOADS)('%j stays text wherever it stands', (text) => {
  const policies = policyOf(text)
  expect(policies.length).toBeGreaterThanOrEqual(2)
  expect(policies.some(({ grants }) => grants.has('tools'))).toBe(true)
  for (const policy of policies) {
    const declaration = declarePolicy(policy)
    expect(UNSEEN.exec(declaration)).toBeNull()
    expect(/^ *\/?\*+ *@/m.exec(declaration)).toBeNull()
    expect(problemsIn(declaration, "import type {} from './capabilities.d.ts'\nexport {}\n")).toEqual([])
    expect(KNOWN).toEqual(
      expect.arrayContaining(declaredNames(declaration).map((name) => name.split('.')[0])),
    )
    expect(skeleton(declaration).filter((one) => /stolen/i.test(one))).toEqual([])
  }
})

test('a name that ends a comment would add to the declaration if it were not escaped', () => {
  const text = PAYLOADS[0] ?? ''
  const declaration = declarePolicy(
    definePolicy({ permissions: { tools: { act: {} } } }, { tools: [toolOf(text)] }),
  )
  const weakened = declaration.replaceAll('*\\/', '*/')
  expect(skeleton(weakened)).not.toEqual(skeleton(declaration))
})

test('a literal with what cannot be seen means the same', () => {
  const text = 'a\u202eb\n`'
  const policy = definePolicy({ permissions: { tools: { act: {} } } }, { tools: [toolOf(text)] })
  const program = programOf(
    declarePolicy(policy),
    "import type { Tools } from './capabilities.d.ts'\nexport type Exact = Parameters<Tools['act']>[0]['exact']\n",
  )
  const checker = program.getTypeChecker()
  const [, alias] = program.getSourceFile('/tools/tool.ts')?.statements ?? []
  const type = checker.getTypeAtLocation(alias as ts.TypeAliasDeclaration)
  expect((type as ts.StringLiteralType).value).toBe(text)
})

test('any text leaves the declaration with the same statements', () => {
  const plain = new Map(policyOf('plain').map((policy) => [policy.canonical, policy]))
  const expected = [...plain.values()].map((policy) => skeleton(declarePolicy(policy)).join('\n'))
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      for (const policy of policyOf(text))
        expect(expected).toContain(skeleton(declarePolicy(policy)).join('\n'))
    }),
    { numRuns: 60 },
  )
})

test('no place, secret or row filter of the host is told', () => {
  const policy = definePolicy(
    {
      permissions: {
        filesystem: [{ path: '/in', source: '/hidden/folder', mode: 'read', allow: ['**'] }],
        db: {
          shop: {
            engine: 'sqlite',
            file: '/hidden/shop.db',
            read: { t: { show: ['a'], where: 'hidden_column = 1' } },
          },
        },
        http: { allowed_domains: [{ domain: 'a.com', auth: 'hidden_key' }] },
        tools: { act: { secrets: { level: 'hidden_token' } } },
      },
      secrets: { hidden_key: { from: 'env:HIDDEN', bearer: {} }, hidden_token: { from: 'env:HIDDEN' } },
    },
    { tools: [toolOf('x')] },
  )
  const declaration = declarePolicy(policy)
  expect(declaration).not.toMatch(/hidden/i)
  expect(declaration).toContain('only some of its rows')
  expect(declaration).toContain('the host fills level')
  expect(declaration).toContain('the host adds a credential')
  // What the host fills, the tool does not give.
  expect(/act\(args: \{[^}]*\blevel\b/.exec(declaration)).toBeNull()
})
