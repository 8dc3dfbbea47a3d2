import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileGlob } from '../../../src/capabilities/tools/glob.ts'

const matches = (pattern: string, text: string): boolean => compileGlob(pattern)(text)

describe('a pattern of an argument', () => {
  test('without a star is one text', () => {
    expect(matches('a@company.com', 'a@company.com')).toBe(true)
    expect(matches('a@company.com', 'A@company.com')).toBe(false)
    expect(matches('a, b', 'a, b')).toBe(true)
    expect(matches('a.c', 'abc')).toBe(false)
  })

  test('with stars takes any run between its parts', () => {
    const mails = ['@company.com', 'a@company.com', 'a.b+c@company.com']
    expect(mails.filter((text) => !matches('*@company.com', text))).toEqual([])
    expect(matches('order-*-eu-*', 'order-7-eu-2')).toBe(true)
    expect(matches('order-*-eu-*', 'order-7-us-2')).toBe(false)
    expect(matches('*', '')).toBe(true)
    expect(matches('aa*aa', 'aaa')).toBe(false)
    expect(matches('*ab*ab', 'ab')).toBe(false)
  })

  test.for([
    'a@evil.example,b@company.com',
    'a@evil.example;b@company.com',
    'a@evil.example b@company.com',
    'a@evil.example\nb@company.com',
    'a@evil.example\tb@company.com',
    'a@evil.example\u0000b@company.com',
    'a@evil.example\u2028b@company.com',
    'a@evil.example\u00a0b@company.com',
    '<a@evil.example>b@company.com',
    'a@company.com.evil.example',
    'a@company.com\n',
    ' a@company.com',
  ])('*@company.com is one address, not a list that ends in one: %j', (text) => {
    expect(matches('*@company.com', text)).toBe(false)
  })

  test('that writes a blank out does not thereby let its stars take one', () => {
    expect(matches('Re: *', 'Re: order')).toBe(true)
    expect(matches('Re: *', 'Re: order\r\nBcc: a@evil.example')).toBe(false)
    expect(matches('Re: *', 'Re: two words')).toBe(false)
    expect(matches('*, *', 'a, b')).toBe(true)
    expect(matches('*, *', 'a, b, c')).toBe(false)
  })

  test('agrees with a slow matcher that tries every place', () => {
    const slow = (pattern: string, text: string): boolean => {
      if (pattern === '') return text === ''
      if (pattern[0] !== '*') return text[0] === pattern[0] && slow(pattern.slice(1), text.slice(1))
      for (let taken = 0; taken <= text.length; taken += 1) {
        if (!/[\s,;<>]/.test(text.slice(0, taken)) && slow(pattern.slice(1), text.slice(taken))) return true
      }
      return false
    }
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', ' ', ','), maxLength: 8 })
    const patterns = fc.string({
      unit: fc.constantFrom('a', 'b', ' ', ',', '*', '*'),
      minLength: 1,
      maxLength: 6,
    })
    fc.assert(
      fc.property(patterns, letters, (pattern, text) => matches(pattern, text) === slow(pattern, text)),
      {
        numRuns: 20_000,
      },
    )
  })

  test('takes little time, whatever the text', () => {
    const pattern = '*a'.repeat(250)
    const started = performance.now()
    expect(matches(pattern, 'a'.repeat(200_000) + 'b')).toBe(false)
    expect(matches('*a*b*c*d*e*f*', 'abcde'.repeat(40_000))).toBe(false)
    expect(performance.now() - started).toBeLessThan(5000)
  })
})
