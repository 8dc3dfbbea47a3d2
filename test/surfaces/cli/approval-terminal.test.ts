import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binary, openFolder, type Ended, type Folder, type Started } from '../../harness/command-line.ts'
import { KEYS, requireTerminals, startOnTerminal } from '../../harness/pseudo-terminal.ts'
import { toolsModule } from './host-tools-module.ts'

const QUESTION = /Approve once\? \[y\/N\][^\r\n]* $/
const send = (body: string): string =>
  `await tools.send_email({ to: 'bob@example.com', body: ${JSON.stringify(body)} })`

let folder: Folder
beforeAll(() => {
  requireTerminals()
  folder = openFolder({
    'policy.yaml': 'permissions: { tools: { send_email: { max_calls: 9 }, look_up: {} } }\n',
    'short.yaml': 'permissions: { tools: { send_email: { max_calls: 9 } } }\napproval: { ttl_seconds: 1 }\n',
  })
})
afterAll(() => folder[Symbol.dispose]())

const run = (code: string, policy = 'policy.yaml', ...more: string[]): Started =>
  startOnTerminal(
    process.execPath,
    [binary, 'run', '--code', code, '-p', policy, '--tools', toolsModule, '--state', ':memory:', ...more],
    { cwd: folder.path },
  )

/** What a person saw, without colours. */
const seen = ({ stdout }: Ended): string => stripVTControlCharacters(stdout).replaceAll('\r', '')

describe('at a terminal', () => {
  test('y approves exactly this call, once: the next one is asked about again', async () => {
    const running = run(
      `return [${send('first')}, await tools.send_email({ to: 'eve@example.com', body: 'second' })]`,
    )
    await running.until(QUESTION)
    running.type(`y${KEYS.enter}`)
    await running.until(/second[^]*Approve once\?/)
    running.type(KEYS.enter)
    const ended = await running.ended
    expect(ended.exit).toBe(5)
    expect(seen(ended)).toMatch(/request\n│ {3}tool = "send_email"\n│ {3}arguments\.body = "first"/)
    expect(seen(ended)).toMatch(/1 {2}allow +tools\.send_email/)
    expect(seen(ended)).toMatch(/2 {2}deny +tools\.send_email/)
    expect(seen(ended)).toMatch(/approved and used by terminal:\S+/)
  })

  test.each([
    ['Enter alone', KEYS.enter],
    ['n', `n${KEYS.enter}`],
    ['anything that is no yes', `yeah sure${KEYS.enter}`],
    ['the end of the input', KEYS.endOfInput],
  ])('%s refuses', async (_, keys) => {
    const running = run(send('hello'))
    await running.until(QUESTION)
    running.type(keys)
    const ended = await running.ended
    expect(ended.exit).toBe(5)
    expect(seen(ended)).toContain('APPROVAL_DENIED')
  })

  test('what was typed before the question is no answer to it', async () => {
    const running = run(`console.log('thinking'); for (let n = 0; n < 5e7; n++); ${send('hello')}`)
    await running.until(/thinking|│/)
    running.type(`y${KEYS.enter}y${KEYS.enter}y`)
    await running.until(QUESTION)
    // The half-typed `y` must not become the beginning of this line.
    running.type(KEYS.enter)
    const ended = await running.ended
    expect(ended.exit).toBe(5)
    expect(seen(ended)).toContain('APPROVAL_DENIED')
  })

  test('s shows in full what was cut, and then asks again', async () => {
    const running = run(send(`${'x'.repeat(3000)} and wire the money`))
    await running.until(/s shows it in full/)
    running.type(`s${KEYS.enter}`)
    await running.until(/and wire the money[^]*Approve once\?/)
    running.type(`y${KEYS.enter}`)
    expect((await running.ended).exit).toBe(0)
  })

  test('Ctrl-C at the question cancels the run', async () => {
    const running = run(send('hello'))
    await running.until(QUESTION)
    running.type(KEYS.interrupt)
    const ended = await running.ended
    expect(ended.exit).toBe(130)
    expect(seen(ended)).toContain('■ cancelled')
  })

  test('nobody there: the ticket expires', async () => {
    const running = run(send('hello'), 'short.yaml')
    await running.until(QUESTION)
    const ended = await running.ended
    expect(ended.exit).toBe(5)
    expect(seen(ended)).toContain('APPROVAL_')
  })

  test('text of the tool cannot mix with the question: it is held back until the answer', async () => {
    const code = `const sent = ${send('hello').slice('await '.length)}; console.log('Approve once? [y/N] y'); return await sent`
    const running = run(code)
    await running.until(QUESTION)
    running.type(`y${KEYS.enter}`)
    const ended = await running.ended
    expect(ended.exit).toBe(0)
    const lines = seen(ended).split('\n')
    const at = (pattern: RegExp): number => lines.findIndex((line) => pattern.test(line))
    const [asked, answered, logged] = [
      at(/A call waits/),
      at(/^Approve once\?/),
      at(/info {2}│ Approve once\?/),
    ]
    expect(Math.min(asked, answered, logged)).toBeGreaterThanOrEqual(0)
    expect(logged < asked || logged > answered).toBe(true)
  })

  test('two calls at once are asked about one after the other', async () => {
    const both = `await Promise.all([${send('one').slice(6)}, ${send('two').slice(6)}])`
    const running = run(both)
    await running.until(/"one"[^]*Approve once\? \[y\/N\] $/)
    running.type(`y${KEYS.enter}`)
    await running.until(/"two"[^]*Approve once\? \[y\/N\] $/)
    running.type(`y${KEYS.enter}`)
    const ended = await running.ended
    expect(ended.exit).toBe(0)
    expect(seen(ended).match(/A call waits/g)).toHaveLength(2)
  })
})

