import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { PostgresConnection } from '../../../../src/capabilities/db/postgres/connection.ts'
import type { LoadedParts } from '../../../../src/capabilities/db/postgres/line.ts'
import { openServer } from '../../../../src/capabilities/db/postgres/opened-server.ts'
import { createDbPowers } from '../../../../src/run/db-powers.ts'
import { makeAuthority, type Signed } from '../../../harness/authority.ts'
import { openFolder, tollgate } from '../../../harness/command-line.ts'
import { openGate } from '../../../harness/gate.ts'
import { hasPostgres, needPostgres, startPostgres, type PostgresServer } from '../../../harness/postgres.ts'
import { askShop } from '../shops.ts'
import { PASSWORD_REQUEST, startRecording, TLS_REQUEST, type RecordingServer } from './recording-server.ts'
import { serveShop, type ServedShop } from './served-shops.ts'
import { withParts } from './weak-parts.ts'

const PASSWORD = 'p-agent-77d1e0'
const UNAVAILABLE = 'UPSTREAM_DB_UNAVAILABLE at perform'
const authority = makeAuthority()
const own = authority.sign('DNS:db.test,DNS:localhost,IP:127.0.0.1')
const stranger: Signed = makeAuthority().sign('DNS:db.test')
const preset = getCACertificates('default')

let server: PostgresServer
let shop: ServedShop
beforeAll(async () => {
  if (!hasPostgres) return
  server = await startPostgres({ ssl: 'on' }, { 'server.crt': own.cert, 'server.key': own.key })
  shop = await serveShop(server)
})
afterAll(() => server?.[Symbol.asyncDispose]())
afterEach(() => {
  setDefaultCACertificates(preset)
  vi.unstubAllEnvs()
})
/** What NODE_EXTRA_CA_CERTS does when a process starts. */
const trust = (): void => setDefaultCACertificates([...preset, authority.cert])

const urlOf = (host: string, query: string): string =>
  (shop.options.powers?.env?.['SHOP_URL'] ?? '').replace('127.0.0.1', host) + query

/** Asks by a url whose host, whatever it is, is found at a port of loopback; tells as well how the server sees the connection. */
const ask = async (
  host: string,
  query: string,
  { port = server.port, weak = {} }: { port?: number; weak?: Partial<LoadedParts> } = {},
) => {
  const isSecured: unknown[] = []
  const watched: Partial<LoadedParts> = {
    async open(...of) {
      const opened = await openServer(...of)
      isSecured.push(...(await server.exec(SECURED)).flat())
      return opened
    },
  }
  const dial = () => createDbPowers().dial('127.0.0.1', port)
  const db = withParts({ ...watched, ...weak }, dial)
  await using gate = await openGate({ powers: { env: { SHOP_URL: urlOf(host, query) }, db } })
  const { verdicts, texts } = await askShop(gate, shop.policy, ['select count(*) from orders'])
  expect(texts.join()).not.toMatch(/p-agent|db\.test|other\.test|127\.0\.0\.1/u)
  return { verdict: verdicts[0], isSecured }
}
const SECURED = `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tollgate'`

describe('a server whose certificate is verified', () => {
  it.for([
    ['db.test', ''],
    ['db.test', '?sslmode=verify-full'],
    ['localhost', '?sslmode=verify-full'],
    ['127.0.0.1', '?sslmode=verify-full'],
    ['other.test', '?sslmode=verify-ca'],
  ] as const)('is spoken to in secret: %s%s', async ([host, query], { skip }) => {
    needPostgres(skip)
    trust()
    expect(await ask(host, query)).toEqual({ verdict: [[3]], isSecured: [true] })
  })

  it.for([
    ['of an unknown authority', 'db.test', '', false],
    ['of an unknown authority, asked for by name', 'db.test', '?sslmode=verify-full', false],
    ['of an unknown authority, where names do not matter', 'db.test', '?sslmode=verify-ca', false],
    ['of an unknown authority, on loopback', '127.0.0.1', '?sslmode=verify-full', false],
    ['of another name', 'other.test', '', true],
    ['of another name, asked for by name', 'other.test', '?sslmode=verify-full', true],
    ['of another address', '127.0.0.2', '?sslmode=verify-full', true],
  ] as const)('is refused with one %s', async ([, host, query, isTrusted], { skip }) => {
    needPostgres(skip)
    if (isTrusted) trust()
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    expect(await ask(host, query)).toEqual({ verdict: UNAVAILABLE, isSecured: [] })
  })

  it('is one that NODE_EXTRA_CA_CERTS vouches for', async ({ skip }) => {
    needPostgres(skip)
    using folder = openFolder({ 'policy.json': JSON.stringify(shop.policy), 'ca.pem': authority.cert })
    const env = { SHOP_URL: urlOf('localhost', '?sslmode=verify-full') }
    const check = (more: object) =>
      tollgate(['check', 'policy.json', '--connect'], { cwd: folder.path, env: { ...env, ...more } })
    expect(await check({ NODE_EXTRA_CA_CERTS: join(folder.path, 'ca.pem') })).toMatchObject({ exit: 0 })
    const without = await check({})
    expect(without).toMatchObject({ exit: 2 })
    expect(without.stdout).toContain('cannot be reached')
  })
})

