import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Tollgate } from '../../../src/index.ts'
import { definePolicy, policyProblems } from '../../../src/policy.ts'
import { openSqliteStore } from '../../../src/stores/sqlite/sqlite-store.ts'
import { openFolder } from '../../harness/command-line.ts'
import { openGate } from '../../harness/gate.ts'

type Call = readonly [verb: string, ...args: readonly unknown[]]

const PROGRAM = `
  return Promise.all(input.map(async ([verb, ...args]) => {
    try {
      const value = await kv[verb](...args)
      return value === undefined ? 'undefined' : value
    } catch ({ code, gate }) { return code + ' at ' + gate }
  }))`

const policyOf = (kv: object, rest: object = {}): object => ({
  permissions: { kv },
  limits: { max_tool_calls: 500, max_concurrent_calls: 64, max_output_kb: 4096 },
  ...rest,
})

/** Runs the calls at once, in the order in which they are given. */
const ask = async (gate: Tollgate, calls: readonly Call[], kv: object = {}, options: object = {}) => {
  const result = await gate.run({ code: PROGRAM, policy: policyOf(kv), input: calls, ...options })
  if (result.status !== 'done') throw new Error(`the guest did not finish: ${JSON.stringify(result.error)}`)
  return result.value as unknown[]
}

/** One after the other. */
const askInTurn = async (gate: Tollgate, calls: readonly Call[], kv: object = {}, options: object = {}) => {
  const told: unknown[] = []
  for (const call of calls) told.push(...(await ask(gate, [call], kv, options)))
  return told
}

describe('kv keeps values', () => {
  it('from run to run, and tells null from nothing', async () => {
    await using gate = await openGate()
    const told = await askInTurn(gate, [
      ['get', 'a'],
      ['put', 'a', { n: [1, 'ü', null] }],
      ['get', 'a'],
      ['put', 'a', null],
      ['get', 'a'],
      ['delete', 'a'],
      ['delete', 'a'],
      ['get', 'a'],
    ])
    expect(told).toEqual([
      'undefined',
      'undefined',
      { n: [1, 'ü', null] },
      'undefined',
      null,
      true,
      false,
      'undefined',
    ])
  })

  it('when the host is closed and opened again', async () => {
    using folder = openFolder()
    {
      await using gate = await openGate({ state: folder.path })
      await ask(gate, [['put', 'a', 1]])
    }
    await using gate = await openGate({ state: folder.path })
    expect(await ask(gate, [['get', 'a']])).toEqual([1])
  })

  it('and lists keys by prefix, page by page, taking % and _ for what they are', async () => {
    await using gate = await openGate()
    const keys = ['a_1', 'a%2', 'ab', 'b', 'é', 'z']
    await askInTurn(
      gate,
      keys.map((key): Call => ['put', key, 0]),
    )
    const told = await ask(gate, [
      ['list'],
      ['list', 'a'],
      ['list', 'a_'],
      ['list', 'a%'],
      ['list', '', { limit: 2 }],
      ['list', '', { limit: 2, after: 'a_1' }],
      ['list', 'a', { after: 'ab' }],
    ])
    expect(told).toEqual([
      ['a%2', 'a_1', 'ab', 'b', 'z', 'é'],
      ['a%2', 'a_1', 'ab'],
      ['a_1'],
      ['a%2'],
      ['a%2', 'a_1'],
      ['ab', 'b'],
      [],
    ])
  })
})

