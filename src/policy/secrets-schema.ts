import * as z from 'zod'
import type { SecretSigner } from '../capabilities/capability.ts'
import type { SecretDeclaration } from './compiled.ts'

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
const ENV = /^env:[A-Za-z_][A-Za-z0-9_]*$/
const FILE = /^file:[^\p{Cc}]{1,4096}$/u
const PROVIDER = /^provider:[A-Za-z0-9_][A-Za-z0-9_./:-]{0,255}$/
// Longer ones are no key of AWS; a slash or a comma would end the field of the header that it stands in.
const AWS_WORD = /^[A-Za-z0-9_-]{1,128}$/
// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
const PRINTABLE = /^[\u0020-\u007e]{1,256}$/
// RFC 6749, section 3.3.
const SCOPE = /^[\u0021\u0023-\u005b\u005d-\u007e]+(?: [\u0021\u0023-\u005b\u005d-\u007e]+)*$/
const LOOPBACK = /^(?:127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/
const USERNAME = /^[^:\p{Cc}]{1,256}$/u
const HOST =
  /^(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?(?::\d{1,5})?$|^\[[0-9a-f:.]+\](?::\d{1,5})?$/i

// Headers that frame or route a request are the driver's alone.
const FRAMING = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
])

const SIGNERS = ['bearer', 'basic', 'header', 'aws_v4', 'oauth_refresh'] as const

// A function, for a pattern in the JSON Schema would be read without its flags.
const matching = (pattern: RegExp, message: string) =>
  z
    .string()
    .max(512)
    .refine((text) => pattern.test(text), message)

// RFC 6749, section 3.2: no fragment, and TLS; without it only what stays on this machine.
const isTokenUrl = (text: string): boolean => {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '' || text.includes('#')) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname))
}

const oauthSchema = z.strictObject({
  token_url: z
    .string()
    .max(2048)
    .refine(isTokenUrl, 'must be an https URL, or an http URL of a loopback address')
    .describe(
      'Where access tokens are got (RFC 6749, section 6). Its address must be public, or in `private_networks`; no redirect is followed.',
    ),
  client_id: matching(PRINTABLE, 'must be the id of a client').describe('Id of the client.'),
  client_secret: z
    .string()
    .max(80)
    .refine((text) => text.startsWith('secret:'), 'must be secret:NAME')
    .optional()
    .describe(
      'Another secret, as `secret:NAME`, that proves the client by HTTP Basic; absent: a public client.',
    ),
  scope: matching(SCOPE, 'must be scopes with single spaces between them')
    .optional()
    .describe('Scope that is asked for; absent: that of the refresh token.'),
})

const secretSchema = z
  .strictObject({
    from: z
      .string()
      .refine(
        (text) => ENV.test(text) || FILE.test(text) || PROVIDER.test(text),
        'must be env:NAME, file:PATH or provider:NAME',
      )
      .describe(
        'Where its value comes from: `env:NAME`, `file:PATH`, or `provider:NAME`, for which the function `secrets` of createTollgate is asked.',
      ),
    bearer: z.strictObject({}).optional().describe('Sent as `Authorization: Bearer VALUE`.'),
    basic: z
      .strictObject({
        username: matching(USERNAME, 'must be a user name without a colon').describe('User name.'),
      })
      .optional()
      .describe('Sent as the password of HTTP Basic for this user name.'),
    header: z
      .strictObject({
        name: z
          .string()
          .regex(TOKEN, 'must be the name of a header')
          .refine(
            (name) => !FRAMING.has(name.toLowerCase()),
            'must not be a header that frames or routes the request',
          )
          .describe('Name of the header.'),
      })
      .optional()
      .describe('Sent as the value of this header.'),
    aws_v4: z
      .strictObject({
        access_key_id: matching(AWS_WORD, 'must be the id of an access key').describe(
          'Id of the access key whose secret this is.',
        ),
        region: matching(AWS_WORD, 'must be a region').describe('Region that is signed for.'),
        service: matching(AWS_WORD, 'must be the name of a service').describe(
          'Service that is signed for, like `s3`.',
        ),
      })
      .optional()
      .describe('Never sent: it signs each request (AWS Signature Version 4).'),
    oauth_refresh: oauthSchema
      .optional()
      .describe(
        'A refresh token, never sent to `hosts`: they get an access token as `Authorization: Bearer`, renewed when it expires.',
      ),
    hosts: z
      .array(matching(HOST, 'must be a host, or *.host, with an optional port'))
      .max(256)
      .optional()
      .describe('Hosts that it may leave to; absent: those of the entries that name it.'),
  })
  .refine((secret) => SIGNERS.filter((kind) => secret[kind] !== undefined).length <= 1, {
    error:
      'must say how it is sent by at most one of bearer: {}, basic: { username }, header: { name }, aws_v4: { access_key_id, region, service }, oauth_refresh: { token_url, client_id }',
  })
  .refine((secret) => secret.oauth_refresh === undefined || secret.hosts !== undefined, {
    path: ['hosts'],
    error: 'must be given with oauth_refresh: the hosts that its access tokens may leave to',
  })

