import { describe, expect, it } from 'vitest'
import type { SecretSigner } from '../../../src/capabilities/capability.ts'
import { credentialFor } from '../../../src/capabilities/http/credentials.ts'
import { parseTarget } from '../../../src/capabilities/http/target.ts'
import { drive, failureOf, secret } from './driving.ts'
import { refusalOf } from './granting.ts'
import { startHttp } from './servers.ts'

const credential = (url: string, ...given: Parameters<typeof secret>): ReturnType<typeof credentialFor> =>
  credentialFor('key', parseTarget(url), new Map([['key', secret(...given)]]))

describe('a credential is written as its kind says', () => {
  it.each([
    [{ kind: 'bearer' }, ['authorization', 'Bearer s3cret']],
    [
      { kind: 'basic', username: 'üser' },
      ['authorization', `Basic ${Buffer.from('üser:s3cret').toString('base64')}`],
    ],
    [{ kind: 'header', name: 'X-Api-Key' }, ['x-api-key', 's3cret']],
    [{ kind: 'none' }, undefined],
  ] as [SecretSigner, unknown][])('%j', (signer, header) => {
    expect(credential('https://a.com', 'key', 's3cret', signer)).toEqual(header)
  })

  it.each(['a\nb', 'a\r\nX-Evil: 1', 'a\0', 'schlüssel', ' a', 'a ', ''])(
    'never with what no header can carry: %j',
    (value) => {
      const error = refusalOf(() =>
        credential('https://a.com', 'key', value, { kind: 'header', name: 'x-key' }),
      )
      expect(error.code).toBe('CONFIG_SECRET_MISSING')
      expect(error.message).toBe('The secret key holds characters that no header can carry.')
    },
  )
})

describe('a credential goes where its hosts say', () => {
  it.each([
    ['https://api.company.com/', ['api.company.com']],
    ['https://api.company.com:8443/', ['api.company.com']],
    ['http://api.company.com/', ['other.com', 'api.company.com']],
    ['https://api.company.com:8443/', ['api.company.com:8443']],
    ['https://a.b.company.com/', ['*.company.com']],
    ['https://anywhere.com/', undefined],
  ])('%s is covered by %j', (url, hosts) => {
    expect(credential(url, 'key', 'v', { kind: 'bearer' }, hosts)).toBeDefined()
  })

  it.each([
    ['https://api.company.com/', []],
    ['https://api.company.com/', ['company.com']],
    ['https://company.com/', ['*.company.com']],
    ['https://api.company.com.evil.io/', ['api.company.com']],
    ['https://api.company.com/', ['api.company.com:8443']],
    ['https://bucket.s3.amazonaws.com/', ['*.amazonaws.com']],
    ['https://shop.co.uk/', ['*.co.uk']],
    ['https://api.company.com/', ['api.company.com.']],
  ])('%s is not covered by %j', (url, hosts) => {
    expect(refusalOf(() => credential(url, 'key', 'v', { kind: 'bearer' }, hosts)).code).toBe(
      'DENIED_SECRET_HOST',
    )
  })
})

describe('a credential in a request', () => {
  it('replaces what the guest set, and stands in no judgement', async () => {
    const seen: unknown[] = []
    const { port } = await startHttp((request, response) => {
      seen.push(request.headers['x-api-key'])
      response.end()
    })
    const api = drive({
      document: {
        allowed_domains: [{ domain: `http://a.test:${port}`, auth: 'key', headers: ['x-api-key'] }],
      },
      secrets: [secret('key', 'of-the-host', { kind: 'header', name: 'x-api-key' })],
    })
    const outcome = await api.call({
      url: `http://a.test:${port}/`,
      headers: { 'x-api-key': 'of-the-guest' },
    })
    expect(seen).toEqual(['of-the-host'])
    expect(JSON.stringify([outcome, api.drawn])).not.toContain('of-the-host')
  })

  it('that may not go there stops the call before anything is resolved', async () => {
    const api = drive({
      document: { allowed_domains: [{ domain: 'http://*.company.test', auth: 'key' }] },
      secrets: [secret('key', 'value', { kind: 'bearer' }, ['a.company.test'])],
    })
    const error = await failureOf(api.call({ url: 'http://b.company.test/' }))
    expect([error.code, error.facts.notPerformed, api.resolved]).toEqual(['DENIED_SECRET_HOST', true, []])
  })

  it('stands in no error either', async () => {
    const { port } = await startHttp((request) => request.socket.destroy())
    const api = drive({
      document: { allowed_domains: [{ domain: `http://a.test:${port}`, auth: 'key' }] },
      secrets: [secret('key', 'hunter2-hunter2')],
    })
    const error = await failureOf(api.call({ url: `http://a.test:${port}/` }))
    expect(`${JSON.stringify(error.toRecord())} ${error.stack}`).not.toContain('hunter2')
  })
})
