import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunOptions } from '../../../src/index.ts'
import { openGateOf, type Replace } from '../../run/gates.ts'
import { descendants } from '../../run/processes.ts'
import {
  childrenAskFor,
  childrenHaveFullLimits,
  childrenHoldAll,
  childrenPayNothing,
  notingCages,
} from './weak-bounds.ts'

let looked = 0
const look = defineTool({
  name: 'look',
  description: 'Looks.',
  input: z.strictObject({}),
  output: z.number(),
  effect: 'read',
  costUsd: 0.001,
  perform: () => (looked += 1),
})
const secret = defineTool({
  name: 'secret',
  description: 'Tells.',
  input: z.strictObject({}),
  output: z.string(),
  effect: 'read',
  perform: () => 'told',
})
const TOOLS = { tools: [look, secret] }

const policyOf = (permissions: object = {}, limits: object = {}): RunOptions['policy'] => ({
  permissions: { code_exec: {}, tools: { look: {}, secret: {} }, kv: {}, ...permissions },
  limits: { max_tool_calls: 20, max_cost_usd: 1, ...limits },
})

const TRY = `export default async (order, { exec }) => {
  try {
    return (await exec.run(order)).value
  } catch ({ code, message }) {
    return code + ': ' + message
  }
}`
/** The parent as usual, its child as the test has it. */
const tryChild = async (
  order: object,
  options: { policy?: RunOptions['policy']; replace?: Replace } = {},
) => {
  await using gate = await openGateOf(TOOLS, options.replace)
  const result = await gate.run({ code: TRY, input: order, policy: options.policy ?? policyOf() })
  return { result, value: result.value, runs: await gate.runs.list({}) }
}

describe('a child that asks for what it was not handed', () => {
  const PROBE = `const held = Object.keys(capabilities)
    const found = []
    for (const attempt of [() => capabilities.tools.secret({}), () => tools.secret({}), () => kv.get('a'), () => exec.run({ code: '1' })])
      try { await attempt(); found.push('done') } catch ({ name }) { found.push(name) }
    return { held, found }`

  it('finds it nowhere', async () => {
    const { value } = await tryChild({ code: PROBE, grants: ['tools.look'] })
    expect(value).toEqual({ held: ['tools'], found: Array.from({ length: 4 }, () => 'TypeError') })
    const none = await tryChild({ code: 'return Object.keys(capabilities)' })
    expect(none.value).toEqual([])
  })

  it('control: children that hold all that their parent holds reach it', async () => {
    const { value } = await tryChild(
      { code: PROBE, grants: ['tools.look'] },
      { replace: childrenHoldAll, policy: policyOf({ code_exec: { max_depth: 2 } }) },
    )
    expect(value).toMatchObject({
      // The last is asked for, and refused only because it is so deep.
      found: ['done', 'done', 'done', 'CallError'],
    })
  })

  it.each([
    'http',
    'db',
    'filesystem',
    'fs.read',
    'tools.other',
    'tools.loo',
    'exec.quarantine',
    '__proto__',
  ])('does not begin when its parent tries to hand it %s, which it does not hold itself', async (name) => {
    const { value, runs } = await tryChild({ code: 'return 1', grants: ['kv', name] })
    expect(value).toMatch(/^DENIED_NOT_GRANTED: /)
    expect(runs).toHaveLength(1)
  })

  it.each(['runId', 'parent', 'principal', 'task', 'depth', 'seq', 'policy'])(
    'cannot be given another %s by its parent',
    async (key) => {
      const { value } = await tryChild({ code: 'return 1', [key]: 'other' })
      expect(value).toMatch(/^GUEST_ARGUMENTS: /)
    },
  )
})

