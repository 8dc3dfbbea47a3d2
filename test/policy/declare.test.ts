import { describe, expect, test } from 'vitest'
import { createTollgate, type Tollgate } from '../../src/index.ts'
import { declarePolicy, parsePolicy } from '../../src/policy.ts'
import { declaredNames, linesOf, offersAt, problemsIn } from './checked-tools.ts'
import { compile, compileText, richText, usersExampleText, type Data } from './sample-policies.ts'
import { hostTools } from './sample-tools.ts'

const WEB_STARTS = '\n// What follows'
/** Without the web classes, which are the same for every policy. */
const shownPart = (declaration: string): string => declaration.split(WEB_STARTS)[0] ?? ''

const FILES: Data = {
  permissions: {
    filesystem: [
      { path: '/in', source: './data', mode: 'read', allow: ['**/*.csv'] },
      { path: '/tmp', mode: 'scratch' },
      { path: '/none', source: './none', mode: 'write', allow: [] },
    ],
  },
}
const READ_ONLY: Data = {
  permissions: { filesystem: [{ path: '/in', source: './data', mode: 'read', allow: ['**'] }] },
}

describe('what is declared', () => {
  test("of the user's example", () => {
    expect(shownPart(declarePolicy(parsePolicy(usersExampleText)))).toMatchSnapshot()
  })

  test('of a rich policy', () => {
    expect(shownPart(declarePolicy(compileText(richText)))).toMatchSnapshot()
  })

  test('of mounts', () => {
    expect(shownPart(declarePolicy(compile(FILES)))).toMatchSnapshot()
  })
})

/** A tool that takes these capabilities, each on a line of its own. */
const tool = (held: readonly string[], ...lines: readonly string[]): string =>
  [
    "import type { Tool } from './capabilities.d.ts'",
    'const tool: Tool = async (input, {',
    ...held,
    '}) => {',
    ...lines,
    '}',
    'export default tool',
  ].join('\n')

