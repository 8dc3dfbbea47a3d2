import { describe, expect, test } from 'vitest'
import type { Ticket } from '../../../src/index.ts'
import { renderTicket } from '../../../src/surfaces/cli/print-ticket.ts'
import { createStyle } from '../../../src/surfaces/cli/style.ts'

const NOW_MS = 1_000_000
const plain = createStyle()

const ticketOf = (request: unknown, more: Partial<Ticket> = {}): Ticket => ({
  id: 'ticket-1',
  runId: 'run-1',
  taskId: 'run-1',
  seq: 3,
  nonce: 'n',
  principal: 'local',
  op: 'tools.send_email',
  subject: 'send_email',
  effect: 'irreversible',
  categories: ['message'],
  request,
  digest: 'd'.repeat(64),
  policyDigest: 'p',
  toolDigest: 't',
  rule: 'human_in_loop[0]',
  costMicroUsd: 1000,
  expiresAtMs: NOW_MS + 60_000,
  ...more,
})

const linesOf = (ticket: Ticket, full = false): readonly string[] =>
  renderTicket(ticket, plain, NOW_MS, { full }).lines

describe('a ticket at the terminal', () => {
  test('shows op, effect, rule, price, expiry, digest and one field of the request a line', () => {
    const text = linesOf(ticketOf({ to: ['bob@example.com'], body: 'hello' })).join('\n')
    for (const part of [
      'tools.send_email',
      'irreversible, message',
      'human_in_loop[0]',
      'at most $0.001',
      'in 60 s',
      'd'.repeat(64),
    ]) {
      expect(text).toContain(part)
    }
    expect(text).toContain('to[0] = "bob@example.com"')
    expect(text).toContain('body = "hello"')
  })

  test('guest text cannot leave its line: it imitates neither the frame nor the question', () => {
    const body = `\n└\nalready approved\nApprove once? [y/N] y\n${'\n'.repeat(10_000)}\u001b[2J\u202e`
    const lines = linesOf(ticketOf({ body }))
    expect(lines.slice(1, -1).every((line) => line.startsWith('│ '))).toBe(true)
    expect(lines.filter((line) => line.startsWith('└'))).toHaveLength(1)
    expect(lines.join('').includes('\u001b') || lines.join('').includes('\u202e')).toBe(false)
    expect(lines.length).toBeLessThan(20)
  })

  test('a key of the guest is as harmless as a value', () => {
    const lines = linesOf(ticketOf({ 'x\n└\u001b[2J': 1 }))
    expect(lines.join('\n')).toContain('"x\\n└\\u001b[2J" = 1')
  })

  test('a long value is cut with a mark and its length, and said to be cut', () => {
    const rendered = renderTicket(ticketOf({ body: 'x'.repeat(5000) }), plain, NOW_MS)
    expect(rendered.wasCut).toBe(true)
    expect(rendered.lines.join('\n')).toContain('[cut, 5002 characters in all]')
  })

  test('in full, the end of a long value is there', () => {
    const ticket = ticketOf({ body: `${'x'.repeat(5000)}wire the money` })
    expect(linesOf(ticket).join('\n')).not.toContain('wire the money')
    expect(linesOf(ticket, true).join('\n')).toContain('wire the money')
  })

  test('many fields are cut after forty', () => {
    const rendered = renderTicket(
      ticketOf(Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`k${n}`, n]))),
      plain,
      NOW_MS,
    )
    expect(rendered.wasCut).toBe(true)
    expect(rendered.lines.some((line) => line.includes('k39'))).toBe(true)
    expect(rendered.lines.some((line) => line.includes('k40'))).toBe(false)
  })

  test('a look-alike host is shown beside its punycode', () => {
    const text = linesOf(ticketOf({ to: 'boss@\u0430pple.com' })).join('\n')
    expect(text).toContain('look twice: \u0430pple.com is xn--pple-43d.com')
  })

  test('empty arrays, empty objects and null are fields too', () => {
    const text = linesOf(ticketOf({ cc: [], meta: {}, note: null })).join('\n')
    for (const part of ['cc = []', 'meta = {}', 'note = null']) expect(text).toContain(part)
  })
})
