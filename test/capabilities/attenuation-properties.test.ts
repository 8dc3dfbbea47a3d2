import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { Grant, GrantAttenuation, Judgement } from '../../src/capabilities/capability.ts'
import { compileCaveats } from '../../src/capabilities/caveats.ts'
import type { DbRequest } from '../../src/capabilities/db/ops.ts'
import { isTollgateError } from '../../src/errors/tollgate-error.ts'
import { defineTool } from '../../src/index.ts'
import { definePolicy } from '../../src/policy.ts'

const tool = (name: string, effect: 'read' | 'write') =>
  defineTool({
    name,
    description: 'x',
    input: z.strictObject({}),
    output: z.null(),
    effect,
    perform: () => null,
  })

const { grants } = definePolicy(
  {
    permissions: {
      http: {
        allowed_domains: [
          { domain: 'a.test', methods: ['GET', 'POST', 'DELETE'] },
          { domain: 'http://b.test', methods: ['GET'], paths: ['/v1/**'] },
        ],
      },
      kv: {},
      filesystem: [
        { path: '/in', mode: 'read', source: '/somewhere', allow: ['**'] },
        { path: '/tmp', mode: 'scratch' },
      ],
      db: { shop: { engine: 'sqlite', file: 'shop.db', read: { orders: '*', customers: '*', Items: '*' } } },
      tools: { look: {}, pay: {} },
    },
  },
  { tools: [tool('look', 'read'), tool('pay', 'write')] },
)

const grantOf = (capability: string): Grant & { readonly attenuation: GrantAttenuation } => {
  const grant = grants.get(capability)
  if (grant?.attenuation === undefined) throw new Error(`${capability} cannot be made weaker`)
  return { ...grant, attenuation: grant.attenuation }
}

type Asked = { readonly op: string; readonly args: unknown }
type Caveats = Readonly<Record<string, unknown>>
/** What caveats allow, read by other code than that which is tested. */
type Reference = (caveats: Caveats, judgement: Judgement, asked: Asked) => boolean
type Case = {
  readonly capability: string
  readonly at: string
  readonly asked: fc.Arbitrary<Asked>
  readonly caveats: fc.Arbitrary<Caveats>
  readonly reference: Reference
}

/** Sometimes absent, sometimes one, sometimes a list. */
const some = <Item>(item: fc.Arbitrary<Item>) => fc.oneof(item, fc.array(item, { maxLength: 4 }))
const listOf = (given: unknown): readonly string[] | undefined =>
  given === undefined ? undefined : ([given].flat() as string[])
const record = (model: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Caveats> =>
  fc.record({ ...model, mode: fc.constant('read') }, { requiredKeys: [] })

const SEGMENT = fc.constantFrom('v1', 'v2', 'items', 'a', 'item', 'v1x')
const path = fc.array(SEGMENT, { maxLength: 4 }).map((names) => `/${names.join('/')}`)
const pathPattern = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('/**', '/v1/**', '/**/items', '/*/*') },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.oneof(SEGMENT, fc.constantFrom('*', '**')), { maxLength: 4 })
      .map((names) => `/${names.join('/')}`),
  },
)
/** A pattern of paths as a regular expression; our own is a loop. */
const pathRegExp = (pattern: string): RegExp => {
  const names = pattern.slice(1).split('/')
  const last = names.length - 1
  const pieces = names.map((name, at) =>
    name === '**' ? (at === last ? '/.*' : '(?:/[^/]*)*') : name === '*' ? '/[^/]+' : `/${name}`,
  )
  return new RegExp(`^${pieces.join('')}$`, 'u')
}

const KEY = fc.constantFrom('a', 'a/b', 'a/b/c', 'ab', 'b')
const FILE = fc
  .tuple(fc.constantFrom('in', 'inside', 'tmp'), fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 2 }))
  .map(([first, names]) => `/${[first, ...names].join('/')}`)
const TABLE = fc.constantFrom('orders', 'customers', 'ITEMS', 'Orders')