describe('a tool that is checked against the declaration', () => {
  test.for<[string, string, string[], string[]]>([
    [
      'the empty policy',
      '{}',
      ['http, // refused', 'fs, // refused'],
      ['await fetch("https://a.com/") // refused', 'return input.a + 1'],
    ],
    [
      "the user's example",
      usersExampleText,
      ['http,', 'fs, // refused', 'tools, // refused', 'db, // refused'],
      [
        "const answer = await http.get('https://api.company.com/v1?limit=3', { timeoutMs: 5 })",
        'await http.get(`https://trusted-data-source.com/${input.id}`)',
        'await http.get(input.url as string)',
        "await http.request({ url: 'https://api.company.com' })",
        "await http.get('https://evil.com/') // refused",
        "await http.get('http://api.company.com/') // refused",
        "await http.get('https://api.company.com', { method: 'POST' }) // refused",
        "await http.post('https://api.company.com/', {}) // refused",
        "await http.request({ method: 'POST', url: 'https://api.company.com/' }) // refused",
        "const again = await fetch('https://api.company.com/')",
        'return [answer.status, answer.headers.get("etag"), (await answer.json()).items, await again.text()]',
      ],
    ],
    [
      'the rich policy',
      richText,
      ['http, db, fs, kv, exec, tools,', 'mcp, // refused'],
      [
        "const note: string = await fs.readText('/in/a.csv')",
        "await fs.write('/out/a.md', note)",
        "await fs.write('/in/a.csv', note) // refused",
        "await http.post('https://notes.company.com/', { text: 'x' }, { idempotencyKey: 'a', headers: { 'X-A': 'b' } })",
        "await http.delete('https://files.company.com/drop/1')",
        "await http.request({ method: 'PUT', url: 'https://files.company.com/drop/1', body: new Uint8Array(3) })",
        "await http.get('https://a.trusted-data-source.com/')",
        "await http.get('https://trusted-data-source.com/') // refused",
        "await http.post('https://status.company.com/', {}) // refused",
        "await http.patch('https://status.company.com/', {}) // refused",
        'const first = await db.shop.get<{ id: number }>("select id from orders where id = :id", { id: 1 })',
        'for await (const row of db.shop.query("select * from orders")) console.log(row["id"])',
        'const rows = await db.shop.query("select 1 where ? is null", [null, true, 2, "x", new Uint8Array(1)])',
        'const { tables: [table] } = await db.shop.schema()',
        'await db.crm.query("select 1") // refused',
        'await db.shop.commit() // refused',
        'await db.shop.execute("delete from orders where id = ?", [1], { idempotencyKey: "k" })',
        'await db.shop.query("select ?", [{}]) // refused',
        "await kv.put('a', { b: 1 })",
        "const { b } = await kv.get('a')",
        "const gone: boolean = await kv.delete('a')",
        "const keys: string[] = await kv.list('a', { limit: 3, after: 'aa' })",
        'await kv.clear() // refused',
        "const child = await exec.run<number>({ code: 'return 1', grants: ['kv.get'], limits: { max_tool_calls: 3 } })",
        'const one: number = child.value',
        'await exec.run({ input: 1 }) // refused',
        "await exec.run({ code: '1', limits: { max_calls: 1 } }) // refused",
        "await exec.quarantine({ code: '1', data: 1, output: { type: 'string', maxLength: 10 } })",
        "await exec.quarantine({ code: '1', data: 1, output: { type: 'string' } }) // refused",
        "await exec.quarantine({ code: '1', data: 1, output: { type: 'boolean' }, grants: ['kv'] }) // refused",
        "const weak = kv.only({ prefix: 'a', mode: 'read' }).only({ calls: 1 }); weak.revoke()",
        "await weak.get('a')",
        "kv.only({ prefixes: 'a' }) // refused",
        "kv.only({ mode: 'write' }) // refused",
        'kv.revoke() // refused',
        "for (const { id } of await db.shop.only({ tables: ['orders'], rows: 3 }).query('select 1')) console.log(id)",
        "await db.shop.only({ tables: ['orders'] }).only({ calls: 1 }).execute('delete from orders')",
        "await http.only({ path: '/v1/**', methods: ['GET'] }).get('https://status.company.com/')",
        "tools.only({ names: ['lookup_order'] }).revoke()",
        "await tools.send_email({ to: ['a@company.com'], text: 'x', priority: 'low' })",
        "await tools.send_email({ to: 'a@company.com', text: 'x', priority: 'high' }) // refused",
        "await tools.send_email({ to: 'a@company.com', text: 'x' })",
        "await tools.send_email({ text: 'x' }) // refused",
        "await tools.send_email({ to: 5, text: 'x', priority: 'low' }) // refused",
        'const found: null = await tools.lookup_order({ id: "1" })',
        'await tools.drop_table({}) // refused',
        'return [first?.id, rows[0]?.["x"], table?.columns[0]?.masked, b, gone, keys, found]',
      ],
    ],
    [
      'mounts',
      JSON.stringify(FILES),
      ['fs,', 'http, // refused'],
      [
        "const text: string = await fs.readText('/in/a/b.csv')",
        'const bytes: Uint8Array = await fs.read(`/in/${input.name}`)',
        "await fs.write('/tmp/a', bytes, { idempotencyKey: 'a' })",
        "await fs.rename('/tmp/a', '/tmp/b')",
        'await fs.append(input.path as string, "x")',
        "const kinds = (await fs.list('/')).map(({ kind }) => kind)",
        "const { modifiedMs } = await fs.stat('/in')",
        "const names = await fs.glob('/in/**/*.csv')",
        "const less = await fs.only({ under: '/in', mode: 'read' }).readText('/in/a.csv')",
        "await fs.write('/in/a.csv', 'x') // refused",
        "await fs.remove('/in/a.csv') // refused",
        "await fs.write('/none/a', 'x') // refused",
        "await fs.readText('/etc/passwd') // refused",
        "await fs.readText('/tmpfile') // refused",
        "await fs.write('/tmp/a', { x: 1 }) // refused",
        'return [text, kinds, modifiedMs, names, less]',
      ],
    ],
    [
      'a mount that can only be read',
      JSON.stringify(READ_ONLY),
      ['fs,'],
      [
        "await fs.exists('/in/a')",
        "await fs.write('/in/a', 'x') // refused",
        "await fs.mkdir('/in/a') // refused",
        "await fs.rename('/in/a', '/in/b') // refused",
      ],
    ],
    [
      'what is granted and lets nothing through',
      'permissions: { http: {}, tools: { send_email: { max_calls: 0 } } }',
      ['http, // refused', 'tools, // refused'],
      [],
    ],
  ])('may use what %s grants, and nothing else', ([, policy, held, lines]) => {
    const { marked, refused } = linesOf(declarePolicy(compileText(policy)), tool(held, ...lines))
    expect(marked.length).toBeGreaterThan(0)
    expect(refused).toEqual(marked)
  })

  test.for([
    [{ lib: ['esnext', 'dom', 'dom.iterable', 'dom.asynciterable'] }],
    [{ types: ['node'], skipLibCheck: true }],
    [{ lib: ['esnext', 'dom'], types: ['node'], skipLibCheck: true }],
  ])('passes beside the libraries of browsers and of Node: %j', ([options]) => {
    const text = tool(
      ['http, kv'],
      "const response = await fetch('https://status.company.com/', { headers: { a: 'b' }, signal: AbortSignal.timeout(5) })",
      'const address = new URL(response.url)',
      'setTimeout(() => console.log(address.searchParams.get("x")), 5)',
      "await kv.put('a', crypto.randomUUID())",
      "return (await http.get('https://status.company.com/')).text()",
    )
    expect(problemsIn(declarePolicy(compileText(richText)), text, options)).toEqual([])
  })

  test.for<[string, string[]]>([
    ['const tool: Tool = async (input, { | }) => 1', ['db', 'exec', 'fs', 'http', 'kv', 'tools']],
    ['const tool: Tool = async (input, { kv }) => kv.|', ['delete', 'get', 'list', 'only', 'put']],
    ['const tool: Tool = async (input, { db }) => db.shop.|', ['execute', 'get', 'only', 'query', 'schema']],
    [
      "const tool: Tool = async (input, { tools }) => tools.send_email({ to: 'a', text: 'b', | })",
      ['priority'],
    ],
    ["const tool: Tool = async (input, { http }) => http.put('|')", ['https://files.company.com']],
  ])('has completion with one import of types: %s', ([text, offers]) => {
    const imported = `import type { Tool } from './capabilities.d.ts'\n${text}\nexport default tool\n`
    expect(offersAt(declarePolicy(compileText(richText)), imported)).toEqual(offers)
  })

  test('may go anywhere, as far as the compiler knows, where the hosts are very many', () => {
    const domains = Array.from({ length: 41 }, (_, at) => `a${at}.com`)
    const text = tool(['http'], "return (await http.get('https://b.com/')).status")
    const policy = (allowed_domains: string[]): string =>
      declarePolicy(compile({ permissions: { http: { allowed_domains } } }))
    expect(problemsIn(policy(domains), text)).toEqual([])
    expect(problemsIn(policy(domains.slice(1)), text)).toHaveLength(1)
  })

  test('may name the types of its input and output', () => {
    const declaration = declarePolicy(compile({}))
    const text = (type: string): string =>
      `import type { Tool } from './capabilities.d.ts'\nconst tool: Tool<{ a: number }, ${type}> = async ({ a }) => a\nexport default tool`
    expect(problemsIn(declaration, text('number'))).toEqual([])
    expect(problemsIn(declaration, text('string'))).toHaveLength(1)
  })
})

