/** `tollgate check`, `types` and `explain`, run in this process with a terminal that keeps what it is told. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isTollgateError } from '../../src/errors/tollgate-error.ts'
import { declarePolicy, loadPolicyFile } from '../../src/policy.ts'
import { createProgram } from '../../src/surfaces/cli/program.ts'
import { createStyle } from '../../src/surfaces/cli/style.ts'
import type { Terminal } from '../../src/surfaces/cli/terminal.ts'
import { openFolder } from '../harness/command-line.ts'
import { hostTools } from './sample-tools.ts'

const fixtures = join(import.meta.dirname, '..', 'fixtures', 'policies')
const usersExample = join(fixtures, 'users-example.yaml')
const rich = join(fixtures, 'rich.yaml')
const tools = join(import.meta.dirname, 'sample-tools.ts')

type Told = { exit: number; text: string; documents: unknown[] }

/** Runs one command; an error is what main.ts would report, and its code stands in the text. */
const tollgate = async (...argv: string[]): Promise<Told> => {
  const told: Told = { exit: 0, text: '', documents: [] }
  const style = createStyle({ columns: 100 })
  const terminal: Terminal = {
    json: argv.includes('--json'),
    out: style,
    err: style,
    live: false,
    canAsk: false,
    outputClosed: new AbortController().signal,
    print: (lines) => void (told.text += `${lines.join('\n')}\n`),
    printJson: (value) => void told.documents.push(JSON.parse(JSON.stringify(value))),
    write: (text) => void (told.text += text),
    note: (lines) => void (told.text += `${lines.join('\n')}\n`),
    holdNotes: () => () => undefined,
  }
  const { program, invocation } = createProgram(terminal)
  try {
    await program.parseAsync(argv, { from: 'user' })
    told.exit = invocation.exit
  } catch (error) {
    if (!isTollgateError(error)) throw error
    told.exit = 2
    told.text += `${error.code} ${error.message}`
  }
  return told
}

describe('tollgate check', () => {
  test('says which secrets are missing, as a warning, and as a problem with --strict', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-check-'))
    const file = join(folder, 'policy.yaml')
    writeFileSync(file, 'secrets: { key: { from: "file:key" } }')
    const missing = `secrets.key: The secret key has no value: the file ${join(folder, 'key')} cannot be read.`
    const warned = await tollgate('check', file)
    expect([warned.exit, warned.text.includes(missing)]).toEqual([0, true])
    expect(await tollgate('check', file, '--strict')).toMatchObject({ exit: 2 })
    writeFileSync(join(folder, 'key'), 'sk-file-4f9a1c7be2d84c50')
    const { exit, text } = await tollgate('check', file, '--strict')
    rmSync(folder, { recursive: true })
    expect([exit, text.includes('sk-file')]).toEqual([0, false])
  })

  test('says that a policy is valid, lists its warnings with their place, and prints its digest', async () => {
    const { exit, text } = await tollgate('check', usersExample)
    expect(exit).toBe(0)
    expect(text).toContain('users-example.yaml is a valid policy, with 2 warnings')
    expect(text).toContain('12:17 human_in_loop[0]: "send_email" names nothing')
    expect(text).toMatch(/policy sha256:[0-9a-f]{64}/)
  })

  test('fails with 2 for a warning when strict', async () => {
    const { exit, text } = await tollgate('check', usersExample, '--strict')
    expect(exit).toBe(2)
    expect(text).toContain('has 2 problems')
  })

  test('fails with 2 for a problem, and names place and nearest key', async () => {
    const { exit, text } = await tollgate('check', join(fixtures, 'misspelt.yaml'))
    expect(exit).toBe(2)
    expect(text).toContain('has 2 problems')
    expect(text).toContain(
      '4:5 permissions.http.allowed_domain: is an unknown key; did you mean allowed_domains?',
    )
    expect(text).toContain('6:3 limits.max_tool_call: is an unknown key; did you mean max_tool_calls?')
  })

  test('prints exactly one JSON document with --json, whatever it finds', async () => {
    const good = await tollgate('--json', 'check', usersExample)
    expect(good).toMatchObject({
      exit: 0,
      text: '',
      documents: [{ ok: true, problems: [], warnings: [{}, {}] }],
    })
    const bad = await tollgate('--json', 'check', join(fixtures, 'misspelt.yaml'))
    expect(bad).toMatchObject({
      exit: 2,
      text: '',
      documents: [{ ok: false, problems: [{ line: 4 }, { line: 6 }] }],
    })
  })

  test('verifies host tools against a module of them', async () => {
    expect((await tollgate('check', rich)).text).toContain('not verified')
    const verified = await tollgate('check', rich, '--tools', tools)
    expect(verified.exit).toBe(0)
    expect(verified.text).not.toContain('not verified')
  })

  test('prints the JSON Schema with --schema and needs no file for it', async () => {
    const { exit, documents } = await tollgate('check', '--schema')
    expect(exit).toBe(0)
    expect(documents).toMatchObject([{ title: 'Tollgate policy', type: 'object' }])
  })

  test('without a file, or with one that cannot be read, is bad usage', async () => {
    expect(await tollgate('check')).toMatchObject({
      exit: 2,
      text: expect.stringContaining('CONFIG_USAGE') as string,
    })
    const missing = await tollgate('check', join(fixtures, 'nowhere.yaml'))
    expect(missing).toMatchObject({
      exit: 2,
      text: expect.stringContaining('CONFIG_FILE_UNREADABLE') as string,
    })
  })
})

