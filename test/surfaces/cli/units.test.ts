import { expect, test } from 'vitest'
import { formatBytes, formatCount, formatMs, formatUsd } from '../../../src/surfaces/cli/units.ts'

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KB'],
  [1536, '1.5 KB'],
  [200 * 1024, '200 KB'],
  [3.25 * 1024 ** 2, '3.3 MB'],
  [2 * 1024 ** 3, '2 GB'],
])('%d bytes read as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text)
})

test.each([
  [0, '0 ms'],
  [0.42, '0.4 ms'],
  [12.4, '12 ms'],
  [1300, '1.3 s'],
  [60_000, '60 s'],
  [125_000, '2 min 5 s'],
  [12_000_000, '3 h 20 min'],
])('%d milliseconds read as %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text)
})

test.each([
  [0, '$0.00'],
  [0.5, '$0.50'],
  [0.002, '$0.002'],
  [0.000015, '$0.000015'],
  [12, '$12.00'],
])('%d dollars read as %s, exact to a millionth', (usd, text) => {
  expect(formatUsd(usd)).toBe(text)
})

test('one is not many', () => {
  expect([formatCount(1, 'record'), formatCount(0, 'record'), formatCount(2, 'record')]).toEqual([
    '1 record',
    '0 records',
    '2 records',
  ])
})
