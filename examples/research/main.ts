/**
 * The main job: an agent's research tool reads two sites that its policy allows and returns what it found. A third site runs
 * beside them that nobody allowed. `npm run demo` runs this file.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createTollgate } from 'tollgate'
import { formatReport } from 'tollgate/report'
import { openSite } from '../loopback.ts'

const encyclopedia = `<html><head><title>Toll roads</title></head><body><h1>Toll roads</h1>
<p>A toll road is a road whose users pay a fee. In 1286 the London Bridge already charged a toll for carts.
A toll gate is a barrier where each traveller is stopped, checked and charged before the road goes on.</p></body></html>`
const journal = `<html><head><title>Gates in software</title></head><body>
<p>Software borrowed the word from roads. A gate stops each call, checked against a policy, before anything happens.
Whoever owns the gate decides; whoever passes it leaves a record.</p></body></html>`

await using first = await openSite(() => ({ body: encyclopedia }))
await using second = await openSite(() => ({ body: journal }))
await using stranger = await openSite(() => ({ body: 'nobody should read this' }))
await using gate = await createTollgate({ state: ':memory:' })

console.log(`Two sites are allowed:
  ${first.origin}  (an encyclopedia)
  ${second.origin}  (a journal)
One is not:
  ${stranger.origin}

The tool is examples/research/tool.ts. It is given one capability, http, and these words of its policy:
  permissions.http.allowed_domains  the two sites, with GET and HEAD
  limits                            10 calls, 20 seconds, $0.05
`)

const result = await gate.run({
  file: join(import.meta.dirname, 'tool.ts'),
  input: {
    question: 'Where is each traveller or call stopped and checked?',
    sources: [`${first.origin}/toll-roads`, `${second.origin}/gates`],
  },
  policy: {
    version: 1,
    name: 'research',
    permissions: {
      http: {
        allowed_domains: [first.origin, second.origin],
        private_networks: ['127.0.0.0/8'],
        max_response_size_kb: 64,
      },
    },
    limits: { max_tool_calls: 10, max_duration_seconds: 20, max_cost_usd: 0.05 },
    prices: { http_call_usd: 0.001 },
  },
  onEvent: (event) => {
    if (event.kind === 'log') console.log(`  the tool says: ${event.text}`)
  },
})

const records = await gate.audit.read({ runId: result.runId })
console.log(`\n${formatReport(result, records)}\n`)

const verdict = await gate.audit.verify()
assert.equal(result.status, 'done')
assert.deepEqual(first.requests, ['GET /toll-roads'])
assert.deepEqual(second.requests, ['GET /gates'])
assert.equal(stranger.connections, 0)
assert.equal(result.usage.calls, 2)
assert.equal(result.usage.costUsd >= 0.002, true)
assert.match(JSON.stringify(result.value), /each traveller is stopped, checked and charged/)
assert.equal(records.filter(({ event }) => event === 'call').length, 2)
assert.equal(verdict.intact, true)
console.log(
  `As expected: each allowed site was asked once, the third never, and the audit of ${verdict.records} records is intact.`,
)