describe('tollgate types', () => {
  test('prints the declaration, with the host tools of a module', async () => {
    const { exit, text } = await tollgate('types', '--policy', rich, '--tools', tools)
    expect(exit).toBe(0)
    expect(text).toBe(declarePolicy(await loadPolicyFile(rich, { tools: hostTools })))
  })

  test('says so when the host tools are not known', async () => {
    const { exit, text } = await tollgate('types', '--policy', rich)
    expect(exit).toBe(0)
    expect(text).toContain('the host tools are not known')
    expect(text).toContain('send_email(args?: unknown, options?: CallOptions): Promise<unknown>')
  })

  test('with --json prints one document, and nothing else', async () => {
    const { exit, text, documents } = await tollgate('--json', 'types', '--policy', usersExample)
    const { digest } = await loadPolicyFile(usersExample)
    expect({ exit, text }).toEqual({ exit: 0, text: '' })
    expect(documents).toEqual([
      {
        file: usersExample,
        policyDigest: digest,
        declaration: expect.stringContaining('export type Tool<') as string,
      },
    ])
  })

  test('with --out replaces the file, whole, and prints nothing', async () => {
    using folder = openFolder({ 'capabilities.d.ts': 'of another policy' })
    const out = join(folder.path, 'capabilities.d.ts')
    expect(await tollgate('types', '--policy', usersExample, '--out', out)).toMatchObject({
      exit: 0,
      text: '',
    })
    expect(readFileSync(out, 'utf8')).toBe(declarePolicy(await loadPolicyFile(usersExample)))
    expect(readdirSync(folder.path)).toEqual(['capabilities.d.ts'])
  })

  test('that cannot write says so, and leaves nothing behind', async () => {
    using folder = openFolder({ 'a-folder/file.txt': '' })
    for (const name of ['a-folder', join('nowhere', 'x.d.ts')]) {
      const told = await tollgate('types', '--policy', usersExample, '--out', join(folder.path, name))
      expect(told).toMatchObject({ exit: 2, text: expect.stringContaining('CONFIG_USAGE') as string })
      expect(readdirSync(folder.path)).toEqual(['a-folder'])
    }
  })

  test('without a policy, or with one that is wrong, is bad usage', async () => {
    await expect(tollgate('types')).rejects.toThrow(/--policy/)
    const wrong = await tollgate('types', '--policy', join(fixtures, 'misspelt.yaml'))
    expect(wrong).toMatchObject({ exit: 2, text: expect.stringContaining('CONFIG_POLICY_INVALID') as string })
  })
})

describe('tollgate explain', () => {
  test('says what is granted, what is not, and the worst case, no line wider than the terminal', async () => {
    const { exit, text } = await tollgate('explain', rich, '--tools', tools)
    expect(exit).toBe(0)
    for (const part of [
      'support-agent',
      'What the tool may do',
      'No MCP servers',
      'The worst case',
      'Warnings',
    ]) {
      expect(text).toContain(part)
    }
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  test('prints the explanation as one JSON document with --json', async () => {
    const { exit, text, documents } = await tollgate('--json', 'explain', usersExample)
    expect({ exit, text }).toEqual({ exit: 0, text: '' })
    expect(documents).toMatchObject([
      {
        notGranted: ['tools', 'filesystem', 'db', 'code_exec', 'kv', 'mcp'],
        worstCase: { day: 'unbounded' },
      },
    ])
  })

  test('passes when the worst case keeps every bound, and fails with 2 when it does not', async () => {
    expect(
      (await tollgate('explain', usersExample, '--max', 'max_tool_calls=20', '--max', 'cost_usd=0.5')).exit,
    ).toBe(0)
    const broken = await tollgate(
      'explain',
      usersExample,
      '--max',
      'max_tool_calls=19',
      '--max',
      'day.cost_usd=9',
    )
    expect(broken.exit).toBe(2)
    expect(broken.text).toContain('max_tool_calls of a run can come to 20, and at most 19 was demanded')
    expect(broken.text).toContain('max_cost_usd of a day has no bound')
    expect((await tollgate('explain', usersExample, '--max', 'max_tool=1')).text).toContain('CONFIG_USAGE')
  })
})
