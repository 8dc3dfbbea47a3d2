/** An endless loop of calls: the server is asked exactly max_tool_calls times, then the run is over, caught error or not. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createTollgate } from 'tollgate'
import { formatReport } from 'tollgate/report'
import { openSite } from '../loopback.ts'

const CALLS_MAX = 12

await using site = await openSite(() => ({ body: 'not yet, try again' }))
await using gate = await createTollgate({ state: ':memory:' })

console.log(
  `The tool asks ${site.origin} for ever and catches every error. Its policy allows ${CALLS_MAX} calls.\n`,
)

const policy = {
  permissions: { http: { allowed_domains: [site.origin], private_networks: ['127.0.0.0/8'] } },
  limits: { max_tool_calls: CALLS_MAX, max_duration_seconds: 20 },
}
const result = await gate.run({
  file: join(import.meta.dirname, 'tool.ts'),
  input: { url: `${site.origin}/ready` },
  policy,
})
console.log(`${formatReport(result, await gate.audit.read({ runId: result.runId }))}\n`)

assert.equal(result.status, 'failed')
assert.equal(result.error?.code, 'LIMIT_TOOL_CALLS')
assert.equal(result.usage.calls, CALLS_MAX)
assert.equal(site.requests.length, CALLS_MAX)

const next = await gate.run({ code: 'export default () => "still here"', policy })
assert.equal(next.value, 'still here')
console.log(`As expected: ${site.requests.length} requests arrived, not one more; the next run works.`)
