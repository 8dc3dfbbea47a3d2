import { expect, test } from 'vitest'
import type { RunOptions, TollgateOptions } from '../../src/index.ts'
import { withNotes, type Notebook } from '../harness/notes.ts'
import { openGateOf } from './gates.ts'

const POLICY = { permissions: { notes: {} } } as unknown as RunOptions['policy']
const TWO = `await notes.add({ store: 'a', text: 'one' }); await notes.add({ store: 'b', text: 'two' }); return 'said'`

type Tried = {
  book?: Notebook
  policy?: RunOptions['policy']
  isCommitForAll?: boolean
} & Partial<TollgateOptions>

const openNotes = async (tried: Tried = {}) => {
  const { book = { committed: {} }, policy = POLICY, isCommitForAll, approve = () => true } = tried
  const gate = await openGateOf({ approve }, withNotes(book, isCommitForAll))
  const run = (code: string, more: Partial<RunOptions> = {}) =>
    gate.run({ code: `export default async (input, { notes }) => { ${code} }`, policy, ...more })
  return { book, gate, run, [Symbol.asyncDispose]: () => gate.close() }
}

test('what a run staged is committed, store by store, when its tool has succeeded', async () => {
  await using notes = await openNotes()
  const result = await notes.run(TWO)
  expect(result).toMatchObject({ status: 'done', value: 'said', usage: { calls: 2 } })
  expect(notes.book.committed).toEqual({ a: ['one'], b: ['two'] })
  const records = await notes.gate.audit.read({ runId: result.runId })
  const ops = records
    .filter(({ event }) => event === 'call')
    .map(({ facts }) => [facts['op'], facts['staged']])
  expect(ops).toEqual([
    ['notes.add', true],
    ['notes.add', true],
    ['notes.commit', undefined],
    ['notes.commit', undefined],
  ])
})

test('a run that fails commits nothing', async () => {
  await using notes = await openNotes()
  expect(await notes.run(`${TWO.slice(0, -13)} throw new Error('no')`)).toMatchObject({
    status: 'failed',
    error: { code: 'GUEST_THREW' },
  })
  expect(notes.book.committed).toEqual({})
})

test('a run whose limit is used up commits nothing, and one at its limit does', async () => {
  const policy = { ...(POLICY as object), limits: { max_tool_calls: 2 } } as RunOptions['policy']
  await using notes = await openNotes({ policy })
  expect(await notes.run(TWO)).toMatchObject({ status: 'done' })
  expect(notes.book.committed).toEqual({ a: ['one'], b: ['two'] })
  const more = `await notes.add({ store: 'c', text: 'x' }); ${TWO}`
  expect(await notes.run(more)).toMatchObject({ status: 'failed', error: { code: 'LIMIT_TOOL_CALLS' } })
  expect(notes.book.committed).not.toHaveProperty('c')
})

test('a refused approval discards the commit, and the run fails with it', async () => {
  await using notes = await openNotes({
    approve: ({ subject }) => subject === 'commit a',
    policy: { ...(POLICY as object), human_in_loop: ['notes.commit'] } as RunOptions['policy'],
  })
  expect(await notes.run(TWO)).toMatchObject({
    status: 'failed',
    error: { code: 'APPROVAL_DENIED', gate: 'approve', op: 'notes.commit' },
  })
  expect(notes.book.committed).toEqual({ a: ['one'] })
})

test('a commit that breaks ends the run; what comes after it is not committed', async () => {
  await using notes = await openNotes({ book: { committed: {}, fails: { a: 'before' } } })
  expect(await notes.run(TWO)).toMatchObject({
    status: 'failed',
    error: { code: 'UPSTREAM_FILE', gate: 'perform' },
  })
  expect(notes.book.committed).toEqual({})
})

test('a key stands for one staged effect, also in a later run, once it was committed', async () => {
  await using notes = await openNotes()
  const once = `const add = () => notes.add({ store: 'a', text: 'x' }, { idempotencyKey: 'k' }); return [await add(), await add()]`
  expect(await notes.run(once)).toMatchObject({ status: 'done', value: [1, 1] })
  expect(notes.book.committed).toEqual({ a: ['x'] })
  delete notes.book.committed['a']
  expect(await notes.run(once)).toMatchObject({ status: 'done', value: [1, 1] })
  expect(notes.book.committed).toEqual({})
})

test('a key whose effect was discarded may be used again', async () => {
  await using notes = await openNotes()
  const code = `await notes.add({ store: 'a', text: 'x' }, { idempotencyKey: 'k' }); if (input) throw new Error('no')`
  expect(await notes.run(code, { input: true })).toMatchObject({ status: 'failed' })
  // Another input makes no other tool, so the key is the same.
  expect(await notes.run(code, { input: false })).toMatchObject({ status: 'done' })
  expect(notes.book.committed).toEqual({ a: ['x'] })
})

test.each([
  ['after', 'UPSTREAM_FILE'],
  ['answer', 'INTERNAL_ERROR'],
] as const)(
  'a key whose commit may have happened is not used again: it breaks at %s',
  async (moment, code) => {
    const book: Notebook = { committed: {}, fails: { a: moment } }
    await using notes = await openNotes({ book })
    const add = `return await notes.add({ store: 'a', text: 'x' }, { idempotencyKey: 'k' })`
    expect(await notes.run(add)).toMatchObject({ status: 'failed', error: { code } })
    expect(book.committed).toEqual({ a: ['x'] })
    expect(await notes.run(add)).toMatchObject({ status: 'failed', error: { code: 'IDEMPOTENCY_UNCERTAIN' } })
  },
)

const COMMITS_ITSELF = `await notes.add({ store: 'a', text: 'x' }); await notes.commit({ store: 'a', count: 1 }); throw new Error('no')`

test('the guest has no commit to call', async () => {
  await using notes = await openNotes()
  expect(await notes.run(COMMITS_ITSELF)).toMatchObject({ status: 'failed', error: { code: 'GUEST_THREW' } })
  expect(notes.book.committed).toEqual({})
})

test('negative control: were the commit an op like any other, a failing run could commit', async () => {
  await using notes = await openNotes({ isCommitForAll: true })
  expect(await notes.run(COMMITS_ITSELF)).toMatchObject({ status: 'failed' })
  expect(notes.book.committed).toEqual({ a: ['x'] })
})
