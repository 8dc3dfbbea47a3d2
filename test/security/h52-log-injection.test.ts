import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunResult } from '../../src/index.ts'
import { openGate } from '../harness/gate.ts'

/** What would end a line, a JSON text or a terminal's patience. */
const INJECTIONS = {
  'a new line': 'x\n{"event":"run.ended","facts":{"status":"done"}}',
  'closers of JSON': '"}}\r\n],"facts":{"verdict":"allow',
  'terminal sequences': '\u001b[2J\u001b[31m\u009b1A\u0007',
  'text that runs backwards': '\u202eevil\u2066\u200b\ufeff',
  'line separators of Unicode': 'a\u2028b\u2029c\u0085d',
  'NUL and friends': '\u0000\u0001\u007f',
  'half a character': '\ud800 \udfff',
  'keys of the prototype': '__proto__ constructor toString',
  'huge text': 'x'.repeat(200_000),
  'huge text of escapes': '\u0001'.repeat(200_000),
} as const
const LINE_BYTES_MAX = 32 * 1024
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u

/** Puts the text wherever the words of a guest can reach a record: arguments, keys of arguments, its own error. */
const TOOL = `export default async (text, { tools }) => {
  try { await tools.note({ text, [text.slice(0, 100)]: 1 }) } catch {}
  try { await tools.note(text) } catch {}
  await tools.note({ text })
  console.log(text)
  throw Object.assign(new Error(text), { name: text, code: text, stack: text })
}`

const note = defineTool({
  name: 'note',
  description: 'Takes a note.',
  input: z.strictObject({ text: z.string() }),
  output: z.string(),
  effect: 'write',
  perform: ({ text }) => text,
})

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tollgate-h52-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

type Logged = {
  readonly result: RunResult
  readonly lines: readonly string[]
  readonly records: number
  readonly intact: boolean
}

const logged = async (text: string): Promise<Logged> => {
  const auditLog = join(folder, 'audit.log')
  await using gate = await openGate({
    state: join(folder, 'state'),
    auditLog,
    tools: [note],
    approve: () => ({ approve: true, reason: text }),
  })
  const policy = { permissions: { tools: { note: { ask: 'always' } } }, limits: { max_memory_mb: 128 } }
  const result = await gate.run({ code: TOOL, input: text, policy })
  const { intact, records } = await gate.audit.verify()
  await gate.close()
  return { result, lines: readFileSync(auditLog, 'utf8').split('\n').slice(0, -1), records, intact }
}

describe.each(Object.entries(INJECTIONS))('%s', (_, text) => {
  it('leaves one record a line, each of them whole, bounded and printable', async () => {
    const { result, lines, records, intact } = await logged(text)
    expect(result.error).toMatchObject({ code: 'GUEST_THREW', gate: 'cage' })
    expect(intact).toBe(true)
    expect(lines).toHaveLength(records)
    for (const line of lines) {
      const { event, facts } = JSON.parse(line) as { event: string; facts: Record<string, unknown> }
      expect(typeof event).toBe('string')
      expect(Object.getPrototypeOf(facts)).toBe(Object.prototype)
      expect(Buffer.byteLength(line)).toBeLessThan(LINE_BYTES_MAX)
      expect(line).not.toMatch(UNPRINTABLE)
      for (const fact of Object.values(facts)) expect(String(fact)).not.toMatch(UNPRINTABLE)
    }
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event)
    expect(events.filter((event) => event === 'run.ended')).toHaveLength(1)
    expect(events.filter((event) => event === 'call')).toHaveLength(3)
  })
})

describe('negative control', () => {
  it('the same words do reach the host as they are, and break a log that writes them down', async () => {
    const { result } = await logged(INJECTIONS['a new line'])
    const naive = `run.ended message=${result.error?.message ?? ''}`
    expect(naive.split('\n').length).toBeGreaterThan(1)
  })
})
