import { describe, expect, it } from 'vitest'
import type { RunOptions } from '../../../src/index.ts'
import { openGateOf, withGrant, type Replace } from '../../run/gates.ts'

const POLICY: RunOptions['policy'] = {
  permissions: { code_exec: { max_children: 32, max_depth: 2 }, kv: {} },
  limits: { max_tool_calls: 500, max_memory_mb: 256 },
}
/** A child that is given each of the lists in turn, through a chain of handles; what it holds, or why it was refused. */
const TRY = `const weak = input.caveats.reduce((handle, caveats) => handle.only(caveats), exec)
  const told = []
  for (const grants of input.grants)
    told.push(await weak.run({ code: 'return Object.keys(capabilities).join()', grants, limits: { max_memory_mb: 16 } })
      .then(({ value }) => value, ({ code, gate }) => code + ' at ' + gate))
  return told`

const ask = async (
  caveats: readonly object[],
  grants: readonly string[][],
  replace?: Replace,
): Promise<unknown> => {
  await using gate = await openGateOf({}, replace)
  const { value, error } = await gate.run({ code: TRY, input: { caveats, grants }, policy: POLICY })
  return value ?? error
}

const DENIED = 'DENIED_CAVEAT at authorize'
const BEYOND = [['kv'], ['kv.get', 'kv.put'], ['exec'], ['code_exec'], ['kv.getter'], ['kv.get.x']]

describe('exec.only()', () => {
  it('leaves children that are given no more than is named', async () => {
    expect(await ask([{ grants: 'kv' }], [[], ['kv'], ['kv.get'], ['kv', 'exec']])).toEqual([
      '',
      'kv',
      'kv',
      DENIED,
    ])
    expect(
      await ask([{ grants: ['kv', 'exec'] }, { grants: ['exec', 'kv.get'] }], [['kv.get'], ['kv']]),
    ).toEqual(['kv', DENIED])
    expect(await ask([{ grants: [] }], [[], ['kv']])).toEqual(['', DENIED])
  })

  it('refuses every way to more', async () => {
    const told = await ask([{ grants: ['kv.get'] }], BEYOND)
    expect(told).toEqual([DENIED, DENIED, DENIED, DENIED, DENIED, 'DENIED_NOT_GRANTED at perform'])
  })

  it('control: with caveats that restrict nothing the same children hold more', async () => {
    const careless = withGrant('code_exec', (grant) => ({
      ...grant,
      attenuation: { caveats: grant.attenuation?.caveats ?? {}, attenuate: () => (judgement) => judgement },
    }))
    const told = (await ask([{ grants: ['kv.get'] }], BEYOND, careless)) as string[]
    expect(told.slice(0, 4)).toEqual(['kv', 'kv', 'exec', 'exec'])
  })

  it('starts so many', async () => {
    expect(await ask([{ calls: 1 }], [[], []])).toEqual(['', 'LIMIT_OP_CALLS at reserve'])
  })

  it.each([[{ mode: 'read' }], [{ grants: 1 }], [{ grants: ['kv..get'] }], [{ limits: {} }]])(
    'takes what it cannot keep for nothing at all: %o',
    async (caveats) => {
      expect(await ask([caveats], [[]])).toEqual(['GUEST_ARGUMENTS at authorize'])
    },
  )
})
