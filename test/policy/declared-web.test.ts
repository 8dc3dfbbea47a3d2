import ts from 'typescript'
import { expect, test } from 'vitest'
import { WEB_PARTS } from '../../runtime/abi/web-names.ts'
import { PERMITTED_GLOBALS } from '../../runtime/permits.ts'
import { createTollgate } from '../../src/index.ts'
import { declarePolicy } from '../../src/policy.ts'
import { programOf } from './checked-tools.ts'
import { compile } from './sample-policies.ts'

const POLICY = { permissions: { http: { allowed_domains: ['a.com'] } } }
const declaration = declarePolicy(compile(POLICY))
const program = programOf(declaration, "import type {} from './capabilities.d.ts'\nexport {}\n")
const checker = program.getTypeChecker()
const tool = program.getSourceFile('/tools/tool.ts')

/** Values that the declaration adds to those of the language. */
const declared = checker
  .getSymbolsInScope(tool as ts.Node, ts.SymbolFlags.Value)
  .filter(({ declarations = [] }) =>
    declarations.some((one) => one.getSourceFile().fileName.endsWith('capabilities.d.ts')),
  )

const membersOf = (type: ts.Type): string[] =>
  checker
    .getPropertiesOfType(type)
    .filter(({ name }) => name !== 'prototype')
    // A well-known symbol is named by the checker with a number behind it.
    .map(({ name }) => name.replace(/^__@(\w+)@\d+$/, '@$1'))

/** Members of each: of the value itself, and of what its constructor makes. */
const shape = declared.map((symbol) => {
  const type = checker.getTypeOfSymbol(symbol)
  const [construct] = type.getConstructSignatures()
  const made = construct === undefined ? [] : membersOf(construct.getReturnType())
  return { name: symbol.name, own: type.getCallSignatures().length > 0 ? [] : membersOf(type), made }
})

test('the globals that are declared are those that the guest has beside the language', () => {
  const web = Object.values(WEB_PARTS).flat()
  const kernel = ['console', 'performance', 'queueMicrotask', 'setTimeout', 'setInterval', 'clearTimeout']
  expect(PERMITTED_GLOBALS).toEqual(expect.arrayContaining(kernel))
  expect(new Set(declared.map(({ name }) => name))).toEqual(new Set([...web, ...kernel, 'clearInterval']))
})

test('without http there is no fetch', () => {
  expect(declaration).toContain('function fetch(')
  expect(declarePolicy(compile({ permissions: { kv: {} } }))).not.toContain('function fetch(')
})

test('every member that is declared is there in the guest', async () => {
  await using gate = await createTollgate({ state: ':memory:', spareCages: 0 })
  // Fields of an instance that cannot be made without arguments, or that has them only with some.
  const fields = ['cause', 'lastModified', 'onabort']
  const code = `
    const key = (name) => (name.startsWith('@') ? Symbol[name.slice(1)] : name)
    const make = (value) => { try { return new value() } catch { return {} } }
    const missing = []
    for (const { name, own, made } of input.shape) {
      const value = globalThis[name]
      if (value === undefined) missing.push(name)
      else {
        for (const one of own) if (!(key(one) in value)) missing.push(name + '.' + one)
        const instance = made.length === 0 ? {} : make(value)
        for (const one of made)
          if (!(key(one) in value.prototype) && !(key(one) in instance) && !input.fields.includes(one))
            missing.push(name + '#' + one)
      }
    }
    // ${declared.map(({ name }) => name).join(' ')}
    return missing`
  const { value, error } = await gate.run({ code, input: { shape, fields }, policy: {} })
  expect(error).toBeUndefined()
  expect(value).toEqual([])
  expect(shape.flatMap(({ own, made }) => [...own, ...made]).length).toBeGreaterThan(150)
})
