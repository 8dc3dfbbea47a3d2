import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunResult, Tollgate } from '../../src/index.ts'
import { LOOPBACK } from '../harness/gate.ts'
import { openSite, type Site } from '../harness/site.ts'
import { openGateOf } from '../run/gates.ts'
import { MESSAGE, Outbox } from '../run/mail.ts'

/** Uses everything that it holds, and says what that was. */
const GRAB = `export default async ({ site, message }, capabilities) => {
  const got = []
  try { await capabilities.http.get(site); got.push('http') } catch {}
  try { await capabilities.tools.send_email(message); got.push('mail') } catch {}
  return got
}`

let folder: string
let site: Site
let outbox: Outbox
let gate: Tollgate
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h58-'))
  site = await openSite()
  outbox = new Outbox()
  gate = await openGateOf({ tools: [outbox.tool] })
})
afterAll(async () => {
  await gate.close()
  await site[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const run = (policy: string | object): Promise<RunResult> =>
  gate.run({ code: GRAB, input: { site: site.origin, message: MESSAGE }, policy })
const runText = (text: string): Promise<RunResult> => {
  const path = join(folder, 'policy.yaml')
  writeFileSync(path, text)
  return run(path)
}
const httpText = (): string =>
  `permissions:\n  http: { allowed_domains: ["${site.origin}"], private_networks: ["127.0.0.0/8"] }\n`
const reachedBy = async (
  act: () => Promise<unknown>,
): Promise<{ connections: number; sent: number; runs: number }> => {
  const before = {
    connections: site.connections,
    sent: outbox.sent.length,
    runs: (await gate.runs.list()).length,
  }
  await act()
  return {
    connections: site.connections - before.connections,
    sent: outbox.sent.length - before.sent,
    runs: (await gate.runs.list()).length - before.runs,
  }
}
const NOTHING = { connections: 0, sent: 0, runs: 0 }

const TEXTS: Readonly<Record<string, () => string>> = {
  'an unknown key': () => `${httpText()}limit: { max_tool_calls: 1 }\n`,
  'a misspelt grant': () => httpText().replace('http', 'htttp'),
  'a misspelt restriction': () => httpText().replace('private_networks', 'private_network'),
  'a duplicate key': () => `${httpText()}limits: { max_tool_calls: 1, max_tool_calls: 1000 }\n`,
  'a duplicate grant': () => `${httpText()}permissions: {}\n`,
  'a number as text': () => `${httpText()}limits: { max_tool_calls: "20" }\n`,
  NaN: () => `${httpText()}limits: { max_cost_usd: .nan }\n`,
  'no end': () => `${httpText()}limits: { max_duration_seconds: .inf }\n`,
  'a negative limit': () => `${httpText()}limits: { max_tool_calls: -1 }\n`,
  'a limit that is null': () => `${httpText()}limits: { max_tool_calls: null }\n`,
  'a key of the prototype': () => `${httpText()}__proto__: { limits: { max_tool_calls: 1000 } }\n`,
  'a constructor': () => `${httpText()}constructor: { prototype: { allowed: true } }\n`,
  'an alias': () => `a: &a { allowed_domains: ["${site.origin}"] }\npermissions: { http: *a }\n`,
  'a merge key': () => `x: &x { db_write: true }\npermissions: { <<: *x }\n`,
  'a tag': () => `${httpText()}name: !!js/function "function () {}"\n`,
  'a second document': () => `${httpText()}---\nlimits: {}\n`,
  'a list': () => `- ${httpText().replaceAll('\n', '\n  ')}`,
  'nothing at all': () => '',
  'a text': () => 'everything is allowed',
  'a wildcard for all': () => 'permissions: { http: { allowed_domains: ["*"] } }\n',
  'a public suffix': () => 'permissions: { http: { allowed_domains: ["*.co.uk"] } }\n',
  'a tool that the host does not have': () => 'permissions: { tools: { send_mail: {} } }\n',
  'what is not built': () => 'permissions: { mcp: { github: { command: [github-mcp] } } }\n',
  'one megabyte': () => `name: "${'x'.repeat(2 ** 20)}"\n${httpText()}`,
  'deep nesting': () => `permissions: ${'['.repeat(5_000)}${']'.repeat(5_000)}\n`,
  'a billion laughs': () =>
    `a: &a [1,1,1,1,1,1,1,1,1]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
      .map(
        (name, n) =>
          `${name}: &${name} [${Array(9)
            .fill(`*${'abcdefghi'[n] ?? ''}`)
            .join(',')}]`,
      )
      .join('\n')}\n`,
  'malformed YAML': () => 'permissions: { http: [\n',
  'bytes that are no text': () => 'name: "\ud800"\n\u0000\u0001',
}

describe('a policy file that is not plainly a policy', () => {
  it.each(Object.entries(TEXTS))('is refused at load, and nothing runs: %s', async (_, text) => {
    let caught: unknown
    const reached = await reachedBy(() => runText(text()).catch((error: unknown) => (caught = error)))
    expect(caught).toMatchObject({ name: 'TollgateError', code: expect.stringMatching(/^CONFIG_/) as string })
    expect(reached).toEqual(NOTHING)
  })
})

describe('a policy object that is not plain data', () => {
  const http = () => ({ allowed_domains: [site.origin], ...LOOPBACK })
  const OBJECTS: Readonly<Record<string, () => object>> = {
    'a getter': () => ({
      get permissions() {
        return { http: http() }
      },
    }),
    'grants in the prototype': () => Object.create({ permissions: { http: http() } }) as object,
    'a class': () =>
      new (class {
        permissions = { http: http() }
      })(),
    'a map': () => new Map([['permissions', { http: http() }]]),
    'a toJSON': () => ({ toJSON: () => ({ permissions: { http: http() } }) }),
    'a list': () => [{ permissions: { http: http() } }],
    'a look-alike of a compiled policy': () => ({
      digest: 'sha256:0',
      canonical: '{}',
      grants: new Map(),
      limits: {},
      needsApproval: () => undefined,
    }),
    'a limit without end': () => ({ permissions: { http: http() }, limits: { max_tool_calls: Infinity } }),
    NaN: () => ({ permissions: { http: http() }, limits: { max_cost_usd: NaN } }),
    'a BigInt': () => ({ permissions: { http: http() }, limits: { max_tool_calls: 20n } }),
    'an own key of the prototype': () =>
      JSON.parse(
        `{"permissions":{"http":{"allowed_domains":["${site.origin}"],"__proto__":{"max_egress_kb":999}}}}`,
      ) as object,
  }
  it.each(Object.entries(OBJECTS))('is refused at load, and nothing runs: %s', async (_, document) => {
    let caught: unknown
    const reached = await reachedBy(() => run(document()).catch((error: unknown) => (caught = error)))
    expect(caught).toMatchObject({
      name: 'TollgateError',
      code: expect.stringMatching(/^CONFIG_/) as string,
    })
    expect(reached).toEqual(NOTHING)
  })

  it('is read once: what a proxy shows later gives no right', async () => {
    let reads = 0
    const mail = { send_email: { ask: 'never' } }
    const document = new Proxy(
      { permissions: { http: http() } },
      {
        get: (target, key) => {
          reads += key === 'permissions' ? 1 : 0
          return reads > 1 ? { ...target.permissions, tools: mail } : (Reflect.get(target, key) as unknown)
        },
      },
    )
    const reached = await reachedBy(() => run(document).catch(() => undefined))
    expect(reached.sent).toBe(0)
  })
})

describe('a policy that grants nothing', () => {
  it.each([
    {},
    { permissions: {} },
    { permissions: { http: null, tools: null } },
    { permissions: { http: { allowed_domains: [] }, tools: {} } },
    { permissions: { tools: {} } },
  ])('gives nothing: %j', async (policy) => {
    const { value } = await run(policy)
    expect(value).toEqual([])
    expect(await reachedBy(() => run(policy))).toMatchObject({ connections: 0, sent: 0 })
  })

  it('is not widened by what others did to the prototypes', async () => {
    const prototype = Object.prototype as { permissions?: unknown }
    const runPolluted = async (): Promise<void> => {
      prototype.permissions = {
        http: { allowed_domains: [site.origin], ...LOOPBACK },
        tools: { send_email: { ask: 'never' } },
      }
      try {
        await run({}).catch(() => undefined)
      } finally {
        delete prototype.permissions
      }
    }
    expect(await reachedBy(runPolluted)).toMatchObject({ connections: 0, sent: 0 })
  })
})

describe('negative control', () => {
  it('the same grants, plainly written, are used', async () => {
    const text = `${httpText()}  tools: { send_email: { ask: never } }\n`
    const { value } = await runText(text)
    expect(value).toEqual(['http', 'mail'])
  })
})
