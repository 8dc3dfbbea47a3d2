import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../../../src/index.ts'
import { openGate } from '../../harness/gate.ts'

const tool = (name: string, effect: 'read' | 'write' = 'read') =>
  defineTool({
    name,
    description: 'Says its name.',
    input: z.strictObject({}),
    output: z.string(),
    effect,
    perform: () => name,
  })

const ask = async (caveats: object): Promise<unknown> => {
  await using gate = await openGate({ tools: [tool('look'), tool('seek'), tool('pay', 'write')] })
  const policy = { permissions: { tools: { look: {}, seek: {}, pay: {} } } }
  const code = `const weak = tools.only(input)
    return Promise.all(['look', 'seek', 'pay'].map((name) => weak[name]({}).catch(({ code, gate }) => code + ' at ' + gate)))`
  return (await gate.run({ code, policy, input: caveats })).value
}

const DENIED = 'DENIED_CAVEAT at authorize'

describe('tools.only()', () => {
  it.each([
    [{ names: 'look' }, ['look', DENIED, DENIED]],
    [{ names: ['seek', 'pay'] }, [DENIED, 'seek', 'pay']],
    [{ names: [] }, [DENIED, DENIED, DENIED]],
    [{ names: ['seek', 'pay'], mode: 'read' }, [DENIED, 'seek', DENIED]],
    [{ names: ['Look', 'tools.look'] }, [DENIED, DENIED, DENIED]],
    [{}, ['look', 'seek', 'pay']],
  ])('leaves the tools that are named: %o', async (caveats, told) => {
    expect(await ask(caveats)).toEqual(told)
  })

  it.each(['only', 'revoke'])('no tool is named %s', (name) => {
    expect(() => tool(name)).toThrow('this name has another meaning in the tool')
  })
})
