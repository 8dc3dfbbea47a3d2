import { describe, expect, it } from 'vitest'
import { createLocator } from '../../src/bundler/positions.ts'

const locate = createLocator({ sources: ['a.ts'], positions: new Uint32Array([0, 0, 0, 4, 2]) })

/** The least of a few measurements, in milliseconds. */
const timeOf = (text: string): number =>
  Math.min(
    ...Array.from({ length: 3 }, () => {
      const from = performance.now()
      locate(text)
      return performance.now() - from
    }),
  )

describe('a text of the guest is looked through in time that grows with its length', () => {
  it.each([
    ['spaces', ' '],
    ['frames', '\n    at x (tool.js:1:1)'],
    ['digits', '1'],
    ['opening parentheses', '  ('],
  ])('of %s', (_, piece) => {
    const text = (size: number): string => `   at tool.js:${piece.repeat(size / piece.length)}`
    // Eight times the text: squared, that is 64 times as long.
    expect(timeOf(text(80_000))).toBeLessThan(32 * Math.max(timeOf(text(10_000)), 0.5))
  })

  it('and the padding of a name is taken out', () => {
    expect(locate('Error: x\n    at c.cjs       (tool.js:1:9)')).toBe('Error: x\n    at c.cjs (a.ts:5:3)')
  })
})
