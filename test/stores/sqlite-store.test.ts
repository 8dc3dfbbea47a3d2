import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventRow, ReceiptIntent, RunRow, Store } from '../../src/stores/ports.ts'
import { openSqliteStore } from '../../src/stores/sqlite/sqlite-store.ts'

let store: Store
beforeEach(() => {
  store = openSqliteStore(':memory:')
})
afterEach(() => store.close())

const event = (runId: string, n: number): EventRow => ({
  runId,
  n,
  event: '{}',
  record: `{"n":${n}}`,
  hash: `hash-${runId}-${n}`,
})
const run = (runId: string, more: Partial<RunRow> = {}): RunRow => ({
  runId,
  task: 'task',
  principal: 'alice',
  startedAtMs: 1,
  requestDigest: 'digest',
  policyDigest: 'policy',
  toolDigest: 'tool',
  ...more,
})

describe('runs', () => {
  it('begin once under an idempotency key of a principal', () => {
    const begin = (runId: string, more: Partial<RunRow>): boolean =>
      store.runs.start(run(runId, more), event(runId, 0))
    expect(begin('a', { idempotencyKey: 'k' })).toBe(true)
    expect(begin('b', { idempotencyKey: 'k' })).toBe(false)
    expect(begin('c', { idempotencyKey: 'k', principal: 'eve' })).toBe(true)
    expect(begin('d', {})).toBe(true)
    expect(begin('e', {})).toBe(true)
    expect(store.runs.byKey('alice', 'k')?.runId).toBe('a')
    // A run that did not begin left nothing behind.
    expect(store.journal.read({ runId: 'b' })).toEqual([])
    expect(store.journal.links().map(({ runId }) => runId)).toEqual(['a', 'c', 'd', 'e'])
  })

  it('are listed newest first, by task and up to a limit', () => {
    for (const [n, task] of ['x', 'y', 'x', 'x'].entries())
      store.runs.start(run(`r${n}`, { task, startedAtMs: n }), event(`r${n}`, 0))
    expect(store.runs.list({ limit: 10 }).map(({ runId }) => runId)).toEqual(['r3', 'r2', 'r1', 'r0'])
    expect(store.runs.list({ task: 'x', limit: 2 }).map(({ runId }) => runId)).toEqual(['r3', 'r2'])
  })

  it('end with their result, last events and closing link, all or nothing', () => {
    store.runs.start(run('a'), event('a', 0))
    expect(() => store.runs.end('a', '{}', [event('a', 1), event('a', 1)], 'head', 2)).toThrow(
      expect.objectContaining({ code: 'INTERNAL_STORE' }) as Error,
    )
    expect([
      store.runs.get('a')?.result,
      store.journal.read({ runId: 'a' }).length,
      store.journal.links().length,
    ]).toEqual([undefined, 1, 1])
    store.runs.end('a', '{"status":"done"}', [event('a', 1)], 'head', 2)
    expect(store.runs.get('a')?.result).toBe('{"status":"done"}')
    expect(store.journal.links()[1]).toMatchObject({
      n: 1,
      runId: 'a',
      kind: 'end',
      head: 'head',
      records: 2,
    })
  })
})

describe('the journal', () => {
  it('reads in order, the last ones with a limit, each with the hash before it', () => {
    store.journal.append([event('a', 0), event('b', 0), event('a', 1), event('a', 2)], 'synced')
    expect(store.journal.read({}).map(({ hash }) => hash)).toEqual([
      'hash-a-0',
      'hash-b-0',
      'hash-a-1',
      'hash-a-2',
    ])
    expect(store.journal.read({ runId: 'a', limit: 2 }).map(({ n, previous }) => [n, previous])).toEqual([
      [1, 'hash-a-0'],
      [2, 'hash-a-1'],
    ])
    expect(store.journal.read({ limit: 1 }).map(({ n }) => n)).toEqual([2])
  })
})

describe('tickets', () => {
  it('are decided once and used once, by fifty that try', () => {
    store.tickets.put('t', 'run', 'digest', '{}', 1_000)
    const decided = Array.from({ length: 50 }, (_, n) =>
      store.tickets.decide('t', n % 2 === 0 ? 'approved' : 'denied', 'alice', undefined, 1),
    )
    expect(decided.filter(Boolean)).toHaveLength(1)
    const used = Array.from({ length: 50 }, () => store.tickets.use('t', 'digest', 1))
    expect(used.filter(Boolean)).toHaveLength(1)
    expect(store.tickets.get('t')).toMatchObject({ state: 'used', digest: 'digest' })
  })

  it.each([
    ['another digest', 'other', 1],
    ['a time after its expiry', 'digest', 1_001],
  ] as const)('are not used for %s', (_, digest, atMs) => {
    store.tickets.put('t', 'run', 'digest', '{}', 1_000)
    store.tickets.decide('t', 'approved', 'alice', undefined, 1)
    expect(store.tickets.use('t', digest, atMs)).toBe(false)
    expect(store.tickets.use('t', 'digest', 1_000)).toBe(true)
  })

  it.each(['pending', 'denied', 'expired'] as const)('that are %s are not used', (state) => {
    store.tickets.put('t', 'run', 'digest', '{}', 1_000)
    if (state !== 'pending') store.tickets.decide('t', state, 'alice', 'because', 1)
    expect(store.tickets.use('t', 'digest', 1)).toBe(false)
    expect(store.tickets.get('nobody')).toBeUndefined()
  })
})