/** `secrets`: by name. */
export const secretsSchema = z
  .record(z.string().regex(NAME, 'must be a name of letters, digits, _ and -'), secretSchema)
  .superRefine((secrets, issues) => {
    for (const [name, { oauth_refresh: oauth }] of Object.entries(secrets)) {
      const client = oauth?.client_secret?.slice('secret:'.length)
      if (client === undefined) continue
      const declared = Object.hasOwn(secrets, client) ? secrets[client] : undefined
      const path = [name, 'oauth_refresh', 'client_secret']
      if (declared === undefined)
        issues.addIssue({ code: 'custom', path, message: `no secret is named ${client}` })
      else if (SIGNERS.some((kind) => declared[kind] !== undefined))
        issues.addIssue({
          code: 'custom',
          path,
          message: `the secret ${client} says how it is sent to others`,
        })
    }
  })
  .nullable()
  .default(null)
  .describe(
    'Credentials that the host adds to requests, or hands to host tools. Their values never reach the tool, a log or an error.',
  )

type Secret = z.output<typeof secretSchema>

const signerOf = ({ bearer, basic, header, aws_v4: aws, oauth_refresh: oauth }: Secret): SecretSigner => {
  if (bearer !== undefined) return { kind: 'bearer' }
  if (basic !== undefined) return { kind: 'basic', username: basic.username }
  if (aws !== undefined)
    return { kind: 'aws_v4', accessKeyId: aws.access_key_id, region: aws.region, awsApi: aws.service }
  if (oauth !== undefined)
    return {
      kind: 'oauth_refresh',
      tokenUrl: oauth.token_url,
      clientId: oauth.client_id,
      clientSecret: oauth.client_secret?.slice('secret:'.length),
      scope: oauth.scope,
    }
  return header === undefined ? { kind: 'none' } : { kind: 'header', name: header.name.toLowerCase() }
}

const isAbsolute = (path: string): boolean => path.startsWith('/') || /^[A-Za-z]:[\\/]|^\\\\/.test(path)

// No library of paths here, for this folder is pure; the operating system resolves the dots.
const sourceOf = (from: string, baseDirectory: string | undefined): SecretDeclaration['source'] => {
  if (from.startsWith('env:')) return { kind: 'env', variable: from.slice('env:'.length) }
  if (from.startsWith('provider:')) return { kind: 'provider', key: from.slice('provider:'.length) }
  const path = from.slice('file:'.length)
  return {
    kind: 'file',
    path:
      baseDirectory === undefined || isAbsolute(path)
        ? path
        : `${baseDirectory}/${path.replace(/^(?:\.\/+)+/, '')}`,
  }
}

/** The declarations of parsed secrets; relative files stand under `baseDirectory`. */
export const compileSecrets = (
  secrets: z.output<typeof secretsSchema>,
  baseDirectory: string | undefined,
): readonly SecretDeclaration[] =>
  Object.entries(secrets ?? {}).map(([name, secret]) =>
    Object.freeze({
      name,
      source: Object.freeze(sourceOf(secret.from, baseDirectory)),
      signer: Object.freeze(signerOf(secret)),
      hosts: secret.hosts && Object.freeze(secret.hosts.map((host) => host.toLowerCase())),
    }),
  )