describe('where nobody can answer, nobody is asked', () => {
  test.each([
    ['with --json', ['--json']],
    ['when stdin is the input', ['--input', '-']],
  ])('%s', async (_, more) => {
    const running = run(send('hello'), 'policy.yaml', ...more)
    if (more.includes('-')) running.type(`null${KEYS.enter}${KEYS.endOfInput}`)
    const ended = await running.ended
    expect(ended.exit).toBe(5)
    expect(seen(ended)).toContain('APPROVAL_UNAVAILABLE')
    expect(seen(ended)).not.toContain('Approve once?')
  })
})

describe('colours', () => {
  const escape = '\u001b['

  test('a terminal gets them', async () => {
    const { stdout } = await run('return 1').ended
    expect(stdout).toContain(escape)
  })

  test.each([
    ['NO_COLOR', { NO_COLOR: '1' }],
    ['a dumb terminal', { TERM: 'dumb' }],
  ])('%s turns them off', async (_, env) => {
    const running = startOnTerminal(
      process.execPath,
      [binary, 'run', '--code', 'return 1', '--state', ':memory:'],
      {
        cwd: folder.path,
        env,
      },
    )
    const { stdout, exit } = await running.ended
    expect(exit).toBe(0)
    expect(stdout).toContain('✔ done')
    expect(stdout).not.toContain(escape)
  })

  test('an empty NO_COLOR means nothing (no-color.org)', async () => {
    const running = startOnTerminal(process.execPath, [binary, 'runs', '--help'], { env: { NO_COLOR: '' } })
    expect((await running.ended).exit).toBe(0)
  })
})

test('Ctrl-C reaches the whole group of the terminal, and the run is still cancelled, not lost', async () => {
  const running = run(`await tools.look_up({ word: 'up' }); for (;;) {}`)
  await running.until(/looking up/)
  running.type(KEYS.interrupt)
  const ended = await running.ended
  expect(ended.exit).toBe(130)
  expect(seen(ended)).toContain('■ cancelled')
})
