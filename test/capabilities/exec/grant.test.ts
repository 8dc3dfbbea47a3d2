import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../../../src/policy/compile.ts'
import { policyProblems } from '../../../src/policy/problem.ts'
import { createRegistry } from '../../../src/capabilities/registry.ts'
import { sha256 } from '../../../src/digest/sha256.ts'
import type { CompiledPolicy } from '../../../src/policy/compiled.ts'

const compile = (code_exec: unknown, rest: object = {}): CompiledPolicy =>
  compilePolicy({ permissions: { code_exec }, ...rest }, { capabilities: createRegistry({}), sha256 })

const grantOf = (code_exec: unknown) => {
  const grant = compile(code_exec).grants.get('code_exec')
  if (grant === undefined) throw new Error('nothing was granted')
  return grant
}
const opsOf = (code_exec: unknown): string[] => grantOf(code_exec).ops.map(({ name }) => name)
const judge = (args: object, op = 'exec.run') =>
  grantOf({ quarantine: true }).judge(op, { code: 'return 1', grants: [], ...args })

describe('permissions.code_exec', () => {
  it.each([false, null])('grants nothing as %j', (code_exec) => {
    const policy = compile(code_exec)
    expect(policy.grants.size).toBe(0)
    expect(policy.digest).toBe(compile(null).digest)
  })

  it('grants children and no quarantine where it says nothing of it', () => {
    expect(opsOf({})).toEqual(['exec.run'])
    expect(opsOf({ quarantine: false })).toEqual(['exec.run'])
    expect(opsOf({ quarantine: true })).toEqual(['exec.run', 'exec.quarantine'])
    expect(grantOf({})).toMatchObject({ maxChildren: 4, maxDepth: 1 })
    expect(compile({}).digest).toBe(compile({ max_children: 4, max_depth: 1, quarantine: false }).digest)
  })

  it.each([
    [true, 'permissions.code_exec'],
    ['no', 'permissions.code_exec'],
    [[], 'permissions.code_exec'],
    [{ max_childs: 1 }, 'permissions.code_exec.max_childs'],
    [{ max_children: 0 }, 'permissions.code_exec.max_children'],
    [{ max_children: 65 }, 'permissions.code_exec.max_children'],
    [{ max_children: '4' }, 'permissions.code_exec.max_children'],
    [{ max_depth: 0 }, 'permissions.code_exec.max_depth'],
    [{ max_depth: 5 }, 'permissions.code_exec.max_depth'],
    [{ quarantine: 'yes' }, 'permissions.code_exec.quarantine'],
  ])('refuses %j', (code_exec, path) => {
    let thrown: unknown
    try {
      compile(code_exec)
    } catch (error) {
      thrown = error
    }
    expect(policyProblems(thrown)).toEqual([expect.objectContaining({ path, code: 'CONFIG_POLICY_INVALID' })])
  })
})

describe('a judgement', () => {
  it('names the code by its digest and what the child is to hold, in order', () => {
    const judgement = judge({ grants: ['kv.put', 'kv.get', 'kv.put'], input: { a: 1 } })
    expect(judgement.subject).toBe(`exec.run sha256 ${sha256('return 1')} holding kv.get, kv.put`)
    expect(judgement).toMatchObject({
      effect: 'read',
      rule: 'permissions.code_exec',
      request: {
        op: 'exec.run',
        code: 'return 1',
        input: { a: 1 },
        grants: ['kv.get', 'kv.put'],
        limits: {},
      },
    })
    expect(Object.isFrozen(judgement.request)).toBe(true)
  })

  it('draws one of the children of the run, and none of an op that is not granted', () => {
    expect(judge({}).quotas).toEqual([
      expect.objectContaining({ amount: 1, max: 4, scope: 'run', code: 'LIMIT_CHILDREN' }),
    ])
    expect(() => grantOf({}).judge('exec.quarantine', { code: '1' })).toThrow(
      expect.objectContaining({ code: 'DENIED_NOT_GRANTED' }) as Error,
    )
  })

  it.each(['code_exec', 'exec', 'exec.*', 'CODE_EXEC', 'exec.run', 'effect:read', 'exec.read'])(
    'asks a human where human_in_loop says %s',
    (entry) => {
      const policy = compile({}, { human_in_loop: [entry] })
      expect(policy.warnings).toEqual([])
      expect(policy.needsApproval(judge({}))).toMatchObject({ rule: 'human_in_loop[0]' })
    },
  )

  it('asks nobody otherwise: what the child does is asked for when it does it', () => {
    expect(compile({}).needsApproval(judge({}))).toBeUndefined()
    expect(compile({}, { human_in_loop: ['exec.quarantine'] }).needsApproval(judge({}))).toBeUndefined()
  })
})

describe('the arguments of exec.run', () => {
  const schema = grantOf({}).ops[0]?.arguments
  it.each([
    { code: '' },
    { code: 1 },
    {},
    { code: 'x'.repeat(256 * 1024 + 1) },
    { code: '1', grants: 'kv' },
    { code: '1', grants: ['kv\n'] },
    { code: '1', grants: [''] },
    { code: '1', grants: ['a..b'] },
    { code: '1', grants: Array.from({ length: 257 }, () => 'kv') },
    { code: '1', limits: { max_tool_calls: -1 } },
    { code: '1', limits: { max_tool_calls: 1.5 } },
    { code: '1', limits: { max_calls: 1 } },
    { code: '1', limits: { max_cpu_seconds: 0 } },
    { code: '1', limits: { max_memory_mb: 7 } },
    { code: '1', runId: 'run_1' },
    { code: '1', depth: 0 },
    { code: '1', principal: 'root' },
  ])('are refused when they are %j', (args) => {
    expect(schema?.safeParse(args).success).toBe(false)
  })

  it('are taken when they fit', () => {
    expect(
      schema?.safeParse({ code: '1', grants: ['db.shop.query', 'kv'], limits: { max_tool_calls: 0 } })
        .success,
    ).toBe(true)
  })
})
