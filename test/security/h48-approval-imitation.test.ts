import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunResult, type Ticket } from '../../src/index.ts'
import { renderTicket } from '../../src/surfaces/cli/print-ticket.ts'
import { createStyle } from '../../src/surfaces/cli/style.ts'
import { binary, openFolder, type Folder } from '../harness/command-line.ts'
import { openGate } from '../harness/gate.ts'
import { KEYS, requireTerminals, startOnTerminal } from '../harness/pseudo-terminal.ts'
import { toolsModule } from '../surfaces/cli/host-tools-module.ts'

const COLUMNS = 100
/** To the beginning of the next row of the terminal, and there what looks like the interface. */
const nextRow = (text: string, used: number): string => `${'x'.repeat(COLUMNS - used)}${text}`
const FAKE_END = '└ asked: nothing'
const FAKE_QUESTION = 'Approve once? [y/N] y'
const FAKE_FIELD = '│   arguments.to = "boss@company.com"'

/** What a tool writes into its e-mail, to be taken for the interface. */
const IMITATIONS: Readonly<Record<string, string>> = {
  'words of the interface':
    'ALREADY APPROVED by the administrator. No action is needed. Press y to close this notice.',
  'the end of the ticket and a question of its own': `\n${FAKE_END}\n${FAKE_QUESTION}\napproved\n`,
  'the same at the place where the terminal breaks the line':
    nextRow(FAKE_END.padEnd(COLUMNS), 26) + FAKE_QUESTION,
  'another recipient where the terminal breaks the line': nextRow(FAKE_FIELD.padEnd(COLUMNS), 26),
  'a wide script that fills rows faster': `${'가'.repeat(37)}${FAKE_END.padEnd(COLUMNS)}`,
  'ten thousand blank lines': `${'\n'.repeat(9_000)}harmless`,
  'a carriage return that writes over the line': 'wire 9,000 dollars\r│   arguments.body = "hello"',
  'terminal sequences': '\u001b[2J\u001b[H\u001b[8mhidden\u001b[0m\u009b1A\u0007\u001b]0;approved\u0007',
  backspaces: `evil${'\b'.repeat(4)}good`,
  'text that runs backwards': 'pay \u202e000,1\u202c and \u2066\u2067mixed\u2069 to them',
  'characters of no width': 'p\u200bay\u200d \u2060the\ufeff \u00adbill\u034f',
  'blanks that are letters': '\u3164\u2800\uffa0\u115f',
  'lines by other separators': 'a\u2028b\u2029c\u0085d\u000be\u000cf',
  'marks piled over the lines above': `o${'\u0335\u0336\u20dd'.repeat(40)}`,
  'a look-alike domain': 'Please pay at https://\u0430pple.com/invoice',
  'a look-alike behind a full-width dot': 'Please pay at https://\u0430pple\uff0ecom/invoice',
  'decoys before the look-alike': `${Array.from({ length: 12 }, (_, n) => `b\u00fccher${n}.de`).join(' ')} \u0430pple.com`,
  'letters that run from right to left': '\u05e9\u05dc\u05d5\u05dd 100 \u05dc good.com',
}

/** Colours are the host's own. */
const COLOUR = new RegExp(`${String.fromCodePoint(27)}\\[\\d*m`, 'gu')

/** Rows as a terminal of that width shows them. */
const screenRows = (text: string): string[] =>
  text.split('\n').flatMap((line) => line.match(new RegExp(`[^]{1,${COLUMNS}}`, 'gu')) ?? [''])

/**
 * What is wrong with a ticket as it stands on the screen: control or format characters, more rows than a person looks at, and rows
 * that are not behind the bar.
 */
const faultsOf = (shown: string): string[] => {
  const faults: string[] = []
  const text = shown.replaceAll(COLOUR, '')
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text.replaceAll('\n', ''))) faults.push('hidden characters')
  const rows = screenRows(text)
  if (rows.length > 60) faults.push('too many rows')
  const [first = '', ...rest] = rows
  const last = rest.pop() ?? ''
  if (!first.startsWith('┌ A call waits') || !last.startsWith('└ asked: tools.send_email'))
    faults.push('no frame')
  if (rest.some((row) => !row.startsWith('│ ') || row.startsWith(FAKE_FIELD))) faults.push('out of the frame')
  return faults
}

const PROGRAM = (body: string): string =>
  `return await tools.send_email({ to: 'bob@example.com', body: ${JSON.stringify(body)} })`

const POLICY = { permissions: { tools: { send_email: { max_calls: 9 } } } }

/** The ticket that a guest's call leads to, and what came of the call. */
const ticketOf = async (
  code: string,
  shape = z.looseObject({}),
): Promise<{ ticket: Ticket; result: RunResult }> => {
  const sendEmail = defineTool({
    name: 'send_email',
    description: 'Sends one e-mail.',
    input: shape,
    output: z.null(),
    effect: 'irreversible',
    category: 'message',
    perform: () => null,
  })
  let asked: Ticket | undefined
  const approve = (ticket: Ticket): boolean => {
    asked = ticket
    return false
  }
  await using gate = await openGate({ tools: [sendEmail], approve })
  const result = await gate.run({ code, policy: POLICY })
  if (asked === undefined) throw new Error(`nobody was asked: ${JSON.stringify(result.error)}`)
  return { ticket: asked, result }
}

const shownBy = (ticket: Ticket, full = false): string =>
  renderTicket(ticket, createStyle({ columns: COLUMNS }), Date.now(), { full }).lines.join('\n')

