import type { Effect } from '../../../runtime/abi/ops.ts'
import { TollgateError } from '../../errors/tollgate-error.ts'
import type { Ask, Category, GrantEnvironment, IdempotencyClass } from '../capability.ts'
import { covers, readDomainPattern, type DomainPattern } from './domain-pattern.ts'
import { HEADERS_ALWAYS_ALLOWED } from './header-rules.ts'
import type { Method } from './ops.ts'
import { readPathPattern, type PathPattern } from './path-pattern.ts'
import { effectOfMethod, strongerEffect } from './schema-rules.ts'
import type { EntryDocument } from './entry-schema.ts'

/** One element of allowed_domains, compiled. Frozen. */
export type HttpEntry = {
  readonly index: number
  /** `permissions.http.allowed_domains[1]`. */
  readonly rule: string
  readonly pattern: DomainPattern
  readonly methods: readonly Method[]
  /** Undefined: any path. */
  readonly paths: readonly PathPattern[] | undefined
  /** Undefined: any name. */
  readonly query: ReadonlySet<string> | undefined
  readonly headers: ReadonlySet<string>
  readonly auth: string | undefined
  readonly categories: readonly Category[]
  readonly ask: Ask | undefined
  readonly costMicroUsd: number
  readonly keyTtlMs: number | undefined
  readonly egressBytesMax: number | undefined
  effectOf(method: Method): Effect
  idempotencyOf(effect: Effect): IdempotencyClass
}

/** Dollars as integer micro-dollars, rounded up: a price is never understated. */
const microUsd = (usd: number): number => Math.ceil(usd * 1e6 - 1e-6)

const invalid = (rule: string, problem: string): never => {
  throw new TollgateError('CONFIG_POLICY_INVALID', problem, { rule })
}

const must = <T extends object>(read: T | string, rule: string): T =>
  typeof read === 'string' ? invalid(rule, read) : read

/** Compiles one entry. Throws CONFIG_POLICY_INVALID for a secret that is not declared or may not go there. */
export function compileEntry(
  document: EntryDocument,
  index: number,
  environment: GrantEnvironment,
): HttpEntry {
  const rule = `permissions.http.allowed_domains[${index}]`
  const pattern = must(readDomainPattern(document.domain), `${rule}.domain`)
  if (document.auth !== undefined) checkSecret(document.auth, pattern, rule, environment)
  const { effect: raised, idempotency, key_ttl_seconds: keyTtlSeconds, max_egress_kb: egressKb } = document
  const costMicroUsd =
    document.cost_usd === undefined ? environment.prices.httpCallMicroUsd : microUsd(document.cost_usd)
  return Object.freeze<HttpEntry>({
    index,
    rule,
    pattern,
    costMicroUsd,
    methods: Object.freeze([...document.methods]),
    paths: document.paths?.map((text, at) => must(readPathPattern(text), `${rule}.paths[${at}]`)),
    query: document.query && new Set(document.query),
    headers: new Set([...HEADERS_ALWAYS_ALLOWED, ...document.headers]),
    auth: document.auth,
    categories: Object.freeze([...new Set(document.category)]),
    ask: document.ask,
    keyTtlMs: keyTtlSeconds === undefined ? undefined : Math.floor(keyTtlSeconds * 1000),
    egressBytesMax: egressKb === undefined ? undefined : Math.floor(egressKb * 1024),
    effectOf: (method) => strongerEffect(effectOfMethod(method), raised ?? 'read'),
    idempotencyOf: (effect) => idempotency ?? (effect === 'read' ? 'idempotent' : 'at_most_once'),
  })
}

function checkSecret(
  name: string,
  pattern: DomainPattern,
  rule: string,
  environment: GrantEnvironment,
): void {
  if (!environment.secretHosts.has(name)) invalid(`${rule}.auth`, `no secret is named ${name}`)
  if (environment.unsignedSecrets?.has(name) === true)
    invalid(`${rule}.auth`, `the secret ${name} does not say how it is sent`)
  const hosts = environment.secretHosts.get(name)
  if (hosts !== undefined && !hosts.some((host) => hostCovers(host, pattern))) {
    invalid(
      `${rule}.auth`,
      `the secret ${name} may not go to ${pattern.text}: secrets.${name}.hosts does not list it`,
    )
  }
  if (pattern.scheme === 'http')
    environment.warn(`${rule}.auth`, `the secret ${name} travels unencrypted to ${pattern.text}`)
}

/** Whether a host pattern of a secret covers a domain. A pattern without scheme or port leaves them open. */
function hostCovers(host: string, domain: DomainPattern): boolean {
  const pattern = readDomainPattern(host)
  return typeof pattern !== 'string' && covers(pattern, domain)
}

/** Warns of entries that no request can reach, because an earlier one takes everything that they match. */
export function warnOfShadows(entries: readonly HttpEntry[], environment: GrantEnvironment): void {
  for (const entry of entries) {
    const earlier = entries.find((other) => other.index < entry.index && takesAll(other, entry))
    if (earlier !== undefined)
      environment.warn(
        entry.rule,
        `is never reached: allowed_domains[${earlier.index}] takes all that it matches`,
      )
  }
}

const takesAll = (earlier: HttpEntry, later: HttpEntry): boolean =>
  earlier.pattern.scheme === later.pattern.scheme &&
  earlier.pattern.port === later.pattern.port &&
  covers(earlier.pattern, later.pattern) &&
  earlier.paths === undefined &&
  earlier.query === undefined &&
  later.methods.every((method) => earlier.methods.includes(method)) &&
  [...later.headers].every((name) => earlier.headers.has(name))
