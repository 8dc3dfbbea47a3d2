/**
 * A tool of two files that imports three packages from npm (zod, marked, yaml) and uses fetch, URL and streams. It is bundled
 * when it is run; the packages run as they are. Its errors point to its own lines.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { createTollgate } from 'tollgate'
import { openSite } from '../loopback.ts'

const notes = [
  { title: 'Gates', text: 'Each call *stops* there.', page: 'notes/1' },
  { title: 'Tolls', text: 'Then it is **counted**.', page: '../2' },
]
const feed = notes.map((note) => `${JSON.stringify(note)}\n`).join('')

await using site = await openSite((path) => ({
  type: 'application/jsonl',
  body: path.startsWith('/feeds/good') ? feed : feed.slice(0, -1),
}))
await using gate = await createTollgate({ state: ':memory:' })

const run = (name: string): ReturnType<typeof gate.run> =>
  gate.run({
    file: join(import.meta.dirname, 'tool.ts'),
    input: { feed: `${site.origin}/feeds/${name}`, limit: 2 },
    policy: {
      permissions: { http: { allowed_domains: [site.origin], private_networks: ['127.0.0.0/8'] } },
      limits: { max_tool_calls: 1, max_duration_seconds: 20 },
    },
  })

const result = await run('good')
assert.deepEqual(result.error, undefined)
const { index, html } = result.value as { index: string; html: string }
console.log(`The index that the tool made:\n\n${index}\nThe page that it made:\n\n${html}`)
assert.equal(index, '- title: Gates\n  page: /feeds/notes/1\n- title: Tolls\n  page: /2\n')
assert.match(html, /<h2>Gates<\/h2>\n<p>Each call <em>stops<\/em> there\.<\/p>/)
assert.deepEqual(site.requests, ['GET /feeds/good?limit=2'])

const { error } = await run('broken')
console.log(`And what it says of a feed that breaks off:\n\n${error?.stack ?? ''}\n`)
assert.equal(error?.message, 'Error: the last line has no end')
assert.match(error?.stack ?? '', /\n {4}at \w+ \(lines\.ts:11:30\)/)
console.log('As expected: three packages ran as they are, and the error points to line 11 of lines.ts.')
