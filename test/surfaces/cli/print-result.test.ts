import { describe, expect, test } from 'vitest'
import { resultLines } from '../../../src/surfaces/cli/print-result.ts'
import { bar } from '../../../src/surfaces/cli/print-usage.ts'
import { formatReport } from '../../../src/surfaces/cli/report.ts'
import { createStyle, styleOf } from '../../../src/surfaces/cli/style.ts'
import { sampleRecord, sampleResult } from './sample-run.ts'

const plain = createStyle()
const show = (...args: [Parameters<typeof resultLines>[0], Parameters<typeof resultLines>[1]?]): string =>
  resultLines(args[0], args[1] ?? [], plain).join('\n')

const DENIED = {
  seq: 2,
  op: 'http.request',
  subject: 'POST http://evil.example/collect',
  verdict: 'deny',
  code: 'DENIED_DOMAIN',
  gate: 'authorize',
  rule: 'permissions.http.allowed_domains',
  hint: 'ask another host',
  change: 'add "http://evil.example" to permissions.http.allowed_domains',
}

describe('the result block', () => {
  test('shows status, value, usage against limits and the digests', () => {
    const text = show(sampleResult())
    expect(text).toContain('✔ done')
    expect(text).toContain('"a": 1')
    expect(text).toMatch(/calls .*10% {2}2 of 20/)
    expect(text).toMatch(/cost .*2% {2}\$0.002 of \$0.10/)
    expect(text).toContain(`policy sha256:${'a'.repeat(64)}`)
  })

  test('shows each call with verdict, gate, bytes and time, in the order of their numbers', () => {
    const allowed = { seq: 1, op: 'http.request', subject: 'GET http://a.example/', verdict: 'allow', ms: 12 }
    const lines = show(sampleResult(), [sampleRecord(4, DENIED), sampleRecord(2, allowed)]).split('\n')
    const [first = '', second = ''] = lines.filter((line) => /^ +\d {2}/.test(line))
    expect(first).toMatch(/1 {2}allow .*GET http:\/\/a\.example\/ .*12 ms/)
    expect(second).toMatch(/2 {2}deny .*authorize/)
  })

  test('a refusal tells gate, rule, what to do instead and the smallest change; equal ones are counted', () => {
    const text = show(sampleResult(), [sampleRecord(1, DENIED), sampleRecord(2, { ...DENIED, seq: 3 })])
    expect(text).toContain('call 2 (2 times): http.request POST http://evil.example/collect')
    expect(text).toContain('DENIED_DOMAIN at the gate authorize')
    for (const part of [DENIED.rule, DENIED.hint, DENIED.change]) expect(text).toContain(part)
  })

  test('an error shows code, gate and the stack of the tool', () => {
    const error = {
      code: 'GUEST_THREW',
      message: 'boom',
      retryable: false,
      stack: 'Error: boom\n  at tool.js:3:1',
    } as const
    const text = show(sampleResult({ status: 'failed', error }))
    expect(text).toContain('✖ failed')
    expect(text).toContain('GUEST_THREW')
    expect(text).toContain('at tool.js:3:1')
  })

  test('warnings, cost alerts and approvals have their sections', () => {
    const approvals = [
      { ticketId: 't', op: 'tools.send_email', subject: 'send_email', state: 'denied', by: 'alice' } as const,
    ]
    const text = show(
      sampleResult({ approvals, warnings: ['human_in_loop[1] names nothing known'], costAlerts: [0.5] }),
    )
    expect(text).toContain('refused by alice')
    expect(text).toContain('names nothing known')
    expect(text).toContain('passed 50% of $0.10')
  })

  test('a hostile value, log of an error or subject cannot steer the terminal', () => {
    const hostile = '\u001b[2J\u202e\u009b31m'
    const error = { code: 'GUEST_THREW', message: hostile, retryable: false, stack: hostile } as const
    const records = [sampleRecord(1, { ...DENIED, subject: hostile, hint: hostile, op: hostile })]
    const text =
      show(sampleResult({ value: { [hostile]: hostile } }), records) +
      show(sampleResult({ status: 'failed', error }))
    expect(['\u001b', '\u009b', '\u202e'].filter((one) => text.includes(one))).toEqual([])
  })

  test('a long value is cut, and said to be', () => {
    const text = show(sampleResult({ value: Array.from({ length: 5000 }, (_, n) => n) }))
    expect(text.split('\n').length).toBeLessThan(260)
    expect(text).toContain('--json prints everything')
  })

  test('the report for embedders is the same block', () => {
    expect(formatReport(sampleResult(), [], { colours: false, columns: 110 })).toBe(show(sampleResult()))
  })
})

describe('looks', () => {
  test('a bar is as long as the share, and never empty for more than nothing', () => {
    expect(bar(0, plain)).toBe('░'.repeat(20))
    expect(bar(0.001, plain)).toBe(`█${'░'.repeat(19)}`)
    expect(bar(0.5, plain)).toBe('█'.repeat(10) + '░'.repeat(10))
    expect(bar(7, plain)).toBe('█'.repeat(20))
  })

  test('colours need a terminal, and NO_COLOR or a dumb terminal turns them off', () => {
    expect(styleOf({ isTTY: true, columns: 80 }, {}).colours).toBe(true)
    expect(styleOf({ isTTY: false }, {}).colours).toBe(false)
    expect(styleOf({ isTTY: true, columns: 80 }, { NO_COLOR: '1' }).colours).toBe(false)
    expect(styleOf({ isTTY: true, columns: 80 }, { TERM: 'dumb' }).colours).toBe(false)
    expect(createStyle({ colours: true }).paint('red', 'x')).toBe('\u001b[31mx\u001b[39m')
    expect(plain.paint('red', 'x')).toBe('x')
  })

  test('a table is never wider than its stream: the subject gives way', () => {
    const subject = `GET http://a.example/${'x'.repeat(300)}`
    const record = sampleRecord(1, { seq: 1, op: 'http.request', subject, verdict: 'allow' })
    const lines = resultLines(sampleResult(), [record], createStyle({ columns: 90 }))
    const row = lines.find((line) => line.includes('GET http://a.example/')) ?? ''
    expect(row).toContain('…')
    expect(row.length).toBeLessThanOrEqual(90)
  })
})
