import { readFileSync, readdirSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import type { DbGrant } from '../../../src/capabilities/db/grant.ts'
import type { CommitArguments, DbRequest } from '../../../src/capabilities/db/ops.ts'
import { SqliteLine } from '../../../src/capabilities/db/sqlite-line.ts'
import { definePolicy } from '../../../src/policy.ts'
import type { ChildPort } from '../../../src/capabilities/capability.ts'
import { TollgateError } from '../../../src/errors/tollgate-error.ts'
import { createDbPowers, type DbPowers } from '../../../src/run/db-powers.ts'
import { encodeFrame, LAST } from '../../../src/capabilities/db/frames.ts'
import { openGate } from '../../harness/gate.ts'
import { askShop, openShop, shopPolicy, writePolicy } from './shops.ts'

const OWN = 'dist/children/db.mjs'

/** Processes of databases that this process has started. */
const children = (): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => {
      try {
        const isOurs = / (\d+) /u.exec(
          readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) \S/u, ''),
        )?.[1]
        return isOurs === String(process.pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(OWN)
      } catch {
        return false
      }
    })

/** A process that answers the questions it gets by these bytes, one after the other. */
const liar = (...answers: readonly (Buffer | undefined)[]): DbPowers => ({
  ...createDbPowers(),
  start() {
    const left = [...answers]
    const port: ChildPort = {
      write() {
        const bytes = left.shift()
        setImmediate(() => (bytes === undefined ? port.onEnd() : port.onData(bytes)))
      },
      kill: () => undefined,
      onData: () => undefined,
      onEnd: () => undefined,
    }
    return port
  },
})

const json = (value: unknown): Buffer => encodeFrame(LAST + JSON.stringify(value))
const OPENED = json({ ok: true, tables: [] })

it('a run has one process for a database, whatever it asks at once, and none when it is over', async () => {
  using shop = openShop()
  let seen = 0
  const tool = shop.tool('look', 'select 1')
  await using gate = await openGate({
    tools: [{ ...tool, perform: () => ((seen = Math.max(seen, children().length)), null) }],
  })
  const { permissions } = shopPolicy(shop) as { permissions: object }
  const policy = { permissions: { ...permissions, tools: { look: {} } } }
  const code = `await Promise.all([1, 2, 3].map(() => db.shop.get('select 1'))); await tools.look(); return 'done'`
  expect(await gate.run({ code, policy })).toMatchObject({ value: 'done' })
  expect(seen).toBe(1)
  await expect.poll(() => children()).toEqual([])
})

it.each<[string, DbPowers, string]>([
  ['ends at once', liar(undefined), 'UPSTREAM_DB_UNAVAILABLE'],
  ['ends in the middle', liar(OPENED, undefined), 'UPSTREAM_DB_UNAVAILABLE'],
  ['answers no JSON', liar(OPENED, encodeFrame(`${LAST}no`)), 'UPSTREAM_PROTOCOL'],
  ['answers twice', liar(OPENED, Buffer.concat([OPENED, OPENED])), 'UPSTREAM_PROTOCOL'],
  [
    'answers without a mark',
    liar(OPENED, encodeFrame(JSON.stringify({ ok: true, columns: ['a'], rows: [] }))),
    'UPSTREAM_PROTOCOL',
  ],
  ['announces a giant', liar(OPENED, Buffer.from([255, 255, 255, 255])), 'UPSTREAM_PROTOCOL'],
  [
    'refuses by no known word',
    liar(OPENED, json({ ok: false, refusal: 'x', detail: 'x' })),
    'UPSTREAM_PROTOCOL',
  ],
  [
    'gives cells of no kind',
    liar(OPENED, json({ ok: true, columns: ['a'], rows: [[{ b: 1 }]] })),
    'UPSTREAM_PROTOCOL',
  ],
  [
    'gives crooked rows',
    liar(OPENED, json({ ok: true, columns: ['a'], rows: [[1, 2]] })),
    'UPSTREAM_PROTOCOL',
  ],
  ['gives no rows', liar(OPENED, json({ ok: true, columns: ['a'] })), 'UPSTREAM_PROTOCOL'],
  [
    'gives more rows than it may',
    liar(OPENED, json({ ok: true, columns: ['a'], rows: Array.from({ length: 1001 }, () => [1]) })),
    'UPSTREAM_PROTOCOL',
  ],
])('a process that %s is not believed', async (_, power, code) => {
  using shop = openShop()
  await using gate = await openGate({ powers: { db: power } })
  const { verdicts } = await askShop(gate, shopPolicy(shop), ['select 1'])
  expect(verdicts).toEqual([`${code} at perform`])
})

it('an engine that is missing is a coded error of the call', async () => {
  using shop = openShop()
  const power: DbPowers = {
    ...createDbPowers(),
    start() {
      throw new TollgateError('INTERNAL_CHILD_START', 'There is none.', { notPerformed: true })
    },
  }
  await using gate = await openGate({ powers: { db: power } })
  const { verdicts } = await askShop(gate, shopPolicy(shop), ['select 1', 'select 1'])
  expect(verdicts).toEqual(['INTERNAL_CHILD_START at perform', 'INTERNAL_CHILD_START at perform'])
})

it('a transaction that is open for five minutes is given up, and its run cannot commit', async () => {
  using shop = openShop()
  const grant = definePolicy(writePolicy(shop)).grants.get('db') as DbGrant
  const database = grant.databases.get('shop')
  if (database === undefined) throw new Error('none')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const answers = [OPENED, json({ ok: true, changes: 1 }), json({ ok: true })]
    const line = new SqliteLine(database, liar(...answers), { principal: 'alpha', runId: 'run' })
    const write: DbRequest = {
      kind: 'execute',
      database: 'shop',
      sql: 'x',
      params: [],
      verb: 'insert',
      mayDelete: false,
    }
    const signal = new AbortController().signal
    const bounds = { hidden: [], rowsMax: 10 }
    expect(await line.perform(write, bounds, signal)).toMatchObject({ value: { changes: 1 } })
    const args = line.staged()?.args as CommitArguments
    expect(args).toMatchObject({ database: 'shop', statements: 1 })
    vi.advanceTimersByTime(300_000)
    await expect(line.perform({ kind: 'commit', ...args }, bounds, signal)).rejects.toMatchObject({
      code: 'UPSTREAM_DB_ROLLED_BACK',
    })
    expect(() => line.staged()).toThrow('was open for 300 s')
    await line.close()
  } finally {
    vi.useRealTimers()
  }
})
