import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineTool, type HostTool } from '../../../src/capabilities/host-tool.ts'
import { createToolsCapability } from '../../../src/capabilities/tools/tools.ts'

const good = {
  name: 'send_email',
  description: 'Sends a message.',
  input: z.strictObject({ to: z.string() }),
  output: z.null(),
  perform: () => null,
}

/** As JavaScript would call it, whose arguments no compiler saw. */
const define = defineTool as unknown as (definition: unknown) => HostTool
const misuse = (code = 'CONFIG_USAGE') => expect.objectContaining({ code }) as Error

describe('defineTool', () => {
  test('takes a tool that declares nothing for irreversible, free and of no category', () => {
    expect(defineTool(good)).toMatchObject({ effect: 'irreversible', categories: [], costMicroUsd: 0 })
  })

  test('gives a frozen tool that does not change with its definition', () => {
    const category: ('message' | 'payment')[] = ['message']
    const tool = defineTool({ ...good, category, costUsd: 0.0000001 })
    category.push('payment')
    expect(tool.categories).toEqual(['message'])
    expect(tool.costMicroUsd).toBe(1)
    expect([tool, tool.categories].every(Object.isFrozen)).toBe(true)
  })

  test.for<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a function', () => good],
    ['no name', { ...good, name: undefined }],
    ['an empty name', { ...good, name: '' }],
    ['a name with a dot', { ...good, name: 'mail.send' }],
    ['a name that starts with a digit', { ...good, name: '1st' }],
    ['a name of 65 characters', { ...good, name: 'x'.repeat(65) }],
    ['__proto__ as a name', { ...good, name: '__proto__' }],
    ['constructor as a name', { ...good, name: 'constructor' }],
    ['then as a name, which would make tools a promise', { ...good, name: 'then' }],
    ['no description', { ...good, description: '' }],
    ['an input that is no schema', { ...good, input: { to: 'string' } }],
    ['no output', { ...good, output: undefined }],
    ['an unknown effect', { ...good, effect: 'none' }],
    ['an unknown category', { ...good, category: 'money' }],
    ['an unknown category in a list', { ...good, category: ['message', 'money'] }],
    ['null as category', { ...good, category: null }],
    ['a negative price', { ...good, costUsd: -1 }],
    ['a price that is no number', { ...good, costUsd: Number.NaN }],
    ['a price without end', { ...good, costUsd: Infinity }],
    ['a price as text', { ...good, costUsd: '1' }],
    ['no perform', { ...good, perform: undefined }],
    ['a misspelt category', { ...good, categories: ['message'] }],
    ['a misspelt effect', { ...good, effects: 'read' }],
    ['a misspelt price', { ...good, costUSD: 1 }],
  ])('refuses %s', ([, definition]) => {
    expect(() => define(definition)).toThrow(misuse())
  })
})

describe('the tools of a host', () => {
  test('have one name each', () => {
    const tool = defineTool(good)
    expect(() => createToolsCapability({ tools: [tool, defineTool(good)] })).toThrow(misuse())
  })

  test.for<[string, object]>([
    ['an effect that is none', { effect: 'harmless' }],
    ['a category that is none', { categories: ['harmless'] }],
    ['a negative price', { costMicroUsd: -5 }],
    ['a price that is none', { costMicroUsd: Number.NaN }],
  ])('are checked again, for they may be made by hand: %s', ([, wrong]) => {
    expect(() => createToolsCapability({ tools: [{ ...defineTool(good), ...wrong }] })).toThrow(misuse())
  })
})