describe('a child that spends', () => {
  const LOOK_ON = `let done = 0
    for (let n = 0; n < 50; n += 1) try { await tools.look({}); done += 1 } catch {}
    return done`
  const order = { code: LOOK_ON, grants: ['tools.look'] }

  it('more calls than it was given is ended, and its parent goes on', async () => {
    looked = 0
    const { value, result } = await tryChild({ ...order, limits: { max_tool_calls: 3 } })
    expect(value).toMatch(/LIMIT_TOOL_CALLS/)
    expect([looked, result.usage.calls]).toEqual([3, 4])
  })

  it('control: with the limits of its parent it makes more', async () => {
    looked = 0
    await tryChild({ ...order, limits: { max_tool_calls: 3 } }, { replace: childrenHaveFullLimits })
    expect(looked).toBe(19)
  })

  it.each([
    ['calls', { max_tool_calls: 1000 }, { max_tool_calls: 10 }, 'LIMIT_TOOL_CALLS', 9],
    [
      'money',
      { max_cost_usd: 1000, max_tool_calls: 1000 },
      { max_cost_usd: 0.005, max_tool_calls: 100 },
      'LIMIT_COST',
      5,
    ],
  ] as const)('cannot ask for more %s than its parent has left', async (_, asked, limits, code, most) => {
    looked = 0
    const { value } = await tryChild({ ...order, limits: asked }, { policy: policyOf({}, limits) })
    expect(value).toMatch(code)
    expect(looked).toBe(most)
  })

  const SIBLINGS = `export default async (order, { exec }) => {
    const ends = await Promise.all([1, 2, 3, 4].map(() => exec.run(order).then(() => 'done', ({ message }) => message)))
    return ends
  }`
  const spendTogether = async (replace?: Replace) => {
    looked = 0
    await using gate = await openGateOf(TOOLS, replace)
    const { usage } = await gate.run({
      code: SIBLINGS,
      input: { ...order, limits: { max_tool_calls: 1000, max_cost_usd: 1000 } },
      policy: policyOf({}, { max_tool_calls: 12, max_cost_usd: 0.005 }),
    })
    return usage
  }

  it('beside others spends no more with them than the parent alone could', async () => {
    const usage = await spendTogether()
    expect(looked).toBe(5)
    expect(usage.calls).toBeLessThanOrEqual(12)
    expect(usage.costUsd).toBeLessThanOrEqual(0.005)
  })

  it('control: on ledgers of their own, each spends as much', async () => {
    await spendTogether(childrenPayNothing)
    expect(looked).toBeGreaterThan(5)
  })

  it('draws on the quotas of a grant that are its parent’s', async () => {
    looked = 0
    const { value } = await tryChild(
      { code: LOOK_ON, grants: ['tools.look'], limits: { max_tool_calls: 10 } },
      { policy: policyOf({ tools: { look: { max_calls: 2 } } }) },
    )
    expect([looked, value]).toEqual([2, expect.stringContaining('LIMIT_TOOL_CALLS')])
  })
})

describe('a handle that a child makes', () => {
  // Both are made by the first call of their run.
  const ONCE = `const one = tools.only({ calls: 1 })
    return Promise.all([1, 2].map(() => one.look({}).then(() => 'done', ({ code }) => code)))`

  it('has calls of its own, beside those of its siblings and of its parent', async () => {
    await using gate = await openGateOf(TOOLS)
    const { value } = await gate.run({
      code: `const own = tools.only({ calls: 1 })
        const order = { code: input, grants: ['tools.look'], limits: { max_tool_calls: 4 } }
        const told = [(await exec.run(order)).value, (await exec.run(order)).value]
        return [...told, await own.look({}).then(() => 'done', ({ code }) => code)]`,
      input: ONCE,
      policy: policyOf(),
    })
    const once = ['done', 'LIMIT_OP_CALLS']
    expect(value).toEqual([once, once, 'done'])
  })
})

