import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { HANDLE_DEPTH_MAX, HANDLES_MAX } from '../../runtime/abi/crossing.ts'
import { defineTool, type HostTool, type RunOptions, type RunResult, type Tollgate } from '../../src/index.ts'
import { RunHandles } from '../../src/run/handles.ts'
import { openGate } from '../harness/gate.ts'
import { openGateOf, withGrant } from './gates.ts'

/** Host tools that take turns: `hold` answers when `release` was called, and so does whoever is asked to approve. */
const openTools = () => {
  const { promise: released, resolve } = Promise.withResolvers<boolean>()
  const done: string[] = []
  const tool = (
    name: string,
    effect: 'read' | 'write',
    perform: (text: string) => Promise<string> | string,
  ) =>
    defineTool({
      name,
      description: 'Does as it is called.',
      input: z.strictObject({ text: z.string().default('') }),
      output: z.string(),
      effect,
      perform: ({ text }) => {
        done.push(`${name} ${text}`.trim())
        return perform(text)
      },
    })
  const tools: HostTool[] = [
    tool('echo', 'read', (text) => text),
    tool('pay', 'write', (text) => text),
    tool('hold', 'read', async (text) => {
      await released
      return text
    }),
    tool('release', 'read', () => {
      resolve(true)
      return ''
    }),
  ]
  return { tools, done, released, release: () => resolve(true) }
}

const POLICY = {
  permissions: { kv: {}, tools: { echo: {}, pay: {}, hold: {}, release: {} } },
  limits: { max_tool_calls: 200, max_concurrent_calls: 2 },
}

/** `told` says what became of each promise: its value, or `CODE at gate`. */
const TOLD = `const told = (...promises) => Promise.all(promises.map((one) => one.then(
    (value) => value === undefined ? 'ok' : value, ({ code, gate }) => code + ' at ' + gate)));
  const thrown = (work) => { try { work(); return 'nothing' } catch (error) { return error.code ?? error } };`

const run = (gate: Tollgate, body: string, more: Partial<RunOptions> = {}): Promise<RunResult> =>
  gate.run({ code: TOLD + body, policy: POLICY, ...more })

const valueOf = async (body: string, more: Partial<RunOptions> = {}): Promise<unknown> => {
  await using gate = await openGate({ tools: openTools().tools })
  const { status, value, error } = await run(gate, body, more)
  if (status !== 'done') throw new Error(JSON.stringify(error))
  return value
}

afterEach(() => vi.restoreAllMocks())