describe('receipts', () => {
  const intent = (more: Partial<ReceiptIntent> = {}): ReceiptIntent => ({
    scope: 's',
    runId: 'r',
    requestDigest: 'd',
    expiresAtMs: undefined,
    repeatable: false,
    nowMs: 0,
    ...more,
  })

  it('are taken once, and write their events in any case', () => {
    expect(store.receipts.intend(intent(), [event('a', 0)])).toBe(true)
    expect(store.receipts.intend(intent(), [event('a', 1)])).toBe(false)
    expect(store.journal.read({ runId: 'a' })).toHaveLength(2)
    expect(store.receipts.get('s')).toMatchObject({
      state: 'intended',
      requestDigest: 'd',
      outcome: undefined,
    })
  })

  it.each([
    ['failed', false, 0, true],
    ['uncertain', false, 0, false],
    ['uncertain', true, 0, true],
    ['uncertain', true, 100, false],
    ['done', true, 0, false],
  ] as const)(
    'that are %s (repeatable: %s, at %d) are free again: %s',
    (state, repeatable, nowMs, isFree) => {
      store.receipts.intend(intent({ expiresAtMs: 100 }), [])
      store.receipts.settle('s', state, '{"x":1}', [event('a', 0)])
      expect(store.receipts.intend(intent({ repeatable, nowMs, expiresAtMs: 999 }), [])).toBe(isFree)
      expect(store.receipts.intend(intent({ repeatable: true, requestDigest: 'other' }), [])).toBe(false)
    },
  )

  it('that are done stay done, whatever a late attempt reports', () => {
    store.receipts.intend(intent(), [])
    store.receipts.settle('s', 'done', '{"id":1}', [])
    store.receipts.settle('s', 'uncertain', '{"code":"UPSTREAM_TIMEOUT"}', [event('a', 0)])
    expect(store.receipts.get('s')).toMatchObject({ state: 'done', outcome: '{"id":1}' })
    expect(store.journal.read({ runId: 'a' })).toHaveLength(1)
  })
})

describe('the lease of a task', () => {
  it('is one owner at a time, free when it is given back or runs out', () => {
    const acquire = (owner: string, nowMs: number): string | undefined =>
      store.tasks.acquire('alice', 'task', owner, nowMs, 100)
    const busy = expect.objectContaining({ code: 'LIMIT_TASK_BUSY', gate: 'reserve' }) as Error
    expect(acquire('one', 0)).toBeUndefined()
    expect(() => acquire('two', 99)).toThrow(busy)
    expect(store.tasks.acquire('eve', 'task', 'two', 0, 100)).toBeUndefined()
    store.tasks.save('alice', 'task', 'one', '{"saved":1}', 500)
    expect(() => acquire('two', 499)).toThrow(busy)
    expect(acquire('two', 501)).toBe('{"saved":1}')
    expect(() => store.tasks.save('alice', 'task', 'one', '{"stale":1}', 999)).toThrow(busy)
    store.tasks.release('alice', 'task', 'one', '{"stale":1}')
    expect(() => acquire('three', 502)).toThrow(busy)
    store.tasks.release('alice', 'task', 'two', '{"given":1}')
    expect(acquire('three', 503)).toBe('{"given":1}')
  })
})

describe('a medium that fails', () => {
  it('is INTERNAL_STORE, for what reads and for what writes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-store-'))
    const broken = openSqliteStore(folder)
    const other = new DatabaseSync(join(folder, 'tollgate.db'))
    for (const table of ['events', 'chain', 'runs', 'tickets', 'receipts', 'tasks'])
      other.exec(`DROP TABLE ${table}`)
    other.close()
    const acts: readonly (() => unknown)[] = [
      () => broken.journal.append([event('a', 0)], 'kept'),
      () => broken.journal.read({}),
      () => broken.journal.links(),
      () => broken.runs.start(run('a'), event('a', 0)),
      () => broken.runs.get('a'),
      () => broken.runs.byKey('alice', 'k'),
      () => broken.runs.list({ limit: 1 }),
      () => broken.tickets.get('t'),
      () => broken.tickets.use('t', 'd', 0),
      () => broken.receipts.get('s'),
      () => broken.tasks.acquire('alice', 'task', 'one', 0, 1),
    ]
    for (const act of acts) expect(act).toThrow(expect.objectContaining({ code: 'INTERNAL_STORE' }) as Error)
    broken.close()
    rmSync(folder, { recursive: true })
  })
})
