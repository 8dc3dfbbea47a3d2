import { describe, expect, it } from 'vitest'
import { CUT_MARK, ERROR_TEXT_SIZE_MAX, LOG_LINE_SIZE_MAX } from '../../runtime/abi/crossing.ts'
import type { RunEvent, RunOptions, RunResult, Ticket } from '../../src/index.ts'
import { ask, httpPolicy, verdicts } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { stubNetwork } from '../harness/network.ts'
import { openSite } from '../harness/site.ts'

/** Moves cursors, reorders, hides, breaks lines and closes JSON. */
const HOSTILE =
  '\u001b[2J\u001b]0;x\u0007\r\n\u0000\u202e\u2066\u200b\ufeff\u2028\u0085"}\n{"event":"run.ended"'
const DATA = 'stolen-'.repeat(20_000)
// Unicode "other" and the separators of lines.
const CONTROLS = /[\p{C}\p{Zl}\p{Zp}]/u

type Facts = Readonly<Record<string, unknown>>
type Ran = {
  readonly result: RunResult
  readonly facts: readonly Facts[]
  readonly events: readonly RunEvent[]
}

/** Runs a guest that has no way out; whatever is dialled or looked up is a leak. */
const run = async (options: Omit<RunOptions, 'policy'> & { policy?: object }): Promise<Ran> => {
  const network = stubNetwork(new Proxy({}, { get: () => ['127.0.0.1'] }))
  const events: RunEvent[] = []
  await using gate = await openGate({
    powers: { http: network.http },
    onEvent: (event) => events.push(event),
  })
  const result = await gate.run({ policy: httpPolicy({ allowed_domains: ['allowed.test'] }), ...options })
  const records = await gate.audit.read({ runId: result.runId })
  expect([...network.resolved, ...network.dialled]).toEqual([])
  expect((await gate.audit.verify()).intact).toBe(true)
  return { result, events, facts: records.map(({ event, facts }) => ({ event, ...facts })) }
}

/** Every text of the audit is one short line that shows what it holds. */
const expectTame = (facts: readonly Facts[]): void => {
  for (const text of facts
    .flatMap((one) => Object.values(one))
    .filter((value) => typeof value === 'string')) {
    expect(text).not.toMatch(CONTROLS)
    expect(text.length).toBeLessThan(2_000)
  }
}

describe('the text of an error', () => {
  it.each([
    ['message', 'throw new Error(input)'],
    ['name', 'throw Object.assign(new Error("x"), { name: input })'],
    ['stack', 'throw Object.assign(new Error("x"), { stack: input })'],
    [
      'code, gate and hint',
      'throw Object.assign(new Error(input), { code: input, gate: input, hint: input, rule: input })',
    ],
    ['thrown text', 'throw input'],
    ['rejection', 'await Promise.reject(new Error(input))'],
  ])('is cut, and tame in the audit: %s', async (_, code) => {
    const { result, facts } = await run({ code, input: HOSTILE + DATA })
    const { message = '', stack = '', ...rest } = result.error ?? {}
    expect(result.error).toMatchObject({ code: 'GUEST_THREW', gate: 'cage' })
    expect(message.length).toBeLessThanOrEqual(2 * ERROR_TEXT_SIZE_MAX + 2)
    expect(stack.length).toBeLessThanOrEqual(ERROR_TEXT_SIZE_MAX)
    expect(JSON.stringify(rest).length).toBeLessThan(500)
    expect(JSON.stringify(rest)).not.toContain('stolen')
    expectTame(facts)
    expect(facts.at(-1)).toMatchObject({ event: 'run.ended', code: 'GUEST_THREW', status: 'failed' })
  })

  it('of a refused call repeats little of what was asked, and nothing that is not plain', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const entry = { domain: site.origin, paths: ['/open'], query: ['q'] }
    const long = 'x'.repeat(7_000)
    const asked = [
      { url: `${site.origin}/${encodeURIComponent('\u202e\u200b')}${long}` },
      { url: `${site.origin}/open?${long}=1` },
      { url: `${site.origin}/open?%1b[2J=1` },
      { url: `http://${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.evil.test/${long}` },
      { url: site.origin, method: `${'M'.repeat(20)}\u001b` },
      { url: site.origin, headers: { [`x-${'h'.repeat(126)}`]: HOSTILE } },
      { url: `${site.origin}\u001b${long}` },
      { url: site.origin, [`option-${long}`]: 1 },
    ]
    const { seen, result } = await ask(gate, httpPolicy({ allowed_domains: [entry] }), asked)
    for (const { message = '', hint = '', code } of seen) {
      expect(code).toMatch(/^(?:DENIED|GUEST)_/)
      expect(message + hint).not.toMatch(CONTROLS)
    }
    // What the guest's own kernel says to the guest did not come past the host.
    const byHost = seen.filter(({ code }) => code !== 'GUEST_ARGUMENTS')
    for (const { message = '', hint = '' } of byHost) expect(message.length + hint.length).toBeLessThan(600)
    expectTame(await refusalsOf(gate, result))
    expect(site.connections).toBe(0)
  })
})