describe('kv is the principal’s alone', () => {
  it('another principal reads, lists and deletes none of it, and has a quota of its own', async () => {
    await using gate = await openGate()
    const kv = { max_keys: 1 }
    await ask(gate, [['put', 'mine', 'secret']], kv, { principal: 'ann' })
    const other = { principal: 'ann ' }
    const told = await askInTurn(
      gate,
      [
        ['get', 'mine'],
        ['list', ''],
        ['delete', 'mine'],
        ['put', 'mine', 'other'],
      ],
      kv,
      other,
    )
    expect(told).toEqual(['undefined', [], false, 'undefined'])
    // The control: ann herself still has hers.
    expect(await ask(gate, [['get', 'mine']], kv, { principal: 'ann' })).toEqual(['secret'])
  })

  it('the tool cannot name a principal', async () => {
    await using gate = await openGate()
    const code = `try { await kv.get({ key: 'a', principal: 'ann' }) } catch ({ code, gate }) { return [code, gate] }`
    const { value } = await gate.run({ code, policy: policyOf({}) })
    expect(value).toEqual(['GUEST_ARGUMENTS', 'decode'])
  })

  it('without the grant there is no kv', async () => {
    await using gate = await openGate()
    const { value } = await gate.run({ code: 'return typeof kv', policy: { permissions: { kv: null } } })
    expect(value).toBe('undefined')
  })
})

describe('kv with poison', () => {
  it('keeps keys that name properties like any other', async () => {
    await using gate = await openGate()
    const keys = ['__proto__', 'constructor', 'toString', "'; DROP TABLE kv; --", '../../x']
    const puts = keys.map((key): Call => ['put', key, key])
    await askInTurn(gate, puts)
    expect(
      await ask(
        gate,
        keys.map((key): Call => ['get', key]),
      ),
    ).toEqual(keys)
    expect(await ask(gate, [['get', 'valueOf']])).toEqual(['undefined'])
  })

  it('keeps a value with __proto__ as data', async () => {
    await using gate = await openGate()
    const code = `
      const value = JSON.parse('{"__proto__":{"polluted":true},"a":"\\\\ud800"}')
      await kv.put('a', value)
      const back = await kv.get('a')
      return [Object.hasOwn(back, '__proto__'), back.polluted === undefined, {}.polluted === undefined, back.a === '\\ud800']`
    const { value } = await gate.run({ code, policy: policyOf({}) })
    expect(value).toEqual([true, true, true, true])
  })

  it('refuses keys that are no text to show, too long or none, and values that are none', async () => {
    await using gate = await openGate()
    const code = `
      const keys = ['', 'a\\0b', '\\ud800', 'a\\n', '\\u202e', 'é'.repeat(129), 1, null, {}, ['a']]
      const told = []
      for (const key of keys)
        for (const verb of ['get', 'put', 'delete'])
          try { await kv[verb](key, 1); told.push(key) } catch ({ code, gate }) { told.push(code + ' at ' + gate) }
      try { await kv.put('a', undefined); told.push('a') } catch ({ code, gate }) { told.push(code + ' at ' + gate) }
      for (const limit of [0, 1001, 1.5, '1'])
        try { await kv.list('', { limit }); told.push(limit) } catch ({ code, gate }) { told.push(code + ' at ' + gate) }
      await kv.put('é'.repeat(128), 1)
      return [told.length, [...new Set(told)], (await kv.list('')).length]`
    const { value } = await gate.run({ code, policy: policyOf({}) })
    expect(value).toEqual([35, ['GUEST_ARGUMENTS at decode'], 1])
  })
})

