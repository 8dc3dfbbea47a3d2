import fc from 'fast-check'
import { expect, it } from 'vitest'
import { assertJson, canonicalJson, frozenCopy } from '../../src/canonical/canonical-json.ts'

const isFrozen = (value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (Object.isFrozen(value) && Object.values(value).every(isFrozen))

it('a frozen copy is what the canonical text says, and frozen all the way down', () => {
  fc.assert(
    fc.property(fc.jsonValue({ depthSize: 'large' }), (value) => {
      assertJson(value)
      const copy = frozenCopy(value)
      expect(copy).toEqual(JSON.parse(canonicalJson(value)))
      // Also in the same order: whoever shows it shows what was digested.
      expect(JSON.stringify(copy)).toBe(JSON.stringify(JSON.parse(canonicalJson(value))))
      expect(isFrozen(copy)).toBe(true)
    }),
  )
})

it('keys are data, whatever they are called, and members without a value are left out', () => {
  const odd = JSON.parse('{"__proto__":{"a":1},"constructor":2,"z":-0}') as object
  const copy = frozenCopy({ ...odd, ['__proto__']: { a: 1 }, none: undefined }) as Record<string, unknown>
  expect(Object.keys(copy)).toEqual(['__proto__', 'constructor', 'z'])
  expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
  expect(Object.is(copy['z'], 0)).toBe(true)
})

it.each([
  ['a function', () => 1],
  ['NaN', Number.NaN],
  ['a date', new Date()],
  ['undefined in an array', [undefined]],
  ['a map inside', { inner: [new Map()] }],
  ['a bigint', 1n],
])('what is no JSON data is refused as the canonical text refuses it: %s', (_, value) => {
  expect(() => frozenCopy(value)).toThrow(/^not JSON data/)
  expect(() => canonicalJson(value)).toThrow(/^not JSON data/)
  expect(() => assertJson(value)).toThrow(/^not JSON data/)
})