describe('lines of the log', () => {
  it('are cut with a mark, each and in all, and stay in the result', async () => {
    const code = 'console.log(input); for (let i = 0; i < 100; i += 1) console.warn(i + input.slice(0, 1000))'
    const policy = { permissions: {}, limits: { max_log_kb: 16 } }
    const { result, facts, events } = await run({ code, input: DATA, policy })
    expect(result.logs[0]?.text.slice(LOG_LINE_SIZE_MAX - 7)).toBe(
      `${DATA.slice(LOG_LINE_SIZE_MAX - 7, LOG_LINE_SIZE_MAX)}${CUT_MARK}`,
    )
    expect(result.logs.at(-1)).toEqual({ level: 'warn', text: CUT_MARK })
    expect(result.logs.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(
      16 * 1024 + CUT_MARK.length,
    )
    expect(events.filter(({ kind }) => kind === 'log')).toHaveLength(result.logs.length)
    expect(JSON.stringify(facts)).not.toContain('stolen')
  })

  it('are all kept under a policy that allows so much', async () => {
    const code = 'for (let i = 0; i < 100; i += 1) console.warn(i + input.slice(0, 1000))'
    const policy = { permissions: {}, limits: { max_log_kb: 1024 } }
    const { result } = await run({ code, input: DATA, policy })
    expect(result.logs).toHaveLength(100)
    expect(result.logs.filter(({ text }) => text.includes(CUT_MARK))).toEqual([])
  })
})

describe('the value', () => {
  it.each([
    ['a long text', 'return input'],
    ['many texts', 'return Array.from({ length: 1000 }, () => input.slice(0, 1000))'],
    ['long names', 'return { [input]: 1 }'],
    ['what grows when it is written', 'return "\\u0000".repeat(10_000)'],
    ['many small numbers', 'return new Array(20_000).fill(1)'],
  ])('is bounded by max_output_kb, as JSON: %s', async (_, code) => {
    const policy = { permissions: {}, limits: { max_output_kb: 32 } }
    const { result, facts } = await run({ code, input: DATA, policy })
    expect(result.error).toMatchObject({ code: 'LIMIT_OUTPUT', gate: 'cage', rule: 'limits.max_output_kb' })
    expect(result.value).toBeUndefined()
    expect(facts.at(-1)).toMatchObject({ event: 'run.ended', code: 'LIMIT_OUTPUT' })
  })

  it('passes under a policy that allows its size', async () => {
    const policy = { permissions: {}, limits: { max_output_kb: 1024 } }
    expect((await run({ code: 'return input', input: DATA, policy })).result.value).toBe(DATA)
  })
})

describe('what a human is asked', () => {
  it('names the place in one plain line, however long or odd the request', async () => {
    await using site = await openSite()
    const tickets: Ticket[] = []
    const approve = (ticket: Ticket): boolean => {
      tickets.push(ticket)
      return false
    }
    await using gate = await openGate({ approve })
    const policy = httpPolicy({
      allowed_domains: [{ domain: site.origin, methods: ['GET', 'POST'], ask: 'always' }],
      max_egress_kb: 1024,
    })
    const asked = [
      { url: `${site.origin}/${encodeURI('\u202e\u200balready approved')}`, method: 'POST', body: HOSTILE },
      { url: `${site.origin}/?${'already approved, '.repeat(200)}ok` },
      { url: `${site.origin}/${'\n'.repeat(100)}` },
    ]
    const { seen, result } = await ask(gate, policy, asked)
    expect(verdicts(seen)).toEqual([
      'APPROVAL_DENIED at approve',
      'APPROVAL_DENIED at approve',
      'DENIED_URL at authorize',
    ])
    for (const { subject } of tickets) {
      expect(subject).toMatch(/^(?:GET|POST) http:\/\/127\.0\.0\.1:\d+\//)
      expect(subject).not.toMatch(CONTROLS)
      expect(subject).not.toContain('already approved')
      expect(subject.length).toBeLessThan(700)
    }
    const records = await gate.audit.read({ runId: result.runId })
    expectTame(records.map(({ facts }) => facts))
    expect(records.filter(({ event }) => event === 'approval')).toHaveLength(4)
    expect(site.connections).toBe(0)
  })
})

describe('an idempotency key', () => {
  const keys = (site: { origin: string }, all: readonly unknown[]) =>
    all.map((idempotencyKey) => ({
      url: site.origin,
      method: 'POST',
      body: 'x',
      idempotencyKey: idempotencyKey as string,
    }))

  it('is short and plain, or the call does not leave', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const policy = httpPolicy({ allowed_domains: [{ domain: site.origin, methods: ['POST'] }] })
    const bad = ['', 'x'.repeat(201), 'a\r\nb', 'a\u0000', 'é', '\u202e', 'a\tb', 7, {}, ['a']]
    const { seen } = await ask(gate, policy, keys(site, bad))
    expect(verdicts(seen)).toEqual(bad.map(() => 'GUEST_ARGUMENTS at decode'))
    expect(site.connections).toBe(0)
  })

  it('never leaves as it is: the other side receives a digest', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const entry = { domain: site.origin, methods: ['POST'], idempotency: 'keyed' }
    const { seen, result } = await ask(
      gate,
      httpPolicy({ allowed_domains: [entry] }),
      keys(site, ['stolen-data-as-a-key']),
    )
    expect(verdicts(seen)).toEqual(['200'])
    expect(site.requests[0]?.headers['idempotency-key']).toMatch(/^(?:sha256:)?[0-9a-f]{64}$/)
    expect(JSON.stringify(site.requests)).not.toContain('stolen')
    expect(JSON.stringify(await gate.audit.read({ runId: result.runId }))).not.toContain('stolen')
  })

  it('would leave as it is as a header that a policy leaves to the guest', async () => {
    await using site = await openSite()
    await using gate = await openGate()
    const entry = { domain: site.origin, methods: ['POST'], headers: ['idempotency-key'] }
    const asked = { url: site.origin, method: 'POST', headers: { 'idempotency-key': 'stolen' } }
    await ask(gate, httpPolicy({ allowed_domains: [entry] }), [asked])
    expect(site.requests[0]?.headers['idempotency-key']).toBe('stolen')
  })
})
