import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clip, cut, printable, printableJson, printableLines } from '../../../src/surfaces/cli/printable.ts'

const HIDDEN_AFTER = /[\p{C}\p{Zl}\p{Zp}]/u

describe('text of others on a terminal', () => {
  test.each([
    ['ANSI colours', '\u001b[31mred\u001b[0m', '\\u{1b}[31mred\\u{1b}[0m'],
    ['a cursor jump in C1 form', '\u009b2J', '\\u{9b}2J'],
    ['a carriage return that rewrites the line', 'deny\rallow', 'deny\\rallow'],
    ['line feeds', 'a\nb', 'a\\nb'],
    ['a bidi override', 'evil\u202egpj.exe', 'evil\\u{202e}gpj.exe'],
    ['bidi isolates', '\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['zero-width characters', 'a\u200bb\u200dc\ufeff', 'a\\u{200b}b\\u{200d}c\\u{feff}'],
    ['tags that nobody sees', 'a\u{e0041}', 'a\\u{e0041}'],
    ['line and paragraph separators', '\u2028\u2029', '\\u{2028}\\u{2029}'],
    ['a lone surrogate', 'x\ud800y', 'x\\u{d800}y'],
    ['letters that look blank', '\u3164\u2800', '\\u{3164}\\u{2800}'],
    ['spaces of other widths', 'a\u00a0b\u3000c', 'a\\u{a0}b\\u{3000}c'],
    ['NUL and DEL', '\0\u007f', '\\u{0}\\u{7f}'],
  ])('%s can be seen, not obeyed', (_, text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  test('ordinary text of any script stays as it is', () => {
    const text = 'Grüße, 你好, привет, e\u0301 – 👍'
    expect(printable(text)).toBe(text)
  })

  test('piled combining marks are told as escapes from the fourth on', () => {
    expect(printable(`e${'\u0301'.repeat(5)}`)).toBe(`e${'\u0301'.repeat(3)}\\u{301}\\u{301}`)
  })

  test('no text leaves anything hidden, whatever its code units', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const text = String.fromCharCode(...units)
        expect(HIDDEN_AFTER.test(printable(text))).toBe(false)
        expect(printableLines(text).some((line) => HIDDEN_AFTER.test(line))).toBe(false)
        expect(HIDDEN_AFTER.test(printableJson({ [text]: text }))).toBe(false)
      }),
    )
  })

  test('only line feeds divide text into lines', () => {
    expect(printableLines('a\r\nb\tc\n\u2028d')).toEqual(['a', 'b  c', '\\u{2028}d'])
  })
})

describe('bounded text', () => {
  test('a cut text tells its whole length and never ends in half a character', () => {
    expect(cut('abcdef', 6)).toBe('abcdef')
    expect(cut('abcdef', 3)).toBe('abc… [cut, 6 characters in all]')
    expect(cut('ab👍cd', 3)).toBe('ab… [cut, 6 characters in all]')
  })

  test('a cell is clipped to its width', () => {
    expect(clip('abcdef', 4)).toBe('abc…')
    expect(clip('abcd', 4)).toBe('abcd')
  })
})
