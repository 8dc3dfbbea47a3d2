import { TollgateError } from '../../errors/tollgate-error.ts'
import type { ResolvedSecret } from '../capability.ts'
import { awsHeaders } from './aws-v4.ts'
import { agreesWith, matchesHost, originText, readDomainPattern, type Origin } from './domain-pattern.ts'
import type { Header } from './header-rules.ts'
import { isRenewable, type CallTokens } from './call-tokens.ts'
import type { HttpRequest } from './ops.ts'

/** What a header value may hold (RFC 9110, section 5.5, without obs-text); a credential with anything else was pasted wrongly. */
const SENDABLE = /^[\u0021-\u007e](?:[\t\u0020-\u007e]*[\u0021-\u007e])?$/

/** The headers by which the host says who sends a request: one for most secrets, several for a signature. Throws like {@link credentialFor}. */
export async function credentialHeaders(
  name: string,
  request: HttpRequest,
  secrets: ReadonlyMap<string, ResolvedSecret>,
  tokens: CallTokens,
): Promise<readonly Header[]> {
  const header = credentialFor(name, request, secrets)
  if (header !== undefined) return [header]
  const secret = secrets.get(name)
  if (secret !== undefined && isRenewable(secret))
    return [['authorization', `Bearer ${await tokens.get(secret)}`]]
  return secret?.signer.kind === 'aws_v4' ? awsHeaders(request, secret.signer, secret.value, Date.now()) : []
}

/** Throws DENIED_SECRET_HOST when a secret may not go to an origin. */
export function refuseOtherHost({ name, hosts }: ResolvedSecret, origin: Origin): void {
  if (hosts === undefined || hosts.some((host) => mayGoTo(host, origin))) return
  const place = originText(origin)
  const rule = `secrets.${name}.hosts`
  throw new TollgateError('DENIED_SECRET_HOST', `The secret ${name} may not go to ${place}.`, {
    rule,
    change: `list ${place} under ${rule}`,
  })
}

/**
 * The header that carries a credential to an origin, undefined where it is a signature, or a token that
 * must be got first. Made after the final judgement of each hop, never part of what is judged,
 * approved or recorded. Throws DENIED_SECRET_HOST when the secret may not go there, CONFIG_SECRET_MISSING when it cannot be sent.
 */
export function credentialFor(
  name: string,
  origin: Origin,
  secrets: ReadonlyMap<string, ResolvedSecret>,
): Header | undefined {
  const secret = secrets.get(name)
  const rule = `secrets.${name}`
  if (secret === undefined)
    throw new TollgateError('CONFIG_SECRET_MISSING', `The secret ${name} was not resolved.`, { rule })
  refuseOtherHost(secret, origin)
  const header = signed(secret)
  if (header !== undefined && !SENDABLE.test(header[1])) {
    throw new TollgateError(
      'CONFIG_SECRET_MISSING',
      `The secret ${name} holds characters that no header can carry.`,
      {
        rule,
      },
    )
  }
  return header
}

function mayGoTo(host: string, origin: Origin): boolean {
  const pattern = readDomainPattern(host)
  return typeof pattern !== 'string' && matchesHost(pattern, origin.host) && agreesWith(pattern, origin)
}

/** RFC 6750, section 2.1, and RFC 7617, section 2 (with UTF-8). */
function signed({ value, signer }: ResolvedSecret): Header | undefined {
  switch (signer.kind) {
    case 'bearer':
      return ['authorization', `Bearer ${value}`]
    case 'basic':
      return [
        'authorization',
        `Basic ${Buffer.from(`${signer.username}:${value}`, 'utf8').toString('base64')}`,
      ]
    case 'header':
      return [signer.name.toLowerCase(), value]
    case 'aws_v4':
    case 'oauth_refresh':
    case 'none':
      return undefined
  }
}
