import { copyFileSync, mkdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CODES } from '../../../src/index.ts'
import {
  binary,
  openFolder,
  startProgram,
  tollgate,
  type Ended,
  type Folder,
} from '../../harness/command-line.ts'
import { toolsModule } from './host-tools-module.ts'

const POLICY = `
permissions:
  http: { allowed_domains: ["http://127.0.0.1:PORT"], private_networks: ["127.0.0.0/8"] }
  tools: { send_email: { ask: always }, look_up: {}, break_down: {}, throw_later: {} }
limits: { max_tool_calls: 2 }
`

/** A port of the loopback interface on which nobody listens. */
const closedPort = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return port
}

let folder: Folder
let port: number

beforeAll(async () => {
  port = await closedPort()
  folder = openFolder({ 'policy.yaml': POLICY.replace('PORT', String(port)) })
})
afterAll(() => folder[Symbol.dispose]())

const run = (code: string, ...more: string[]): Promise<Ended> =>
  tollgate(['run', '--code', code, '--policy', 'policy.yaml', '--tools', toolsModule, '--json', ...more], {
    cwd: folder.path,
  })

/** The code of the error in the one JSON document on stdout. */
const codeOf = ({ stdout }: Ended): string | undefined =>
  (JSON.parse(stdout) as { error?: { code: string } }).error?.code

describe('a run ends with the exit code of its error', () => {
  test('0: done', async () => {
    const ended = await run('return (await tools.look_up({ word: "toll" })).meaning')
    expect([ended.exit, codeOf(ended)]).toEqual([0, undefined])
  })

  test.each([
    [1, 'GUEST_THREW', 'throw new Error("boom")'],
    [1, 'GUEST_SYNTAX', 'export default () => {'],
    [1, 'GUEST_NO_DEFAULT_EXPORT', 'export default 3'],
    [1, 'GUEST_IMPORT', 'import "node:fs"\nexport default () => 1'],
    [1, 'GUEST_UNPASSABLE', 'return () => 1'],
    [3, 'DENIED_DOMAIN', 'await http.get("https://elsewhere.example/")'],
    [4, 'LIMIT_TOOL_CALLS', 'for (;;) await tools.look_up({ word: "toll" })'],
    [5, 'APPROVAL_UNAVAILABLE', 'await tools.send_email({ to: "bob@example.com", body: "" })'],
    [6, 'UPSTREAM_TOOL_FAILED', 'await tools.break_down({})'],
  ] as const)('%d: %s', async (exit, code, source) => {
    const ended = await run(source)
    expect([ended.exit, codeOf(ended)]).toEqual([exit, code])
    expect(CODES[code].exit).toBe(exit)
  })

  test('6: a server that is not there', async () => {
    const ended = await run(`await http.get("http://127.0.0.1:${port}/")`)
    expect([ended.exit, codeOf(ended)]).toEqual([6, 'UPSTREAM_UNREACHABLE'])
  })

  test('7: an idempotency key that stands for something else', async () => {
    const first = await run('return input', '--input', '1', '--idempotency-key', 'k')
    const same = await run('return input', '--input', '1', '--idempotency-key', 'k')
    const other = await run('return input', '--input', '2', '--idempotency-key', 'k')
    expect([first.exit, same.exit, other.exit]).toEqual([0, 0, 7])
    expect(JSON.parse(same.stdout)).toEqual(JSON.parse(first.stdout))
    expect(codeOf(other)).toBe('IDEMPOTENCY_CONFLICT')
  })

  test('a code that the tool forges is the code of a throwing tool', async () => {
    const ended = await run(
      'throw Object.assign(new Error("x"), { code: "DENIED_DOMAIN", gate: "authorize" })',
    )
    expect([ended.exit, codeOf(ended)]).toEqual([1, 'GUEST_THREW'])
  })

  test('a refusal that the tool catches is no failure', async () => {
    const ended = await run(
      'try { await http.get("https://elsewhere.example/") } catch (e) { return e.code }',
    )
    expect([ended.exit, (JSON.parse(ended.stdout) as { value: string }).value]).toEqual([0, 'DENIED_DOMAIN'])
  })
})

describe('a command that cannot do its work', () => {
  test('70: a host tool that throws where nothing catches', async () => {
    const ended = await run('await tools.throw_later({}); await new Promise(() => {})')
    expect([ended.exit, codeOf(ended)]).toEqual([70, 'INTERNAL_ERROR'])
    expect(ended.stdout).toContain('Error: late')
  })

  test('2: bad usage', async () => {
    expect((await tollgate(['frobnicate'], { cwd: folder.path })).exit).toBe(2)
  })

  test.each([
    ['the checkout is not built', {}, 'npm run build'],
    [
      'a dependency is not installed',
      { 'dist/lib/main.js': `import 'tollgate-test-of-what-is-not-there'` },
      'npm ci',
    ],
    ['a defect', { 'dist/lib/main.js': `throw new Error('broken')` }, 'broken'],
  ])('70: %s', async (_, files, told) => {
    using bare = openFolder({ 'package.json': '{ "type": "module" }', ...files })
    mkdirSync(join(bare.path, 'bin'))
    copyFileSync(binary, join(bare.path, 'bin', 'tollgate.js'))
    const start = (...args: string[]): Promise<Ended> =>
      startProgram(process.execPath, [join(bare.path, 'bin', 'tollgate.js'), 'runs', ...args]).ended
    const [ended, json] = [await start(), await start('--json')]
    expect([ended.exit, ended.stdout, json.exit]).toEqual([70, '', 70])
    expect(ended.stderr).toMatch(/^✖ INTERNAL_ERROR /)
    expect(ended.stderr).toContain(told)
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'INTERNAL_ERROR' } })
  })
})
