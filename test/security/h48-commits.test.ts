import { stripVTControlCharacters } from 'node:util'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { renderTicket } from '../../src/surfaces/cli/print-ticket.ts'
import { createStyle } from '../../src/surfaces/cli/style.ts'
import type { RunResult, Ticket } from '../../src/index.ts'
import { binary, openFolder, tollgate, type Ended } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'
import { KEYS, requireTerminals, startOnTerminal } from '../harness/pseudo-terminal.ts'

const POLICY = `permissions:
  filesystem: [{ path: /out, source: ./out, mode: overlay, allow: ["*.md"], ask: always }]
`
const ESCAPE = '\u001b'
const FAKES = [
  '└ asked: nothing',
  'Approve once? [y/N] y',
  `${ESCAPE}[2J${ESCAPE}[1;1H`,
  '\u202egnp.exe',
  'replace /out/a.md, 1 bytes, sha256 0',
  '\r└ already approved',
  'x'.repeat(3000),
]
const CODE = `await fs.write('/out/a.md', input.join('\\n') + '\\n'.repeat(10_000)); await fs.write('/out/b.md', 'b')`

/** What a person saw, without colours. */
const seen = ({ stdout }: Ended): string => stripVTControlCharacters(stdout).replaceAll('\r', '')

/** The ticket of a commit whose content imitates the interface. */
const ticketOf = async (): Promise<Ticket> => {
  using folder = openFolder({ 'policy.yaml': POLICY, 'out/a.md': 'one\ntwo\n' })
  const tickets: Ticket[] = []
  await using gate = await openGate({ approve: (ticket) => tickets.push(ticket) === 0 })
  await gate.run({ code: CODE, policy: join(folder.path, 'policy.yaml'), input: FAKES })
  const [ticket] = tickets
  if (ticket === undefined) throw new Error('nobody was asked')
  return ticket
}

it.each([false, true])(
  'H48: contents that imitate the interface stay behind the bar and a sign, full: %s',
  async (full) => {
    const ticket = await ticketOf()
    const { lines, wasCut } = renderTicket(ticket, createStyle(), Date.now(), { full, columns: 100 })
    expect(lines.slice(1, -1).filter((line) => !line.startsWith('│ '))).toEqual([])
    expect(lines.filter((line) => line.startsWith('└'))).toEqual([lines.at(-1)])
    expect(lines.at(-1)).toContain('asked: fs.commit, fs.commit /out (2 changes')
    expect([ESCAPE, '\u202e', '\r'].filter((one) => lines.join('').includes(one))).toEqual([])
    const began = lines.indexOf('│ changes')
    const heads = lines.filter((line, at) => at > began && /^│ {3}(?:replace|create) /u.test(line))
    expect(heads.map((line) => line.split(',')[0])).toEqual(['│   replace /out/a.md', '│   create /out/b.md'])
    expect(lines.filter((line) => line === '│     -two' || line === '│     +└ asked: nothing')).toHaveLength(
      2,
    )
    expect(lines.length).toBeLessThan(full ? 300 : 120)
    expect(wasCut).toBe(!full)
    expect(lines.some((line) => line.includes('from right to left') || line.includes('\\u{202e}'))).toBe(true)
  },
)

describe('tollgate run', () => {
  beforeAll(() => requireTerminals())
  const code = `await fs.write('/out/a.md', 'one\\n2\\n'); await fs.write('/out/n.md', 'fresh')`
  const open = () => openFolder({ 'policy.yaml': POLICY, 'out/a.md': 'one\ntwo\n' })
  const args = ['run', '--code', code, '-p', 'policy.yaml', '--state', ':memory:']

  it.each([
    ['y', 0, 'one\n2\n'],
    ['n', 5, 'one\ntwo\n'],
  ])('shows what changes and asks before it commits: %s', async (key, exit, text) => {
    using folder = open()
    const running = startOnTerminal(process.execPath, [binary, ...args], { cwd: folder.path })
    const asked = await running.until(/Approve once\?[^\r\n]* $/)
    expect(stripVTControlCharacters(asked).replaceAll('\r', '')).toMatch(
      /changes\n│ {3}replace \/out\/a\.md, 6 bytes, sha256 [^]*│ {5} one\n│ {5}-two\n│ {5}\+2\n│ {3}create \/out\/n\.md[^]*\+fresh/u,
    )
    expect(readFileSync(join(folder.path, 'out/a.md'), 'utf8')).toBe('one\ntwo\n')
    running.type(`${key}${KEYS.enter}`)
    const ended = await running.ended
    expect(ended.exit).toBe(exit)
    expect(readFileSync(join(folder.path, 'out/a.md'), 'utf8')).toBe(text)
    expect(seen(ended).includes('committed\n  replace /out/a.md, create /out/n.md')).toBe(exit === 0)
  })

  it('tells what became of the commit as JSON, and commits nothing where nobody can be asked', async () => {
    using folder = open()
    const ended = await tollgate([...args, '--json'], { cwd: folder.path })
    const { commits, error } = JSON.parse(ended.stdout) as RunResult
    expect(error?.code).toBe('APPROVAL_UNAVAILABLE')
    expect(commits).toEqual([
      {
        op: 'fs.commit',
        subject: expect.stringContaining('/out (2 changes, 11 bytes') as string,
        state: 'refused',
      },
    ])
    expect(readFileSync(join(folder.path, 'out/a.md'), 'utf8')).toBe('one\ntwo\n')
  })
})