describe('a child that does not end', () => {
  it.each([
    ['loops', 'for (;;);', { max_duration_seconds: 0.3 }, 'LIMIT_DURATION'],
    ['computes', 'for (;;);', { max_cpu_seconds: 0.2 }, 'LIMIT_CPU'],
    ['waits', 'await new Promise(() => undefined)', { max_duration_seconds: 0.3 }, 'LIMIT_DURATION'],
    [
      'has promises that loop',
      'const on = () => void Promise.resolve().then(on); on(); await new Promise(() => undefined)',
      { max_duration_seconds: 0.3 },
      'LIMIT_DURATION',
    ],
  ])('but %s is ended, and its parent goes on', async (_, code, limits, expected) => {
    const { value, result } = await tryChild(
      { code, limits },
      { policy: policyOf({}, { max_duration_seconds: 60, max_cpu_seconds: 30 }) },
    )
    expect(value).toMatch(expected)
    expect(result.status).toBe('done')
  })

  it('is ended early enough for its parent to go on where it was given no limit at all', async () => {
    const { value, result } = await tryChild(
      { code: 'for (;;);' },
      { policy: policyOf({}, { max_duration_seconds: 60, max_cpu_seconds: 1 }) },
    )
    expect([value, result.status]).toEqual([expect.stringContaining('LIMIT_CPU'), 'done'])
    // What it used is charged to its parent.
    expect(result.usage.cpuMs).toBeGreaterThan(400)
  })

  it('uses up the CPU time of its parent, which ends both', async () => {
    const { result } = await tryChild(
      { code: 'for (;;);', limits: { max_cpu_seconds: 1000, max_duration_seconds: 1000 } },
      { policy: policyOf({}, { max_duration_seconds: 60, max_cpu_seconds: 0.5 }) },
    )
    expect(['LIMIT_CPU', undefined]).toContain(result.error?.code)
    expect(result.usage.cpuMs).toBeLessThan(2_000)
  })
})

describe('a child that takes memory', () => {
  const BOMB = 'const all = []; for (;;) all.push(new Array(100_000).fill(1.5))'
  const BUFFERS = 'const all = []; for (;;) all.push(new ArrayBuffer(1 << 20))'

  it.each([BOMB, BUFFERS])('is ended alone: %s', async (code) => {
    const { value, result } = await tryChild(
      { code, limits: { max_memory_mb: 16 } },
      { policy: policyOf({}, { max_duration_seconds: 60 }) },
    )
    expect([value, result.status]).toEqual([expect.stringMatching(/LIMIT_MEMORY|RangeError/), 'done'])
  })

  it('is given no more than its parent may have, and with others no more than that', async () => {
    await using gate = await openGateOf(TOOLS)
    const { value } = await gate.run({
      code: `const wait = { code: 'await new Promise((r) => setTimeout(r, 300)); return 1', limits: { max_memory_mb: 64 } }
        return Promise.all([0, 1].map(() => exec.run(wait).then(() => 'done', ({ code }) => code)))`,
      policy: policyOf({}, { max_memory_mb: 64 }),
    })
    expect(value).toEqual(['done', 'LIMIT_CHILDREN'])
  })
})

describe('a child that starts children', () => {
  const FORK = `const code = input.code
    try { return 1 + (await exec.run({ code, input, grants: ['exec'] })).value } catch ({ code: why }) { return why === 'GUEST_CHILD_FAILED' ? 'failed' : 1 }`
  const fork = async (code_exec: object) => {
    await using gate = await openGateOf(TOOLS)
    const { value } = await gate.run({
      code: FORK,
      input: { code: FORK },
      policy: policyOf({ code_exec }, { max_duration_seconds: 60 }),
    })
    return { value, runs: (await gate.runs.list({})).length }
  }

  it('is not handed exec where none may', async () => {
    const { value } = await tryChild({ code: 'return 1', grants: ['exec'] })
    expect(value).toMatch(/^DENIED_NOT_GRANTED: A child of this depth/)
    expect(await fork({ max_children: 8 })).toEqual({ value: 1, runs: 1 })
  })

  it('goes no deeper than it may, and is refused rather than left waiting', async () => {
    // The child at the last depth is handed nothing, so the run that would begin it is the last.
    expect(await fork({ max_children: 8, max_depth: 3 })).toEqual({ value: 3, runs: 3 })
  })

  it('draws on the children of the whole run', async () => {
    const { runs } = await fork({ max_children: 2, max_depth: 4 })
    expect(runs).toBe(3)
    await using gate = await openGateOf(TOOLS)
    const bomb = `const ends = []
      for (let n = 0; n < 5; n += 1) ends.push(await exec.run({ code: 'return 1' }).then(() => 'done', ({ code }) => code))
      return ends`
    const { value } = await gate.run({
      code: `const inside = (await exec.run({ code: input, grants: ['exec'], limits: { max_tool_calls: 10 } })).value
        return [inside, await exec.run({ code: 'return 1' }).catch(({ code }) => code)]`,
      input: bomb,
      policy: policyOf({ code_exec: { max_children: 3, max_depth: 2 } }),
    })
    expect(value).toEqual([
      ['done', 'done', 'LIMIT_CHILDREN', 'LIMIT_CHILDREN', 'LIMIT_CHILDREN'],
      'LIMIT_CHILDREN',
    ])
  })
})

