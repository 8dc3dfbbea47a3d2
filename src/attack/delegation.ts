import { changedInside, refused } from './attempts.ts'
import { ALWAYS, holds, isDone, noted, notedTimes, recorded, returned } from './checks.ts'
import type { AttackCase, Check, Evidence, World } from './evidence.ts'

const LIMITS = {
  max_tool_calls: 100,
  max_duration_seconds: 30,
  max_cpu_seconds: 30,
  max_memory_mb: 128,
  max_cost_usd: 1,
}
const CHILDREN = { max_children: 8 }

const delegation = (
  what: string,
  setup: AttackCase['setup'] & object,
  checks: readonly Check[],
  tell: NonNullable<AttackCase['tell']>,
): AttackCase => ({ id: 'H50', group: 'G', what, setup, checks: [...checks, ...ALWAYS], tell })

/** A folder that its parent may read; the secret lies in it. */
const secretOf = ({ beside }: World): object => ({
  path: '/in',
  source: beside,
  mode: 'read',
  allow: ['secret.csv'],
})

const REFUND = 'return tools.refund({ cents: 1 })'
/** The child looks for all that its parent holds and did not hand it. */
const LOOK_ROUND = `const found = []
for (const attempt of [() => capabilities.tools.refund({ cents: 1 }), () => tools.refund({ cents: 1 }), () => tools.only({ names: ['refund'] }).refund({ cents: 1 }), () => fs.readText('/in/secret.csv'), () => exec.run({ code: 'return 1' }), () => db.shop.query('select 1'), () => tools.giant({})])
  try { found.push(await attempt()) } catch {}
await tools.note({ data: found })`
const NOT_HELD = ['http', 'db', 'tools.giant', 'tools.loo', 'exec.quarantine', '__proto__']
const REACH = `
for (const name of input.names) {
  const ended = await exec.run({ code: 'return 1', grants: [name] }).catch(() => undefined)
  if (ended !== undefined) await tools.report({ got: 'a child that holds ' + name })
}
await exec.run({ code: input.look, grants: ['tools.note'] })
return (await exec.run({ code: "return tools.erase({ what: 1 }).catch(({ code }) => code)", grants: ['tools.erase'] })).value`

const SPEND = `let done = 0
for (let n = 0; n < 30; n += 1) try { await tools.note({ data: n }); done += 1 } catch {}
return done`
const SPEND_TOGETHER = `
const order = { code: input, grants: ['tools.note'], limits: { max_tool_calls: 1000, max_cost_usd: 1000 } }
await Promise.allSettled([1, 2, 3].map(() => exec.run(order)))`
const SPEND_MORE = `
const order = { code: input, grants: ['tools.note'], limits: { max_tool_calls: 3, max_cost_usd: 1000 } }
await exec.run(order).catch(() => undefined)`
/** A note costs a thousandth of a dollar. */
const MAX_COST_USD = 0.005
const NOTES_BY_COST = 5
const NOTES_BY_CALLS = 3

const children: readonly AttackCase[] = [
  delegation(
    'let a child call what it was not handed',
    {
      policy: (world) => ({
        permissions: {
          tools: { report: {}, note: {}, refund: {}, erase: {} },
          filesystem: [secretOf(world)],
          code_exec: { ...CHILDREN, max_depth: 2 },
        },
        limits: LIMITS,
      }),
      runs: () => [{ code: REACH, input: { names: NOT_HELD, look: LOOK_ROUND } }],
    },
    [
      isDone,
      refused('exec', NOT_HELD.length, /^DENIED_NOT_GRANTED$/),
      noted([]),
      holds('money was paid back', ({ refunds }) => refunds === 0),
      holds(
        'what asks first was done, or not asked once',
        ({ asked, erased }) => asked === 1 && erased === 0,
      ),
      returned('APPROVAL_DENIED'),
    ],
    () => 'it finds nothing else, and what asks first asks for it too',
  ),
  delegation(
    'spend more by children than their parent may',
    {
      policy: () => ({
        permissions: { tools: { note: {} }, code_exec: CHILDREN },
        limits: { ...LIMITS, max_cost_usd: MAX_COST_USD },
      }),
      runs: () => [
        { code: SPEND_TOGETHER, input: SPEND },
        { code: SPEND_MORE, input: SPEND },
      ],
    },
    [
      isDone,
      recorded('run.ended', 'LIMIT_COST'),
      recorded('run.ended', 'LIMIT_TOOL_CALLS'),
      notedTimes(NOTES_BY_COST + NOTES_BY_CALLS),
      holds('a run cost more than it may', ({ results }) =>
        results.every(({ usage }) => usage.costUsd <= MAX_COST_USD),
      ),
    ],
    ({ noted: { length } }) => `${length} of 90 calls were performed: LIMIT_COST, LIMIT_TOOL_CALLS`,
  ),
]

