import { describe, expect, it } from 'vitest'
import { TollgateError } from '../../../src/errors/tollgate-error.ts'
import { drive, failureOf, textOf } from './driving.ts'
import { openHops as open, startRedirecting, to } from './redirecting.ts'
import { startHttp } from './servers.ts'

describe('a hop does no more than what was judged', () => {
  const entry = (port: number, path: string, rest: object): object => ({
    domain: `http://a.test:${port}`,
    methods: ['GET', 'POST'],
    paths: [path],
    ...rest,
  })
  const hop = async (from: object, target: object, method = 'POST', asks = false): Promise<string> => {
    const { port, seen } = await startRedirecting()
    const api = drive({
      document: { allowed_domains: [entry(port, '/to', from), entry(port, '/end', target)] },
    })
    const args = { method, url: to(port, 307, '/end') }
    try {
      await api.call(args, { asks: ({ subject }) => asks && subject.endsWith('/end') })
      return 'followed'
    } catch (error) {
      if (!(error instanceof TollgateError) || seen.length !== 1) throw error
      return `${error.code}: ${error.message}`
    }
  }

  it.each([
    ['the same', {}, {}],
    ['a read after a write', { effect: 'irreversible' }, {}],
    ['the same category', { category: ['payment'], ask: 'never' }, { category: ['payment'], ask: 'never' }],
    ['never asks', { ask: 'always' }, { ask: 'never' }],
    ['a safer repetition', {}, { idempotency: 'idempotent' }],
    ['the same price', { cost_usd: 0.1 }, { cost_usd: 0.1 }],
  ])('%s is followed', async (_, from, target) => {
    expect(await hop(from, target)).toBe('followed')
  })

  it.each([
    ['a stronger effect', {}, { effect: 'irreversible', ask: 'never' }, 'stronger effect'],
    [
      'another category',
      { category: ['delete'] },
      { category: ['payment'], ask: 'never' },
      'another category',
    ],
    ['an approval of its own', {}, { ask: 'always' }, 'approval of its own'],
    [
      'an approval of its own, though the call was approved',
      { ask: 'always' },
      { ask: 'always' },
      'approval of its own',
    ],
    ['an approval once a run', { ask: 'once_per_run' }, { ask: 'once_per_run' }, 'approval of its own'],
    ['an approval by default', { effect: 'irreversible' }, { effect: 'irreversible' }, 'approval of its own'],
    ['what can be repeated less safely', { idempotency: 'keyed' }, {}, 'repeated less safely'],
    ['a higher price', { cost_usd: 0.1 }, { cost_usd: 0.2 }, 'costs more'],
  ])('%s is denied', async (_, from, target, problem) => {
    expect(await hop(from, target)).toMatch(new RegExp(`^DENIED_REDIRECT: .*${problem}`))
  })

  it('a read that leads to an effect is denied', async () => {
    expect(await hop({}, { effect: 'write' }, 'GET')).toContain('stronger effect')
  })

  it('what the policy would ask about elsewhere is denied', async () => {
    expect(await hop({}, {}, 'GET', true)).toContain('approval of its own')
    expect(await hop({}, {}, 'GET', false)).toBe('followed')
  })
})

describe('redirects are counted and paid', () => {
  const chain = (port: number, length: number): string =>
    Array.from({ length }).reduce<string>(
      (next) => `/to?s=302&l=${encodeURIComponent(next)}`,
      `http://a.test:${port}/end`,
    )

  it('no more than max_redirects are followed', async () => {
    const { port, seen } = await startRedirecting()
    const url = (length: number): string => `http://a.test:${port}${chain(port, length)}`
    expect(textOf(await open(port, { max_redirects: 3 }).call({ url: url(3) }))).toBe('GET /end')
    seen.length = 0
    const error = await failureOf(open(port, { max_redirects: 3 }).call({ url: url(4) }))
    expect([error.code, error.facts.rule, seen.length]).toEqual([
      'DENIED_REDIRECT',
      'permissions.http.max_redirects',
      4,
    ])
  })

  it('a loop ends there too', async () => {
    let count = 0
    const { port } = await startHttp((_, response) => {
      count += 1
      response.writeHead(302, { location: '/' }).end()
    })
    const error = await failureOf(
      open(port, { max_redirects: 20, max_egress_kb: 1024 }).call({ url: `http://a.test:${port}/` }),
    )
    expect([error.code, count]).toEqual(['DENIED_REDIRECT', 21])
  })

  it('with 0 none is followed, and with manual the guest sees it', async () => {
    const { port, seen } = await startRedirecting()
    const api = open(port, { max_redirects: 0 })
    expect((await failureOf(api.call({ url: to(port, 302, '/end') }))).code).toBe('DENIED_REDIRECT')
    const { value } = await api.call({ url: to(port, 302, '/end'), redirect: 'manual' })
    expect([value.status, value.headers.find(([name]) => name === 'location')?.[1], seen.length]).toEqual([
      302,
      '/end',
      2,
    ])
  })

  it('with error a redirect is an error', async () => {
    const { port, seen } = await startRedirecting()
    expect((await failureOf(open(port).call({ url: to(port, 302, '/end'), redirect: 'error' }))).code).toBe(
      'DENIED_REDIRECT',
    )
    expect(seen).toHaveLength(1)
  })

  it('each hop draws its bytes from the budget of its destination, and no rate', async () => {
    const { port } = await startRedirecting()
    const api = open(port, { rate: { calls: 5, per_seconds: 1 } })
    const [first, second] = [to(port, 302, `http://b.test:${port}/end`), `http://b.test:${port}/end`]
    const outcome = await api.call({ url: first })
    expect(api.drawn).toMatchObject([{ meter: `http.egress:http://b.test:${port}`, amount: second.length }])
    expect(outcome.egressBytes).toBe(first.length + second.length)
    expect(outcome.ingressBytes).toBe('moved'.length + 'GET /end'.length)
  })

  it('a hop that the budget does not hold is not sent', async () => {
    const { port, seen } = await startRedirecting()
    const draw = (): void => {
      throw new TollgateError('LIMIT_EGRESS', 'spent')
    }
    const error = await failureOf(open(port).call({ url: to(port, 302, '/end') }, { draw }))
    expect([error.code, error.facts.notPerformed, seen.length]).toEqual(['LIMIT_EGRESS', undefined, 1])
  })

  it('a long body of a redirect costs the connection, not the call', async () => {
    const server = await startHttp((request, response) => {
      if (request.url === '/end') response.end('end')
      else response.writeHead(302, { location: '/end' }).end(Buffer.alloc(1024 * 1024))
    })
    expect(textOf(await open(server.port).call({ url: `http://a.test:${server.port}/` }))).toBe('end')
    expect(server.accepted).toHaveLength(2)
  })
})