describe('the cage of a child', () => {
  const order = { code: 'return 1', grants: ['tools', 'kv'] }

  it('is its own, and of no other child', async () => {
    const pids: number[] = []
    await using gate = await openGateOf(TOOLS, notingCages(pids))
    const code = 'for (let n = 0; n < 3; n += 1) await exec.run(input)'
    expect((await gate.run({ code, input: order, policy: policyOf() })).status).toBe('done')
    expect(new Set(pids).size).toBe(4)
    // Nobody serves a second run in the cage of a child.
    await gate.run({ code, input: order, policy: policyOf() })
    expect(new Set(pids).size).toBe(7)
  })

  it('control: asked for without care, children share one', async () => {
    const pids: number[] = []
    const careless = childrenAskFor(() => ({ isExclusive: false, policyDigest: 'one' }))
    await using gate = await openGateOf(TOOLS, (parts) => careless(notingCages(pids)(parts)))
    await gate.run({
      code: 'for (let n = 0; n < 3; n += 1) await exec.run(input)',
      input: order,
      policy: policyOf(),
    })
    expect(new Set(pids).size).toBe(2)
  })

  it('is had at once, though its parent has the only place', async () => {
    await using gate = await openGateOf({ ...TOOLS, concurrentRunsMax: 1, memoryMbMax: 128 })
    const parents = [1, 2, 3].map(() => gate.run({ code: TRY, input: order, policy: policyOf() }))
    expect((await Promise.all(parents)).map(({ value }) => value)).toEqual([1, 1, 1])
  })

  it('control: where children wait for a place like others, the parent that has it waits for ever', async () => {
    const waiting = childrenAskFor(() => ({ isAdmitted: false }))
    await using gate = await openGateOf({ ...TOOLS, concurrentRunsMax: 1 }, waiting)
    const { error } = await gate.run({
      code: TRY,
      input: order,
      policy: policyOf({}, { max_duration_seconds: 1 }),
    })
    expect(error).toMatchObject({ code: 'LIMIT_DURATION' })
  })

  it('has its memory reserved with that of its parent', async () => {
    await using gate = await openGateOf({ ...TOOLS, memoryMbMax: 127 })
    const result = await gate.run({ code: TRY, input: order, policy: policyOf({}, { max_memory_mb: 64 }) })
    expect(result.error).toMatchObject({ code: 'LIMIT_QUEUE' })
  })

  it('is gone when the run is over', async () => {
    await using gate = await openGateOf(TOOLS)
    const before = new Set(descendants())
    await gate.run({
      code: `exec.run({ code: 'for (;;);' }).catch(() => undefined); await tools.look({})
        await new Promise((resolve) => setTimeout(resolve, 300)); return 1`,
      policy: policyOf({}, { max_duration_seconds: 60 }),
    })
    // The cage of the parent may serve the next run; the child's is killed, and SIGKILL takes a moment.
    await expect
      .poll(() => cagesAmong(descendants().filter((pid) => !before.has(pid))))
      .toBeLessThanOrEqual(1)
  })
})

/** Processes of Node among these; a cage has launchers before it. */
const cagesAmong = (pids: readonly number[]): number =>
  pids.filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('node')
    } catch {
      return false
    }
  }).length
