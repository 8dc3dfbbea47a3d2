import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import type { RunOptions } from '../../src/index.ts'
import { openGateOf } from './gates.ts'

/** The parser overflows its stack, and cannot be used any more. */
const NESTED = `return ${'('.repeat(100_000)}1${')'.repeat(100_000)}`
/** The parser goes back and forth for longer than anybody lives. */
const AMBIGUOUS = `return ${'a?(b):c=>'.repeat(60)}1`
const POLICY: RunOptions['policy'] = { permissions: { code_exec: {} }, limits: { max_duration_seconds: 60 } }

describe('a text that is written against the parser of the host', () => {
  it.each([
    ['a child', 'return exec.run({ code: input }).catch(({ message }) => message)', NESTED],
    ['a child', 'return exec.run({ code: input }).catch(({ message }) => message)', AMBIGUOUS],
  ])('of %s is refused, and everybody else goes on', async (_, code, input) => {
    await using gate = await openGateOf({})
    let turns = 0
    const turning = setInterval(() => (turns += 1), 10)
    const hostile = gate.run({ code, input, policy: POLICY, principal: 'mallory' })
    const beside = await gate.run({ code: `return (1 as number) // ${input.length}`, policy: POLICY })
    const { value } = await hostile
    clearInterval(turning)
    expect(value).toContain('GUEST_SYNTAX: The tool does not parse: ')
    const next = await gate.run({ code: `return (2 as number) // ${input.length}`, policy: POLICY })
    expect([beside.value, next.value]).toEqual([1, 2])
    expect(turns).toBeGreaterThan(3)
  })

  it('of a tool itself is refused in the same way', async () => {
    await using gate = await openGateOf({})
    const { error } = await gate.run({ code: `/* tool */ ${NESTED}`, policy: POLICY })
    expect(error).toMatchObject({
      code: 'GUEST_SYNTAX',
      message: expect.stringContaining('deeply') as string,
    })
  })

  it('control: a parser that is used again after it is broken for good', () => {
    const program = `
      const { stripTypeScriptTypes: strip } = require('node:module')
      const told = []
      for (const text of [process.argv[1], 'let a: number'])
        try { told.push(strip(text)) } catch (error) { told.push('refused') }
      console.log(told.join())`
    const { stdout } = spawnSync(process.execPath, ['--no-warnings', '-e', program, NESTED.slice(0, 60_000)])
    expect(String(stdout)).toBe('refused,refused\n')
  })
})