/** A renderer as one might write it first. */
const naively = ({ op, subject, request }: Ticket): string => {
  const { arguments: given } = request as { arguments: Readonly<Record<string, string>> }
  const fields = Object.entries(given).map(([name, value]) => `│   arguments.${name} = "${value}"`)
  return [
    '┌ A call waits for your approval',
    `│ does ${subject}`,
    ...fields,
    `└ asked: ${op}, ${subject}`,
  ].join('\n')
}

describe.each(Object.entries(IMITATIONS))('a body that holds %s', (_, body) => {
  it('stays in its line of the ticket, in few rows, and every character of it can be seen', async () => {
    const { ticket, result } = await ticketOf(PROGRAM(body))
    expect(faultsOf(shownBy(ticket))).toEqual([])
    expect(result.error).toMatchObject({ code: 'APPROVAL_DENIED', gate: 'approve' })
    expect(ticket.request).toMatchObject({ arguments: { body } })
  })
})

describe('what a person must not read over', () => {
  it.each(['a look-alike domain', 'a look-alike behind a full-width dot'])(
    '%s stands beside its punycode',
    async (name) => {
      const { ticket } = await ticketOf(PROGRAM(IMITATIONS[name] ?? ''))
      expect(shownBy(ticket)).toContain('is xn--pple-43d.com')
    },
  )

  it('a look-alike behind many decoys is at least counted', async () => {
    const { ticket } = await ticketOf(PROGRAM(IMITATIONS['decoys before the look-alike'] ?? ''))
    expect(shownBy(ticket)).toMatch(/look twice: and \d+ more names/)
  })

  it('letters that run backwards are pointed out', async () => {
    const { ticket } = await ticketOf(PROGRAM(IMITATIONS['letters that run from right to left'] ?? ''))
    expect(shownBy(ticket)).toContain('look twice: letters that run from right to left')
  })

  it('a name of a field that imitates a field is quoted', async () => {
    const code = `return await tools.send_email({ 'to = "boss@company.com"  cc': 1, to: 'eve@example.com' })`
    const { ticket } = await ticketOf(code)
    const rows = shownBy(ticket).split('\n')
    expect(rows).toContain('│   arguments."to = \\"boss@company.com\\"  cc" = 1')
    expect(rows.filter((row) => row.startsWith('│   arguments.to = '))).toEqual([
      '│   arguments.to = "eve@example.com"',
    ])
  })

  it('fields that push others out are counted, and said to be cut', async () => {
    const code = `return await tools.send_email({ ...Object.fromEntries(Array.from({ length: 500 }, (_, n) => ['a' + n, n])), to: 'eve@example.com' })`
    const { ticket } = await ticketOf(code)
    expect(faultsOf(shownBy(ticket))).toEqual([])
    expect(shownBy(ticket)).toContain('(cut after 40 fields)')
    expect(shownBy(ticket, true)).toContain('arguments.to = "eve@example.com"')
  })

  it('a giant is bounded in full as well', async () => {
    const code = `const big = 'x'.repeat(60_000); return await tools.send_email(Object.fromEntries(Array.from({ length: 60 }, (_, n) => ['a' + n, big])))`
    const { ticket } = await ticketOf(code)
    expect(shownBy(ticket, true).length).toBeLessThan(512 * 1024)
  })
})

describe('negative control: a renderer that writes down what it gets', () => {
  const harmless = new Set(['words of the interface', 'letters that run from right to left'])
  const isDomain = (name: string): boolean => name.includes('look-alike')
  const attacks = Object.entries(IMITATIONS).filter(([name]) => !harmless.has(name) && !isDomain(name))

  it.each(attacks)('is taken in by %s', async (_, body) => {
    const { ticket } = await ticketOf(PROGRAM(body))
    const text = naively(ticket)
    const isPiled = /\p{M}{4}/u.test(text)
    const isBlank = /[\u3164\u2800\uffa0\u115f]/u.test(text)
    expect(faultsOf(text).length > 0 || isPiled || isBlank).toBe(true)
  })
})

describe('at the terminal, through the real command line', () => {
  const QUESTION = /Approve once\? \[y\/N\][^\r\n]* $/
  let folder: Folder
  beforeAll(() => {
    requireTerminals()
    folder = openFolder({ 'policy.yaml': 'permissions: { tools: { send_email: { max_calls: 9 } } }\n' })
  })
  afterAll(() => folder[Symbol.dispose]())

  it.each(Object.entries(IMITATIONS))('%s: the ticket is whole, the default refuses', async (_, body) => {
    const args = ['run', '--code', PROGRAM(body), '-p', 'policy.yaml', '--tools', toolsModule]
    const running = startOnTerminal(process.execPath, [binary, ...args, '--state', ':memory:'], {
      cwd: folder.path,
    })
    const seen = await running.until(QUESTION)
    running.type(KEYS.enter)
    const ended = await running.ended
    expect(ended.exit).toBe(5)
    const [ticket = ''] = /┌ A call waits[^]*?\n└ asked:[^\r\n]*/.exec(stripVTControlCharacters(seen)) ?? []
    expect(faultsOf(ticket.replaceAll('\r\n', '\n'))).toEqual([])
    // Whatever the tool wrote, no sequence but colours ever reached the terminal.
    expect(ended.stdout.replaceAll(COLOUR, '').replaceAll(/[\r\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })
})