describe('a handle that only() made', () => {
  it('does at most what both its caveats and those of its parent allow', async () => {
    const body = `
      const own = kv.only({ prefix: 'a/' })
      const narrower = own.only({ prefix: 'a/b/' })
      const beside = own.only({ prefix: 'c/' })
      return told(own.put('a/x', 1), own.put('c/x', 1), own.list('a/'), own.list(''), narrower.get('a/x'),
        narrower.put('a/b/c', 2), narrower.list('a/'), beside.get('c/x'), beside.get('a/x'), kv.get('c/x'))`
    expect(await valueOf(body)).toEqual([
      'ok',
      'DENIED_CAVEAT at authorize',
      ['a/x'],
      'DENIED_CAVEAT at authorize',
      'DENIED_CAVEAT at authorize',
      'ok',
      'DENIED_CAVEAT at authorize',
      'DENIED_CAVEAT at authorize',
      'DENIED_CAVEAT at authorize',
      'ok',
    ])
  })

  it('is handed to other code, which gets nothing else', async () => {
    const body = `
      const stranger = async (store) => [Object.keys(store).sort(), Object.getOwnPropertyNames(store).length,
        [store, store.get, store.only, store.revoke].every(Object.isFrozen),
        await told(store.get('a'), store.put('a', 1))]
      return stranger(kv.only({ mode: 'read' }))`
    expect(await valueOf(body)).toEqual([
      ['delete', 'get', 'list', 'put'],
      6,
      true,
      ['ok', 'DENIED_CAVEAT at authorize'],
    ])
  })

  it('makes a chain in the audit, and what was refused is named there', async () => {
    await using gate = await openGate({ tools: openTools().tools })
    const result = await run(
      gate,
      `const first = kv.only({ prefix: 'a' }); await kv.get('x')
      const second = first.only({ calls: 1 }); await second.put('ab', 1); await told(second.get('b')); first.revoke()`,
    )
    expect(result).toMatchObject({ status: 'done', usage: { calls: 3 } })
    const records = await gate.audit.read({ runId: result.runId })
    const shown = records.flatMap(({ event, facts: { op, via, subject, code } }) =>
      event === 'call' || event === 'handle' || event === 'call.intended'
        ? [[event, op, via, code ?? subject]]
        : [],
    )
    expect(shown).toEqual([
      ['handle', 'handle.only', '1', 'kv.only({"prefix":"a"})'],
      ['call', 'kv.get', undefined, 'kv.get "x"'],
      ['handle', 'handle.only', '1>3', 'kv.only({"calls":1})'],
      ['call.intended', 'kv.put', '1>3', expect.stringContaining('kv.put "ab"')],
      ['call', 'kv.put', '1>3', expect.stringContaining('kv.put "ab"')],
      ['call', 'kv.get', '1>3', 'DENIED_CAVEAT'],
      ['handle', 'handle.revoke', '1', 'kv.revoke()'],
    ])
    expect(records.find(({ facts }) => facts['code'] === 'DENIED_CAVEAT')?.facts).toMatchObject({
      subject: 'kv.get "b"',
      rule: 'only({ prefix })',
    })
  })

  it('may be called so often, however it was handed on and however many calls go at once', async () => {
    const body = `
      const three = tools.only({ calls: 3 })
      const two = three.only({ calls: 2 })
      const all = await told(...[1, 2, 3].map(() => two.echo({ text: 'two' })), ...[1, 2].map(() => three.echo({ text: 'three' })))
      return [...all, ...await told(tools.echo({ text: 'own' }), tools.only({ calls: 0 }).echo({}))]`
    const refused = 'LIMIT_OP_CALLS at reserve'
    expect(await valueOf(body)).toEqual(['two', 'two', refused, 'three', refused, 'own', refused])
  })

  it('works in the moment in which it was made', async () => {
    expect(await valueOf(`return kv.only({ prefix: 'a' }).only({ calls: 1 }).put('a', 1)`)).toBe(null)
  })

  it('is no way to an op that its object does not have', async () => {
    const body = `const { echo } = tools.only({}); return [await echo({ text: 'held' }), Object.keys(kv.only({})).includes('echo')]`
    expect(await valueOf(body)).toEqual(['held', false])
  })

  it('ends with the run that made it', async () => {
    await using gate = await openGate({ tools: openTools().tools })
    const code = `export default async (input, { kv }) => {
      const late = globalThis.kept
      globalThis.kept ??= kv.only({ prefix: 'a' })
      if (late === undefined) return 'first'
      late.revoke()
      return Promise.all([late, late.only({})].map((one) => one.get('a').catch(({ code }) => code)))
    }`
    const options = { code, policy: POLICY, reuse: 'isolate' as const }
    const runs = [await gate.run(options), await gate.run(options)]
    expect(runs.map(({ value }) => value)).toEqual(['first', ['GUEST_OVER', 'GUEST_OVER']])
  })
})

describe('caveats that are not understood', () => {
  it.each([
    [`{ prefixes: 'a' }`, 'kv.only() do not fit: caveats: Unrecognized key: "prefixes"'],
    [`{ prefix: 5 }`, 'prefix: '],
    [`{ calls: -1 }`, 'calls: '],
    [`{ calls: 1.5 }`, 'calls: '],
    [`{ calls: '3' }`, 'calls: '],
    [`{ mode: 'write' }`, 'mode: '],
    [`{ prefix: null }`, 'prefix: '],
    [`JSON.parse('{"__proto__":{"prefix":"a"}}')`, 'Unrecognized key: "__proto__"'],
  ])('make a handle that allows nothing: %s', async (caveats, message) => {
    const body = `const weak = kv.only(${caveats})
      const refusals = []
      for (const one of [weak, weak.only({})]) await one.get('a').catch((error) => refusals.push([error.code, error.gate, error.message, error.hint]))
      return refusals`
    const refusal = [
      'GUEST_ARGUMENTS',
      'authorize',
      expect.stringContaining(message),
      expect.stringContaining('prefix, mode, calls'),
    ]
    expect(await valueOf(body)).toEqual([refusal, refusal])
  })

  it.each([
    [`{ prefix: undefined }`, 'GUEST_ARGUMENTS'],
    [`'a'`, 'GUEST_ARGUMENTS'],
    [`null`, 'GUEST_ARGUMENTS'],
    [`['a']`, 'GUEST_ARGUMENTS'],
    [`new (class { get prefix() { return 'a' } })`, 'GUEST_ARGUMENTS'],
    [`{ prefix: () => 1 }`, 'GUEST_UNPASSABLE'],
    [`{ prefix: 'a'.repeat(5000) }`, 'GUEST_UNPASSABLE'],
    [`{ get prefix() { throw 'mine' } }`, 'mine'],
  ])('or none at all: %s', async (caveats, told) => {
    expect(await valueOf(`return [thrown(() => kv.only(${caveats})), await told(kv.get('a'))]`)).toEqual([
      told,
      ['ok'],
    ])
  })
})

