import * as z from 'zod'
import type { SecretSigner } from '../capabilities/capability.ts'
import type { SecretDeclaration } from './compiled.ts'
import { off } from './not-built.ts'

const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/
const ENV = /^env:[A-Za-z_][A-Za-z0-9_]*$/
const FILE = /^file:[^\p{Cc}]{1,4096}$/u
const PROVIDER = /^provider:[A-Za-z0-9_][A-Za-z0-9_./:-]{0,255}$/
// Longer ones are no key of AWS; a slash or a comma would end the field of the header that it stands in.
const AWS_WORD = /^[A-Za-z0-9_-]{1,128}$/
// RFC 9110, section 5.6.2.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/
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

const SIGNERS = ['bearer', 'basic', 'header', 'aws_v4'] as const

// A function, for a pattern in the JSON Schema would be read without its flags.
const matching = (pattern: RegExp, message: string) =>
  z
    .string()
    .max(512)
    .refine((text) => pattern.test(text), message)

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
    oauth_refresh: off([null], 'Tokens by OAuth refresh.'),
    hosts: z
      .array(matching(HOST, 'must be a host, or *.host, with an optional port'))
      .max(256)
      .optional()
      .describe('Hosts that it may leave to; absent: those of the entries that name it.'),
  })
  .refine((secret) => SIGNERS.filter((kind) => secret[kind] !== undefined).length <= 1, {
    error:
      'must say how it is sent by at most one of bearer: {}, basic: { username }, header: { name }, aws_v4: { access_key_id, region, service }',
  })

/** `secrets`: by name. */
export const secretsSchema = z
  .record(z.string().regex(NAME, 'must be a name of letters, digits, _ and -'), secretSchema)
  .nullable()
  .default(null)
  .describe(
    'Credentials that the host adds to requests, or hands to host tools. Their values never reach the tool, a log or an error.',
  )

type Secret = z.output<typeof secretSchema>

const signerOf = ({ bearer, basic, header, aws_v4: aws }: Secret): SecretSigner => {
  if (bearer !== undefined) return { kind: 'bearer' }
  if (basic !== undefined) return { kind: 'basic', username: basic.username }
  if (aws !== undefined)
    return { kind: 'aws_v4', accessKeyId: aws.access_key_id, region: aws.region, awsApi: aws.service }
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
    path: baseDirectory === undefined || isAbsolute(path) ? path : `${baseDirectory}/${path}`,
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