const SMUGGLING = [
  'return input',
  'return { urgent: true, topic: input }',
  'return { urgent: true, topic: "money", data: input }',
  'throw Object.assign(new Error(input), { name: input, code: input })',
]
const SMUGGLE = `
const data = await fs.readText('/in/secret.csv')
const output = { type: 'object', properties: { urgent: { type: 'boolean' }, topic: { enum: ['money', 'other'] } } }
for (const code of input) {
  const told = await exec.quarantine({ code, data, output }).catch((error) => ({ ...error, message: error.message }))
  await tools.note({ data: told })
}
const code = 'console.log(input); return { topic: "money", urgent: input.length > 0, ...(Object.keys(capabilities).length > 1 && { more: 1 }) }'
return JSON.stringify((await exec.quarantine({ code, data, output })).value)`

/** Which way it failed would be more than a quarantine may tell. */
const areAlike = ({ noted: all }: Evidence): boolean =>
  all.length === SMUGGLING.length && new Set(all.map((one) => JSON.stringify(one))).size === 1

const LAUNDER = `
const refund = { code: '${REFUND}', grants: ['tools.refund'] }
const notes = tools.only({ names: 'note' })
const orders = db.shop.only({ tables: ['orders'], mode: 'read', rows: 2 })
const sub = fs.only({ under: '/data/sub', mode: 'read' })
const child = exec.only({ grants: ['tools.note'] })
const once = tools.only({ calls: 1 })
await once.note({ data: 'once' })
const gone = tools.only({})
const derived = gone.only({})
gone.revoke()
const starter = exec.only({})
starter.revoke()
const attempts = [
  () => notes.refund({ cents: 1 }),
  () => notes.only({}).refund({ cents: 1 }),
  () => notes.only({ names: 'refund' }).refund({ cents: 1 }),
  () => once.note({ data: 'twice' }),
  () => once.only({ calls: 5 }).note({ data: 'twice' }),
  () => gone.note({ data: 'gone' }),
  () => derived.note({ data: 'gone' }),
  () => derived.only({}).refund({ cents: 1 }),
  () => orders.query('select name from customers'),
  () => orders.query('select o.id from orders o natural join customers'),
  () => orders.query('select id from orders'),
  () => orders.execute('update orders set total = 0'),
  () => sub.readText('/data/ok.csv'),
  () => sub.readText('/data/sub/../ok.csv'),
  () => sub.write('/data/sub/new.csv', 'x'),
  () => sub.rename('/data/sub/ok.csv', '/data/moved.csv'),
  () => child.run(refund),
  () => child.run({ ...refund, grants: ['tools'] }),
  () => child.only({ grants: ['tools.refund'] }).run(refund),
  () => starter.run(refund),
  () => exec.run({ code: 'return input.refund({ cents: 1 })', input: notes }),
]
for (const [n, attempt] of attempts.entries()) {
  let isRefused = false
  try { await attempt() } catch { isRefused = true }
  if (!isRefused) await tools.report({ got: String(attempt) })
}
await child.run({ code: 'const all = tools.only({ names: ["refund", "note"] }); await (all.refund ?? tools.refund)?.({ cents: 1 })', grants: ['tools.note'] })
return [await orders.query('select id from orders where id = 1'), await sub.readText('/data/sub/ok.csv'), await notes.note({ data: 'kept' })]`
/** All but the last of the attempts, which the kernel refuses: no handle crosses to a child. */
const LAUNDERED = 20

/** G. Approvals: H50 for what a tool hands on, to children, to a quarantine, by weaker handles. */
export const DELEGATION_CASES: readonly AttackCase[] = [
  ...children,
  delegation(
    'bring data out of a quarantine against its schema',
    {
      policy: (world) => ({
        permissions: {
          tools: { note: {} },
          filesystem: [secretOf(world)],
          code_exec: { ...CHILDREN, quarantine: true },
        },
        limits: LIMITS,
      }),
      runs: () => [{ code: SMUGGLE, input: SMUGGLING }],
    },
    [
      isDone,
      refused('exec', SMUGGLING.length, /^DENIED_QUARANTINE$/),
      holds('one refusal can be told from another', areAlike),
      returned('{"urgent":true,"topic":"money"}'),
    ],
    () => 'DENIED_QUARANTINE, in the same words each time',
  ),
  delegation(
    'use a weaker handle for more, after its end, by a child',
    {
      policy: ({ database, mounted }) => ({
        permissions: {
          tools: { report: {}, note: {}, refund: {} },
          db: {
            shop: {
              engine: 'sqlite',
              file: database,
              read: { orders: '*', customers: ['id', 'name'] },
              write: { orders: ['update'] },
            },
          },
          db_write: true,
          filesystem: [{ path: '/data', source: mounted, mode: 'write', allow: ['**'], ask: 'never' }],
          code_exec: CHILDREN,
        },
        limits: LIMITS,
      }),
      runs: () => [{ code: LAUNDER }],
    },
    [
      isDone,
      refused(
        undefined,
        LAUNDERED,
        /^(?:DENIED_CAVEAT|DENIED_REVOKED|DENIED_NAME|DENIED_FILE_PATH|LIMIT_OP_CALLS|LIMIT_ROWS)$/,
      ),
      noted('once', 'kept'),
      holds('money was paid back', ({ refunds }) => refunds === 0),
      changedInside(),
      returned([[{ id: 1 }], 'inside', 'kept']),
    ],
    () => 'all refused; it does what it may, and nothing after revoke()',
  ),
]