describe('what a url says is obeyed:', () => {
  it.for([
    ['TLS with whoever answers', 'db.test', '?sslmode=require', true],
    ['no TLS, wherever it is', 'db.test', '?sslmode=disable', false],
    ['nothing, on loopback', '127.0.0.1', '', false],
  ] as const)('%s', async ([, host, query, isSecured], { skip }) => {
    needPostgres(skip)
    expect(await ask(host, query)).toEqual({ verdict: [[3]], isSecured: [isSecured] })
  })

  it.for([
    'sslrootcert=/etc/ca.pem',
    'sslmode=prefer',
    'sslmode=allow',
    'sslmode=',
    'sslmode=Disable',
    'ssl=true',
  ])('not so %s', async (query, { skip }) => {
    needPostgres(skip)
    expect(await ask('db.test', `?${query}`)).toEqual({
      verdict: 'CONFIG_DB_UNFIT at perform',
      isSecured: [],
    })
  })
})

describe('a server that does no TLS is sent nothing but the request for it', () => {
  it.for<[string, string, string | Buffer]>([
    ['no', '', 'N'],
    ['no, and nobody is to be verified', '?sslmode=require', 'N'],
    ['no, and names do not matter', '?sslmode=verify-ca', 'N'],
    ['no, and asks for a password', '?sslmode=require', Buffer.concat([Buffer.from('N'), PASSWORD_REQUEST])],
    ['yes, and asks for a password', '?sslmode=require', Buffer.concat([Buffer.from('S'), PASSWORD_REQUEST])],
    ['an error', '?sslmode=require', 'E\0\0\0\u0008SX\0\0'],
    ['that it wants a password', '?sslmode=require', PASSWORD_REQUEST],
  ])('when it says %s', async ([, query, answer], { skip }) => {
    needPostgres(skip)
    await using liar = await startRecording(answer)
    expect((await ask('db.test', query, liar)).verdict).toBe(UNAVAILABLE)
    expect(liar.plain()).toEqual(TLS_REQUEST)
  })

  it('negative control: a connection that falls back tells it the password', async ({ skip }) => {
    needPostgres(skip)
    await using liar = await startRecording('N')
    const weak: Partial<LoadedParts> = { connect: (...of) => new Preferring(...of) }
    await ask('db.test', '?sslmode=verify-full', { ...liar, weak })
    expect(liar.plain().toString('latin1')).toContain(PASSWORD)
  })
})

describe('a server that shows a wrong certificate is sent nothing in secret either', () => {
  const heard = async (liar: RecordingServer, host: string, query: string) => {
    const { verdict } = await ask(host, query, liar)
    return { verdict, secured: liar.secured().toString('latin1'), plain: liar.plain() }
  }

  it.for([
    ['of an unknown authority', 'db.test', '', stranger],
    ['of an unknown authority, where names do not matter', 'db.test', '?sslmode=verify-ca', stranger],
    ['of another name', 'other.test', '', own],
    ['of another address', '127.0.0.2', '?sslmode=verify-full', own],
  ] as const)('%s', async ([, host, query, identity], { skip }) => {
    needPostgres(skip)
    trust()
    await using liar = await startRecording('S', identity)
    expect(await heard(liar, host, query)).toEqual({
      verdict: UNAVAILABLE,
      secured: '',
      plain: TLS_REQUEST,
    })
  })

  it('negative control: where nobody asks who it is, it is told the password', async ({ skip }) => {
    needPostgres(skip)
    await using liar = await startRecording('S', stranger)
    const { secured, plain } = await heard(liar, 'db.test', '?sslmode=require')
    expect(secured).toContain(PASSWORD)
    expect(plain).toEqual(TLS_REQUEST)
  })
})

/** Tries again in plain text, as `prefer` would. */
class Preferring extends PostgresConnection {
  readonly #again: () => PostgresConnection

  constructor(...[address, ...rest]: ConstructorParameters<typeof PostgresConnection>) {
    super(address, ...rest)
    this.#again = () => new PostgresConnection({ ...address, tls: false }, ...rest)
  }

  override async open(): Promise<void> {
    await super.open().catch(() => this.#again().open())
  }
}
