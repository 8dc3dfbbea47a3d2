/** The kinds of runs that use databases, files, child isolates and weaker handles. */
import type { RunResult } from '../../src/index.ts'
import type { Kind } from './kinds.ts'
import { EVENTS, FILES, TEXT, type World } from './world.ts'

const PRINCIPALS = 3

const policyOf = ({ database, shelf, desk }: World): object => ({
  permissions: {
    db_write: true,
    db: {
      shop: {
        engine: 'sqlite',
        file: database,
        read: { events: { show: ['id', 'note'] }, entries: '*' },
        write: { entries: ['insert'] },
        functions: ['count'],
        max_rows: EVENTS,
        max_result_kb: 1024,
        timeout_seconds: 3,
      },
    },
    filesystem: [
      { path: '/shelf', source: shelf, mode: 'read', allow: ['**'] },
      { path: '/desk', source: desk, mode: 'overlay', allow: ['**'], ask: 'never' },
      { path: '/tmp', mode: 'scratch' },
    ],
    code_exec: { quarantine: true },
    kv: {},
    tools: { begun: {}, add: {} },
  },
  limits: { max_tool_calls: 100, max_duration_seconds: 60, max_memory_mb: 64 },
})

/** Writers wait for each other, and longer on a busy machine than a statement may. */
const ADD = `for (;;) {
  try { await db.shop.execute('insert into entries (token) values (?)', [input.token]); break }
  catch (error) { if (error.code !== 'UPSTREAM_DB_BUSY') throw error }
}`
const PUT = `await fs.write('/desk/' + input.token % ${FILES} + '.txt', 'by ' + input.token)`
const SUM = (EVENTS * (EVENTS + 1)) / 2

/** The kind whose runs leave a row, and the one whose runs leave a file. */
export const LEAVES_A_ROW = 'rows written'
export const LEAVES_A_FILE = 'files written'

/** What is read and written with success. */
const GOOD: readonly (readonly [name: string, code: string, value: unknown, childRuns?: number])[] = [
  [
    'rows',
    `let sum = 0; for await (const { id } of db.shop.query('select id, note from events')) sum += id; return sum`,
    SUM,
  ],
  [
    'rows left unread',
    `for await (const { id } of db.shop.query('select id, note from events')) if (id === 3) return id`,
    3,
  ],
  [LEAVES_A_ROW, `${ADD}; return 'kept'`, 'kept'],
  [
    'files',
    `return (await fs.readText('/shelf/text.txt')).length + (await fs.list('/shelf')).length`,
    TEXT.length + 1,
  ],
  [LEAVES_A_FILE, `${PUT}; return 'kept'`, 'kept'],
  [
    'scratch',
    `await fs.mkdir('/tmp/a'); await fs.write('/tmp/a/b', 'x'); await fs.rename('/tmp/a/b', '/tmp/c'); return await fs.readText('/tmp/c')`,
    'x',
  ],
  [
    'children',
    `const code = 'return await tools.add({ a: input, b: 1 })'
     const { value } = await exec.run({ code, input: 41, grants: ['tools.add'] })
     const kept = await exec.quarantine({ code: 'return { n: input.length }', data: 'abc', output: { type: 'object', properties: { n: { type: 'integer', minimum: 0, maximum: 9 } } } })
     return [value, kept.value.n]`,
    [42, 3],
    2,
  ],
  [
    'handles',
    `const weak = db.shop.only({ tables: ['entries'] })
     const codes = []
     const told = (work) => work().then(() => codes.push('ok'), ({ code }) => codes.push(code))
     await told(() => weak.query('select id from events'))
     await told(() => weak.get('select count(*) as n from entries'))
     weak.revoke()
     await told(() => weak.get('select count(*) as n from entries'))
     return codes`,
    ['DENIED_NAME', 'ok', 'DENIED_REVOKED'],
  ],
  ['kept values', `await kv.put('last', input.token); return typeof (await kv.get('last'))`, 'string'],
  [
    'web classes',
    `const bytes = new TextEncoder().encode('a b')
     const text = await new Response(new Blob([bytes]).stream()).text()
     return [text, new URL('/x?y=1', 'https://a.test/').searchParams.get('y')]`,
    ['a b', '1'],
  ],
]

/** What goes wrong in the middle, and must leave nothing. */
const WRONG: readonly (readonly [name: string, expected: string, code: string, childRuns?: number])[] = [
  ['rows written, then thrown', 'GUEST_THREW', `${ADD}; throw new Error('no')`],
  ['files written, then thrown', 'GUEST_THREW', `${PUT}; throw new Error('no')`],
  [
    'heavy statement',
    'UPSTREAM_TIMEOUT',
    `return await db.shop.get('select count(*) as n from events a, events b, events c, events d')`,
  ],
  ['refused table', 'DENIED_NAME', `return await db.shop.query('select secret from events')`],
  [
    'child that fails',
    'GUEST_CHILD_FAILED',
    `return await exec.run({ code: 'for (;;);', limits: { max_cpu_seconds: 0.1 } })`,
    1,
  ],
]

const wrongValue =
  (value: unknown) =>
  ({ value: found }: RunResult): string | undefined =>
    JSON.stringify(found) === JSON.stringify(value) ? undefined : `the value is ${JSON.stringify(found)}`

/** Each with one policy, so that they share cages. */
export const dataKinds = (world: World, cancelled: (kind: Kind) => Kind): readonly Kind[] => {
  const policy = policyOf(world)
  const kind = (name: string, weight: number, expected: string, code: string): Kind => ({
    name,
    weight,
    expected,
    prepare: (token) => ({
      code,
      policy,
      input: { token },
      principal: `reader-${Number(token) % PRINCIPALS}`,
    }),
  })
  return [
    ...GOOD.map(([name, code, value, childRuns = 0]): Kind => ({
      ...kind(name, 2, 'done', code),
      isGood: true,
      childRuns,
      check: wrongValue(value),
    })),
    ...WRONG.map(([name, expected, code, childRuns = 0]): Kind => ({
      ...kind(name, 0.7, expected, code),
      childRuns,
    })),
    cancelled({
      ...kind(
        'cancelled, with a statement',
        0.5,
        'cancelled',
        `${ADD}; ${PUT}
         void tools.begun(input)
         await db.shop.get('select count(*) as n from events a, events b, events c, events d')`,
      ),
      kills: true,
    }),
  ]
}