describe('the quota of kv', () => {
  it('is never passed by fifty puts at once, of several runs', async () => {
    await using gate = await openGate()
    const kv = { max_total_kb: 1 }
    const value = 'x'.repeat(94)
    const runs = Array.from({ length: 5 }, (_, run) =>
      ask(
        gate,
        Array.from({ length: 10 }, (__, n): Call => ['put', `${run}-${n}0`, value]),
        kv,
      ),
    )
    const told = (await Promise.all(runs)).flat()
    // A key of 4 bytes and a value of 96: ten of them fit into 1024 bytes.
    expect(told.filter((one) => one === 'undefined')).toHaveLength(10)
    expect(told.filter((one) => one === 'LIMIT_KV at perform')).toHaveLength(40)
    expect(await ask(gate, [['list', '']], kv)).toEqual([expect.objectContaining({ length: 10 })])
  })

  it('counts keys, replaced values and deletions', async () => {
    await using gate = await openGate()
    const calls: Call[] = [
      ['put', 'a', 1],
      ['put', 'b', 1],
      ['put', 'c', 1],
      ['put', 'a', 'longer'],
      ['delete', 'b'],
      ['put', 'c', 1],
    ]
    const told = await askInTurn(gate, calls, { max_keys: 2 })
    expect(told).toEqual(['undefined', 'undefined', 'LIMIT_KV at perform', 'undefined', true, 'undefined'])
  })

  it('bounds one value, before anything is written', async () => {
    await using gate = await openGate()
    const told = await ask(gate, [['put', 'a', 'x'.repeat(1023)]], { max_value_kb: 1 })
    expect(told).toEqual(['LIMIT_KV at authorize'])
    expect(await ask(gate, [['put', 'a', 'x'.repeat(1022)]], { max_value_kb: 1 })).toEqual(['undefined'])
  })

  it('holds for any puts and deletions', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'é'), size: fc.nat(40), put: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const store = openSqliteStore(':memory:')
        const model = new Map<string, string>()
        const bytes = (): number =>
          [...model].reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0)
        for (const { key, size, put } of steps) {
          const before = model.get(key)
          if (!put) {
            const wasThere = model.delete(key)
            if (store.kv.delete('p', key) !== wasThere) throw new Error(`deleted ${key} otherwise`)
            continue
          }
          model.set(key, '1'.repeat(size + 1))
          const fits = bytes() <= 80 && model.size <= 3
          expect(store.kv.put('p', key, '1'.repeat(size + 1), { bytesMax: 80, keysMax: 3 }) === 'kept').toBe(
            fits,
          )
          if (!fits && before === undefined) model.delete(key)
          else if (!fits && before !== undefined) model.set(key, before)
        }
        for (const key of ['a', 'b', 'c', 'é']) expect(store.kv.get('p', key)).toBe(model.get(key))
        store.close()
      }),
    )
  })
})

describe('kv and humans', () => {
  it.each([
    ['kv.put', true, false],
    ['kv.write', true, true],
    ['KV.PUT Orders/*', true, false],
    ['kv.put other/*', false, false],
    ['kv.* orders/1', true, true],
    ['effect:write', true, true],
    ['kv.get', false, false],
  ])('%s asks for a put: %s, a deletion: %s', (entry, put, deletion) => {
    const policy = definePolicy({ permissions: { kv: {} }, human_in_loop: [entry] })
    const grant = policy.grants.get('kv')
    if (grant === undefined) throw new Error('kv is granted')
    const asks = (op: string, args: object): boolean =>
      policy.needsApproval(grant.judge(op, args)) !== undefined
    expect(policy.warnings).toEqual([])
    expect(asks('kv.put', { key: 'orders/1', value: 1 })).toBe(put)
    expect(asks('kv.delete', { key: 'orders/1' })).toBe(deletion)
  })

  it('a put that asks and that nobody approves keeps nothing', async () => {
    await using gate = await openGate()
    await using denying = await openGate({ approve: async () => ({ approved: false }) as never })
    const { value } = await denying.run({
      code: `try { await kv.put('a', 1) } catch ({ gate }) { return [gate, await kv.list('')] }`,
      policy: policyOf({ ask: 'always' }),
    })
    expect(value).toEqual(['approve', []])
    expect(await ask(gate, [['put', 'a', 1]], { ask: 'never' })).toEqual(['undefined'])
  })

  it('explains itself', () => {
    const sentences = definePolicy({ permissions: { kv: { max_total_kb: 8, ask: 'always' } } })
      .grants.get('kv')
      ?.explain()
    expect(sentences?.join(' ')).toContain('at most 8 KB under 1000 keys')
    expect(sentences?.join(' ')).toContain('A human approves each put')
  })
})

it.each([['max_total_kbs'], ['max_key'], ['max_value_mb'], ['asks']])(
  'the misspelt key %s is a problem',
  (key) => {
    const problems = (() => {
      try {
        definePolicy({ permissions: { kv: { [key]: 1 } } })
        return []
      } catch (error) {
        return policyProblems(error)
      }
    })()
    expect(problems.map(({ code }) => code)).toEqual(['CONFIG_POLICY_INVALID'])
  },
)