const openGate = (): Promise<Tollgate> =>
  createTollgate({ state: ':memory:', spareCages: 0, tools: hostTools, secrets: () => 'a-secret-value' })

describe('the declaration and the guest', () => {
  test('a tool that imports its types runs as it is', async () => {
    const text = tool(['kv'], "await kv.put('a', input as number)", "return (await kv.get('a')) + 1")
    const policy = { permissions: { kv: {} } }
    expect(problemsIn(declarePolicy(compile(policy)), text)).toEqual([])
    await using gate = await openGate()
    expect(await gate.run({ code: text, input: 4, policy })).toMatchObject({ status: 'done', value: 5 })
  })

  test.for<[string, Data]>([
    ['mounts', FILES],
    ['a mount that can only be read', READ_ONLY],
    ['a store', { permissions: { kv: {} } }],
    ['host tools', { permissions: { tools: { send_email: {}, lookup_order: {} } } }],
    [
      'databases',
      {
        permissions: {
          db: { a: { engine: 'sqlite', file: './a.db' }, b: { engine: 'sqlite', file: './b.db' } },
        },
      },
    ],
  ])('name the same members: %s', async ([, policy]) => {
    await using gate = await openGate()
    const code = `const below = (value, path) => Object.getOwnPropertyNames(value).flatMap((name) =>
      typeof value[name] === 'function' ? [path + name] : below(value[name], path + name + '.'))
      return below(capabilities, '').sort()`
    const { value, error } = await gate.run({ code, policy })
    expect(error).toBeUndefined()
    expect(declaredNames(declarePolicy(compile(policy)))).toEqual(value)
  })

  test('of http only the methods that are granted are declared, and each of them is there', async () => {
    await using gate = await openGate()
    const policy = {
      permissions: { http: { allowed_domains: [{ domain: 'a.com', methods: ['GET', 'PUT', 'OPTIONS'] }] } },
    }
    const declared = declaredNames(declarePolicy(compile(policy)))
    expect(declared).toEqual(['http.get', 'http.only', 'http.put', 'http.request'])
    const { value } = await gate.run({
      code: 'return Object.getOwnPropertyNames(http).map((name) => `http.${name}`)',
      policy,
    })
    expect(value).toEqual(expect.arrayContaining([...declared]))
  })

  test('every grant of every capability declares itself', () => {
    const policies = [compileText(richText), compile(FILES)]
    const silent = policies.flatMap(({ grants }) =>
      [...grants].filter(([, grant]) => grant.declare === undefined).map(([name]) => name),
    )
    expect(silent).toEqual([])
  })
})