const CASES: readonly Case[] = [
  {
    capability: 'http',
    at: 'http',
    asked: fc
      .record({
        origin: fc.constantFrom('https://a.test', 'http://b.test'),
        path,
        method: fc.constantFrom('GET', 'POST', 'DELETE'),
      })
      .map(({ origin, path: place, method }) => ({
        op: 'http.request',
        args: { method, url: origin + place, redirect: 'follow' },
      })),
    caveats: record({
      path: some(pathPattern),
      domain: some(fc.constantFrom('a.test', 'b.test', '*.test', 'http://a.test')),
      methods: fc.subarray(['GET', 'POST', 'DELETE', 'PUT'], { minLength: 1 }),
    }),
    reference({ path: patterns, domain, methods }, _, { args }) {
      const { method, url } = args as { method: string; url: string }
      const { pathname, hostname, protocol } = new URL(url)
      const isDomain = (one: string) =>
        one === '*.test' ||
        one === hostname ||
        (one === 'http://a.test' && hostname === 'a.test' && protocol === 'http:')
      return (
        (listOf(patterns)?.some((one) => pathRegExp(one).test(pathname)) ?? true) &&
        (listOf(domain)?.some(isDomain) ?? true) &&
        (listOf(methods)?.includes(method) ?? true)
      )
    },
  },
  {
    capability: 'kv',
    at: 'kv',
    asked: fc.oneof(
      KEY.map((key) => ({ op: 'kv.get', args: { key } })),
      KEY.map((key) => ({ op: 'kv.put', args: { key, value: 1 } })),
      KEY.map((prefix) => ({ op: 'kv.list', args: { prefix, limit: 5 } })),
    ),
    caveats: record({ prefix: fc.constantFrom('', 'a', 'a/', 'a/b', 'b') }),
    reference({ prefix = '' }, _, { args }) {
      const { key, prefix: listed } = args as { key?: string; prefix?: string }
      return (key ?? listed ?? '').slice(0, (prefix as string).length) === prefix
    },
  },
  {
    capability: 'filesystem',
    at: 'fs',
    asked: fc.oneof(
      FILE.map((place) => ({ op: 'fs.read', args: { path: place, as: 'text' } })),
      FILE.map((place) => ({ op: 'fs.write', args: { path: place, body: { text: 'x' } } })),
      FILE.map((place) => ({ op: 'fs.glob', args: { pattern: place } })),
      fc.tuple(FILE, FILE).map(([from, to]) => ({ op: 'fs.rename', args: { from, to } })),
    ),
    caveats: record({ under: some(FILE) }),
    reference({ under }, _, { op, args }) {
      const places = listOf(under)
      const isIn = (asked: string) =>
        places?.some(
          (one) => `${asked}/`.startsWith(`${one}/`) && !(op === 'fs.glob' && one.includes('*')),
        ) ?? true
      return Object.entries(args as Record<string, string>).every(
        ([name, value]) => name === 'as' || name === 'body' || isIn(value),
      )
    },
  },
  {
    capability: 'db',
    at: 'db.shop',
    asked: fc.constantFrom(
      { op: 'db.shop.query', args: { sql: 'SELECT 1', params: [], first: false } },
      { op: 'db.shop.schema', args: {} },
    ),
    caveats: record({ tables: some(TABLE), rows: fc.integer({ min: 0, max: 2_000 }) }),
    reference({ tables, rows }, { request }) {
      const { only = {} } = request as DbRequest
      const allowed = listOf(tables)?.map((name) => name.toLowerCase())
      const isNamed = only.tables?.every((name) => allowed?.includes(name.toLowerCase()) ?? true)
      return (
        (allowed === undefined || isNamed === true) &&
        (only.rows ?? Infinity) <= ((rows as number | undefined) ?? Infinity)
      )
    },
  },
  {
    capability: 'tools',
    at: 'tools',
    asked: fc.constantFrom({ op: 'tools.look', args: {} }, { op: 'tools.pay', args: {} }),
    caveats: record({ names: some(fc.constantFrom('look', 'pay', 'none')) }),
    reference: ({ names }, _, { op }) => listOf(names)?.some((name) => `tools.${name}` === op) ?? true,
  },
]

/** The judgement, or undefined for a refusal. Any other error is a defect. */
const unlessDenied = (judge: () => Judgement): Judgement | undefined => {
  try {
    return judge()
  } catch (error) {
    if (isTollgateError(error) && error.code !== 'INTERNAL_ERROR') return undefined
    throw error
  }
}

const through = (
  attenuation: GrantAttenuation,
  at: string,
  chain: readonly Caveats[],
  judgement: Judgement,
): Judgement | undefined =>
  unlessDenied(() =>
    chain.reduce<Judgement>((left, one) => compileCaveats(attenuation, at, one).narrow(left), judgement),
  )

/** Everything of a judgement but what caveats may lessen. */
const kept = (judgement: Judgement): object => {
  const asked = judgement.request as object
  return { ...judgement, subject: undefined, request: { ...asked, only: undefined } }
}

describe.each(CASES)('handles of $at', ({ capability, at, asked, caveats, reference }) => {
  const grant = grantOf(capability)
  const chains = fc.tuple(asked, fc.array(caveats, { minLength: 1, maxLength: 2 }))
  type Holds = (judgement: Judgement, chain: readonly Caveats[], one: Asked) => boolean
  /** A property of all that the grant allows. */
  const property = (holds: Holds) =>
    fc.property(chains, ([one, chain]) => {
      const judgement = unlessDenied(() => grant.judge(one.op, one.args))
      return judgement === undefined || holds(judgement, chain, one)
    })
  const NUMBER = { numRuns: 2_000 }

  it('allow nothing that their parent does not, and change nothing of what they allow', () => {
    const narrows: Holds = (judgement, chain) => {
      const weaker = through(grant.attenuation, at, chain, judgement)
      if (weaker === undefined) return true
      const isOfParent = through(grant.attenuation, at, chain.slice(0, -1), judgement) !== undefined
      return isOfParent && Object.isFrozen(weaker) && isDeepStrictEqual(kept(weaker), kept(judgement))
    }
    fc.assert(property(narrows), NUMBER)
  })

  /** Whether what passes a chain is what each of its caveats allows, as the reference reads them. */
  const agrees =
    (attenuation: GrantAttenuation, seen: boolean[] = []): Holds =>
    (judgement, chain, one) => {
      const weaker = through(attenuation, at, chain, judgement)
      seen.push(weaker !== undefined)
      const isAllowed = chain.every(
        (each) =>
          (each['mode'] !== 'read' || judgement.effect === 'read') &&
          reference(each, weaker ?? judgement, one),
      )
      return isAllowed === (weaker !== undefined)
    }

  it('allow what each of their caveats allows, and nothing else', () => {
    const seen: boolean[] = []
    fc.assert(property(agrees(grant.attenuation, seen)), NUMBER)
    const counts = [true, false].map((one) => seen.filter((allowed) => allowed === one).length)
    // Caveats of a database refuse nothing here; the driver holds the statement to them.
    expect(counts.map((count) => count > 10)).toEqual([true, capability !== 'db'])
  })

  it('negative control: caveats that restrict nothing are found out', () => {
    const careless: GrantAttenuation = { ...grant.attenuation, attenuate: () => (judgement) => judgement }
    expect(fc.check(property(agrees(careless)), NUMBER).failed).toBe(true)
  })
})