describe('revoke()', () => {
  it('ends a handle and what was derived from it, and nothing else', async () => {
    const body = `
      const a = kv.only({}), b = a.only({}), c = b.only({}), other = a.only({})
      b.revoke(); b.revoke()
      return told(a.get('x'), b.get('x'), c.get('x'), c.only({}).get('x'), other.get('x'), kv.get('x'))`
    const revoked = 'DENIED_REVOKED at authorize'
    expect(await valueOf(body)).toEqual(['ok', revoked, revoked, revoked, 'ok', 'ok'])
  })

  it('is not there on what the run was granted', async () => {
    expect(await valueOf(`return [typeof kv.revoke, typeof tools.revoke, typeof kv.only]`)).toEqual([
      'undefined',
      'undefined',
      'function',
    ])
  })

  /** A call that waits for a human, and whose handle is revoked meanwhile. */
  const whileAsking = async () => {
    const { tools, done, released } = openTools()
    await using gate = await openGateOf({ tools, approve: () => released })
    const policy = { ...POLICY, human_in_loop: ['pay'] }
    const body = `const weak = tools.only({ names: 'pay' }); const paying = told(weak.pay({ text: 'all' }))
      weak.revoke(); await tools.release({}); return paying`
    const result = await run(gate, body, { policy })
    return { value: result.value, done, approvals: result.approvals.map(({ state }) => state) }
  }

  it('reaches a call that waits for a human', async () => {
    const { value, done, approvals } = await whileAsking()
    expect(value).toEqual(['DENIED_REVOKED at authorize'])
    expect(done).toEqual(['release'])
    expect(approvals).not.toContain('used')
  })

  /** A call that takes the one place there is, and others that wait for it when their handle is revoked. */
  const whileWaiting = async () => {
    const { tools, done, release } = openTools()
    await using gate = await openGate({ tools, onEvent: ({ kind }) => void (kind === 'log' && release()) })
    const body = `const weak = tools.only({})
      const promises = [weak.hold({ text: 'begun' }), weak.pay({ text: 'late' }), weak.echo({ text: 'late' }), tools.echo({ text: 'own' })]
      weak.revoke(); console.log('release'); return told(...promises)`
    const policy = { ...POLICY, limits: { ...POLICY.limits, max_concurrent_calls: 1 } }
    const { value } = await run(gate, body, { policy })
    return { value, done }
  }

  it('reaches calls that wait for a place, and leaves alone what has begun', async () => {
    const revoked = 'DENIED_REVOKED at perform'
    expect(await whileWaiting()).toEqual({
      value: ['begun', revoked, revoked, 'own'],
      done: ['hold begun', 'echo own'],
    })
  })

  describe('negative control: a host that forgets revocations', () => {
    it('pays all the same', async () => {
      vi.spyOn(RunHandles.prototype, 'revoke').mockImplementation(() => undefined)
      expect(await whileAsking()).toMatchObject({ value: ['all'], done: ['release', 'pay all'] })
      expect(await whileWaiting()).toMatchObject({ value: ['begun', 'late', 'late', 'own'] })
    })
  })
})

describe('how many handles there may be', () => {
  it('is bounded, and so is how deep they go', async () => {
    const body = `
      let deep = kv, depth = 0, made = 0
      const deepest = thrown(() => { for (;;) { deep = deep.only({}); depth += 1 } })
      made = depth
      const last = thrown(() => { for (;;) { kv.only({}); made += 1 } })
      return [deepest, depth, last, made, ...await told(deep.get('a'), kv.get('a'))]`
    expect(await valueOf(body)).toEqual([
      'LIMIT_HANDLES',
      HANDLE_DEPTH_MAX,
      'LIMIT_HANDLES',
      HANDLES_MAX,
      'ok',
      'ok',
    ])
  })
})

describe('negative control: a grant whose caveats restrict nothing', () => {
  it('lets a weaker handle do what it should not', async () => {
    const careless = withGrant('kv', (grant) => ({
      ...grant,
      attenuation: { caveats: { prefix: z.unknown() }, attenuate: () => (judgement) => judgement },
    }))
    await using gate = await openGateOf({}, careless)
    const policy = { permissions: { kv: {} } }
    const result = await run(gate, `return told(kv.only({ prefix: 'a/' }).put('b/x', 1))`, { policy })
    expect(result.value).toEqual(['ok'])
  })
})
